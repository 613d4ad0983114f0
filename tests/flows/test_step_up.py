"""Proving oneself anew in a live session: by password or mailed code, with the second factor where one is on."""

from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from database import db, rows, unit_of_work
from model import AuditFact, Session, User
from services import clock
from tests.factors import (
    ADA,
    STEP,
    WRONG_PASSWORD,
    amr,
    another,
    claims,
    login_code,
    newest_code,
    nothing_changes,
    protected,
    said,
    step_up_code,
)
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

STALE = 601
EQUAL = ("jti", "iat", "nbf", "exp", "csrf", "sid", "sub")
WRONG = (401, "invalid_otp")
WANTED = (401, "reauthentication_required")
STALE_TOKEN = (401, "token_expired")
WAYS = ["password", "mailed code"]


def prove(house: House, access: str, way: str) -> dict[str, Any]:
    """A step-up by one of the ways; the answer's body."""
    if way == "password":
        answer = house.post("/reauthenticate", {"password": PASSWORD}, access)
    else:
        answer = house.post("/verify-otp", {"otp_code": step_up_code(house, access)}, access)
    assert answer.status_code == 200, answer.get_json()
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.mark.parametrize("way", WAYS)
def test_a_step_up_makes_the_session_fresh_and_spends_nothing(
    house: House, standing_clock: time_machine.Traveller, way: str
) -> None:
    house.account()
    access, refresh = house.tokens()
    standing_clock.shift(STALE)
    assert said(house.post("/mfa", token=access)) == WANTED
    answer = prove(house, access, way)
    new, again = answer["access_token"], answer["refresh_token"]
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 1800)
    assert claims(new)["exp"] - claims(new)["iat"] == 1800
    assert claims(new)["auth_time"] == claims(new)["iat"] == int(clock.now().timestamp())
    assert claims(new)["amr"] == (["pwd"] if way == "password" else ["email"])
    assert {name: claims(again)[name] for name in EQUAL} == {name: claims(refresh)[name] for name in EQUAL}
    assert claims(new)["sid"] == claims(access)["sid"]
    assert house.post("/mfa", token=new).status_code == 200
    for method, path in (("POST", "/mfa"), ("GET", "/profile"), ("DELETE", "/sessions"), ("POST", "/logout")):
        assert said(house.ask(method, path, token=access)) == STALE_TOKEN, "whoever holds a copy has proved nothing"
    assert len(house.get("/sessions", new).get_json()) == 1
    first = house.post("/refresh", token=refresh).get_json()["refresh_token"]
    assert claims(first)["jti"] == claims(house.post("/refresh", token=again).get_json()["refresh_token"])["jti"]


@pytest.mark.parametrize("way", WAYS)
def test_refreshing_never_renews_when_the_person_proved_himself(
    house: House, standing_clock: time_machine.Traveller, way: str
) -> None:
    house.account()
    access, refresh = house.tokens()
    began = claims(access)["auth_time"]
    standing_clock.shift(300)
    tokens = house.post("/refresh", token=refresh).get_json()
    assert claims(tokens["access_token"])["auth_time"] == began
    standing_clock.shift(300)
    proved = prove(house, tokens["access_token"], way)
    moment = int(clock.now().timestamp())
    for _ in range(3):
        standing_clock.shift(200)
        tokens = house.post("/refresh", token=proved["refresh_token"]).get_json()
        proved = tokens
        assert claims(tokens["access_token"])["auth_time"] == moment
        assert claims(tokens["access_token"])["amr"] == (["pwd"] if way == "password" else ["email"])
    assert house.post("/mfa", token=tokens["access_token"]).status_code == 200
    standing_clock.shift(1)
    assert said(house.post("/mfa", token=tokens["access_token"])) == WANTED


def test_within_the_grace_the_successor_is_the_same_also_after_a_step_up(
    door: Door, standing_clock: time_machine.Traveller
) -> None:
    door.account()
    access, refresh = door.tokens()
    successor = door.post("/refresh", token=refresh).get_json()["refresh_token"]
    standing_clock.shift(5)
    stepped = prove(door, access, "password")["refresh_token"]
    again = door.post("/refresh", token=refresh).get_json()["refresh_token"]
    assert claims(successor)["jti"] == claims(stepped)["jti"] == claims(again)["jti"]


def test_a_token_is_fresh_for_ten_minutes(house: House, standing_clock: time_machine.Traveller) -> None:
    access, phone = protected(house)
    standing_clock.shift(600)
    assert house.post("/mfa/recovery-codes", {"mfa_code": phone.code()}, access).status_code == 200
    standing_clock.shift(1)
    with nothing_changes(house):
        for method, path, body in (
            ("POST", "/mfa", None),
            ("POST", "/mfa", {"mfa_code": phone.code(1)}),
            ("DELETE", "/mfa", {"mfa_code": phone.code(1)}),
            ("POST", "/mfa/recovery-codes", {"mfa_code": phone.code(1)}),
            ("POST", "/change-password", {"current_password": PASSWORD, "new_password": "staple-battery-horse"}),
        ):
            refused = house.ask(method, path, body, access)
            assert said(refused) == WANTED
            assert refused.get_json()["methods"] == ["password", "email_otp", "totp", "recovery_code"]
    assert house.get("/mfa", access).status_code == 200


@pytest.mark.parametrize(("ahead", "answer"), [(59, (200, "ok")), (61, WANTED), (1000, WANTED)])
def test_a_step_up_from_before_the_clock_stepped_back_is_fresh_only_where_two_clocks_may_differ_so_much(
    house: House, standing_clock: time_machine.Traveller, ahead: int, answer: tuple[int, str]
) -> None:
    house.account()
    access, refresh = house.tokens()
    standing_clock.shift(ahead)
    prove(house, access, "password")
    standing_clock.shift(-ahead)
    renewed = house.post("/refresh", token=refresh).get_json()["access_token"]
    assert said(house.post("/mfa", token=renewed)) == answer
    proved = prove(house, renewed, "password")["access_token"]
    assert house.post("/mfa", token=proved).status_code == 200


def test_the_refusal_names_the_ways_that_this_person_has(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    access, _ = house.tokens()
    standing_clock.shift(STALE)
    assert house.post("/mfa", token=access).get_json()["methods"] == ["password", "email_otp"]
    with unit_of_work():
        db.session.execute(update(User).values(password_hash=None))
    assert house.post("/mfa", token=access).get_json()["methods"] == ["email_otp"]


def test_ending_other_sessions_needs_a_recent_sign_in_and_ending_ones_own_does_not(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    other, _ = house.tokens()
    other_id = claims(other)["sid"]
    access, _ = house.tokens()
    standing_clock.shift(STALE)
    with nothing_changes(house):
        for path in ("/sessions", f"/sessions/{other_id}", "/sessions/00000000-0000-4000-8000-000000000000"):
            assert said(house.ask("DELETE", path, token=access)) == WANTED
    proved = prove(house, access, "password")["access_token"]
    assert house.ask("DELETE", f"/sessions/{other_id}", token=proved).status_code == 204
    standing_clock.shift(STALE)
    assert house.ask("DELETE", f"/sessions/{claims(access)['sid']}", token=proved).status_code == 204
    assert house.get("/profile", proved).get_json()["reason"] == "revoked_by_user"


def test_what_people_are_found_by_is_changed_after_a_recent_sign_in_only(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account(phone_number="+441632960961")
    access, _ = house.tokens()
    standing_clock.shift(STALE)
    changes: list[dict[str, str | None]] = [
        {"username": "eve"},
        {"phone_number": "+441632960962"},
        {"phone_number": None},
        {"email": "eve@example.org"},
        {"first_name": "Eve", "username": "eve"},
    ]
    with nothing_changes(house):
        for change in changes:
            assert said(house.put("/profile", change, access)) == WANTED
    assert house.put("/profile", {"first_name": "Ada", "last_name": None}, access).status_code == 200
    proved = prove(house, access, "password")["access_token"]
    for change in changes[:3]:
        assert house.put("/profile", change, proved).status_code == 200


def test_where_a_second_factor_is_on_a_step_up_wants_it_too(house: House, standing_clock: time_machine.Traveller) -> None:
    access, phone = protected(house)
    standing_clock.shift(STALE)
    code = step_up_code(house, access)
    ways: list[tuple[str, dict[str, str], list[str]]] = [
        ("/reauthenticate", {"password": PASSWORD}, ["pwd", "otp", "mfa"]),
        ("/verify-otp", {"otp_code": code}, ["email", "otp", "mfa"]),
    ]
    for path, body, methods in ways:
        standing_clock.shift(STEP)
        with nothing_changes(house):
            wanted = house.post(path, body, access)
            assert said(wanted) == (401, "mfa_required")
            assert wanted.get_json()["methods"] == ["totp", "recovery_code"]
            assert "mfa_token" not in wanted.get_json()
            assert said(house.post(path, body | {"mfa_code": phone.wrong()}, access)) == (401, "invalid_mfa_code")
        answer = house.post(path, body | {"mfa_code": phone.code()}, access)
        assert amr(answer) == methods
        access = answer.get_json()["access_token"]
        assert rows(select(Session.amr))[0].amr == " ".join(methods)
        with nothing_changes(house):
            assert said(house.post(path, body | {"mfa_code": phone.code()}, access))[0] == 401


def test_a_wrong_password_proves_nothing(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    with nothing_changes(house):
        assert said(house.post("/reauthenticate", {"password": WRONG_PASSWORD}, access)) == (401, "invalid_credentials")
    assert house.get("/profile", access).status_code == 200
    kinds = [row.kind for row in rows(select(AuditFact.kind))]
    assert (kinds.count("reauthentication_failed"), kinds.count("reauthenticated")) == (1, 0)


def test_an_account_without_password_proves_itself_by_a_mailed_code(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    access, phone = protected(house)
    with unit_of_work():
        db.session.execute(update(User).values(password_hash=None))
    standing_clock.shift(STALE)
    with nothing_changes(house):
        body = {"password": PASSWORD, "mfa_code": phone.code()}
        assert said(house.post("/reauthenticate", body, access)) == (409, "password_not_set")
    body = {"otp_code": step_up_code(house, access), "mfa_code": phone.code()}
    fresh = house.post("/verify-otp", body, access).get_json()["access_token"]
    standing_clock.shift(STEP)
    assert house.post("/mfa/recovery-codes", {"mfa_code": phone.code()}, fresh).status_code == 200


def test_a_code_mailed_for_a_step_up_is_good_in_its_own_session_only(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    other, _ = house.tokens()
    mine, theirs = step_up_code(house, access), step_up_code(house, other)
    if mine != theirs:
        with nothing_changes(house):
            assert said(house.post("/verify-otp", {"otp_code": theirs}, access)) == WRONG
            assert said(house.post("/verify-otp", {"otp_code": mine}, other)) == WRONG
    proved = house.post("/verify-otp", {"otp_code": mine}, access)
    with nothing_changes(house):
        assert said(house.post("/verify-otp", {"otp_code": mine}, proved.get_json()["access_token"])) == WRONG
    assert house.post("/verify-otp", {"otp_code": theirs}, other).status_code == 200


def test_a_login_code_is_no_step_up_code(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    code = login_code(house)
    with nothing_changes(house):
        assert said(house.post("/verify-otp", {"otp_code": code}, access)) == WRONG


def test_a_newer_step_up_code_voids_the_older_and_each_expires(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    access, _ = house.tokens()
    older, newer = step_up_code(house, access), step_up_code(house, access)
    with nothing_changes(house):
        if older != newer:
            assert said(house.post("/verify-otp", {"otp_code": older}, access)) == WRONG
        standing_clock.shift(600)
        assert said(house.post("/verify-otp", {"otp_code": newer}, access)) == WRONG
    code = step_up_code(house, access)
    standing_clock.shift(599)
    assert house.post("/verify-otp", {"otp_code": code}, access).status_code == 200


def test_five_tries_for_a_session_and_none_taken_from_another(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    access, _ = house.tokens()
    other, _ = house.tokens()
    code, theirs = step_up_code(house, access), step_up_code(house, other)
    for _ in range(5):
        assert said(house.post("/verify-otp", {"otp_code": another(code)}, access)) == WRONG
    with nothing_changes(house):
        refused = house.post("/verify-otp", {"otp_code": code}, access)
        assert (said(refused), refused.headers["Retry-After"]) == ((429, "too_many_attempts"), "3600")
    standing_clock.shift(500)
    assert house.post("/verify-otp", {"otp_code": theirs}, other).status_code == 200
    standing_clock.shift(700)
    with nothing_changes(house):
        assert house.post("/verify-otp", {"otp_code": code}, access).status_code == 429
    assert house.post("/reauthenticate", {"password": PASSWORD}, access).status_code == 200


def test_a_stranger_neither_voids_nor_blocks_nor_outmails_the_owners_step_up(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    code = step_up_code(door, access)
    for _ in range(7):
        door.post("/send-otp", {"email": ADA})
        door.post("/verify-otp", {"email": ADA, "otp_code": another(code), "password": WRONG_PASSWORD})
    door.deliver()
    access = door.post("/verify-otp", {"otp_code": code}, access).get_json()["access_token"]
    step_up_code(door, access)
    assert door.post("/verify-otp", {"otp_code": newest_code(door)}, access).status_code == 200


def test_a_session_that_ended_is_not_proved_anew(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    other, _ = door.tokens()
    code = step_up_code(door, other)
    door.ask("DELETE", "/sessions", token=access)
    with nothing_changes(door):
        for path, body in (("/verify-otp", {"otp_code": code}), ("/reauthenticate", {"password": PASSWORD})):
            assert door.post(path, body, other).get_json()["reason"] == "revoked_by_user"
