"""Staying signed in and signing out: one successor for each refresh token, and an end that holds at once."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
import time_machine
from sqlalchemy import func, select, update

from database import db, rows, unit_of_work
from model import AuditFact, Session, User
from tests.people import PASSWORD, House

EQUAL = ("jti", "iat", "nbf", "exp", "csrf")


def refreshed(house: House, token: str) -> tuple[str, str]:
    answer = house.post("/refresh", token=token)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()["access_token"], answer.get_json()["refresh_token"]


def claims(token: str) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return {name: found[name] for name in EQUAL}


def judged(house: House, token: str, method: str = "GET", path: str = "/profile") -> tuple[int, str, str | None]:
    answer = house.ask(method, path, token=token)
    problem = answer.get_json()
    assert answer.status_code == 200 or answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    return answer.status_code, problem.get("code", "ok"), problem.get("reason")


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=False)


def test_a_refresh_gives_a_new_pair_of_the_same_session(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    renewed, successor = refreshed(house, refresh)
    assert claims(successor)["jti"] != claims(refresh)["jti"]
    old, new = (jwt.decode(token, options={"verify_signature": False}) for token in (access, renewed))
    assert (old["sid"], old["sub"], old["auth_time"]) == (new["sid"], new["sub"], new["auth_time"])
    assert house.get("/profile", renewed).status_code == house.get("/profile", access).status_code == 200


def test_within_the_grace_everyone_gets_the_same_successor(house: House) -> None:
    house.account()
    _, refresh = house.tokens()
    with later(60) as clock:
        answers = [refreshed(house, refresh)[1]]
        for _ in range(3):
            clock.shift(3)
            answers.append(refreshed(house, refresh)[1])
    assert {tuple(claims(token).items()) for token in answers} == {tuple(claims(answers[0]).items())}


def test_after_the_grace_a_spent_token_ends_the_session_and_is_named_once(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    renewed, successor = refreshed(house, refresh)
    with later(11):
        assert judged(house, refresh, "POST", "/refresh") == (401, "token_reused", None)
        ended = (401, "session_ended", "token_reused")
        for token in (refresh, successor):
            assert judged(house, token, "POST", "/refresh") == ended
            assert judged(house, token, "POST", "/logout") == ended
        for token in (access, renewed):
            assert judged(house, token) == ended
    assert rows(select(func.count()).where(AuditFact.kind == "token_reused"))[0][0] == 1


def test_a_grandparent_is_reused_even_within_the_grace(house: House) -> None:
    house.account()
    _, refresh = house.tokens()
    _, child = refreshed(house, refresh)
    refreshed(house, child)
    assert judged(house, refresh, "POST", "/refresh") == (401, "token_reused", None)
    assert judged(house, child, "POST", "/refresh") == (401, "session_ended", "token_reused")


def test_while_the_clock_is_behind_the_last_refresh_a_spent_token_is_neither_good_nor_reused(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    _, grandparent = house.tokens()
    _, parent = refreshed(house, grandparent)
    standing_clock.shift(1000)
    _, newest = refreshed(house, parent)
    standing_clock.shift(-900)
    for token in (parent, grandparent, newest):
        assert judged(house, token, "POST", "/refresh") == (401, "token_invalid", None)
    assert rows(select(Session.ended_at, Session.end_reason)) == [(None, None)]
    assert rows(select(func.count()).where(AuditFact.kind == "token_reused"))[0][0] == 0
    standing_clock.shift(900)
    assert claims(refreshed(house, parent)[1]) == claims(newest), "the grace, as ever"
    _, last = refreshed(house, newest)
    standing_clock.shift(11)
    assert judged(house, newest, "POST", "/refresh") == (401, "token_reused", None)
    assert judged(house, last, "POST", "/refresh") == (401, "session_ended", "token_reused")


def test_workers_whose_clocks_differ_a_little_give_the_same_successor(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    _, refresh = house.tokens()
    standing_clock.shift(59)
    _, successor = refreshed(house, refresh)
    standing_clock.shift(-59)
    assert claims(refreshed(house, refresh)[1]) == claims(successor)


def test_the_parent_is_never_a_second_chain(house: House) -> None:
    """Parent and successor used in turn within the grace always lead to the one live leaf."""
    house.account()
    _, refresh = house.tokens()
    _, first = refreshed(house, refresh)
    _, again = refreshed(house, refresh)
    assert claims(first) == claims(again)
    _, second = refreshed(house, first)
    assert claims(refreshed(house, again)[1]) == claims(second)
    assert rows(select(func.count()).select_from(Session))[0][0] == 1


def test_a_reuse_in_one_session_leaves_the_others_alone(house: House) -> None:
    house.account()
    _, refresh = house.tokens()
    other, _ = house.tokens()
    refreshed(house, refreshed(house, refresh)[1])
    assert judged(house, refresh, "POST", "/refresh")[1] == "token_reused"
    assert judged(house, other)[0] == 200


@pytest.mark.parametrize("which", ["access", "refresh", "spent refresh"])
def test_logout_by_any_token_of_the_session_ends_it_at_once(house: House, which: str) -> None:
    house.account()
    access, refresh = house.tokens()
    renewed, successor = refreshed(house, refresh)
    with later(60):
        token = {"access": access, "refresh": successor, "spent refresh": refresh}[which]
        assert house.post("/logout", token=token).status_code == 200
        for own in (access, renewed):
            assert judged(house, own) == (401, "session_ended", "logout")
        for own in (refresh, successor):
            assert judged(house, own, "POST", "/refresh") == (401, "session_ended", "logout")
        assert judged(house, token, "POST", "/logout") == (401, "session_ended", "logout")


def test_logout_beats_the_grace(house: House) -> None:
    house.account()
    _, refresh = house.tokens()
    access, _ = refreshed(house, refresh)
    house.post("/logout", token=access)
    assert judged(house, refresh, "POST", "/refresh") == (401, "session_ended", "logout")


def test_logout_ends_the_own_session_only(house: House) -> None:
    house.account()
    one, _ = house.tokens()
    other, _ = house.tokens()
    house.post("/logout", token=one)
    assert judged(house, other)[0] == 200


def test_a_session_has_an_absolute_end_that_refreshing_does_not_move(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    with unit_of_work():
        db.session.execute(update(Session).values(expires_at=datetime.now(UTC) + timedelta(seconds=100)))
    _, successor = refreshed(house, refresh)
    assert (
        jwt.decode(successor, options={"verify_signature": False})["exp"]
        <= (datetime.now(UTC) + timedelta(seconds=100)).timestamp()
    )
    with later(101):
        assert judged(house, access) == (401, "session_ended", "expired")
        assert judged(house, refresh, "POST", "/refresh") == (401, "session_ended", "expired")


def test_an_account_that_became_inactive_is_out_at_once(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    with unit_of_work():
        db.session.execute(update(User).values(is_active=False))
    assert judged(house, access) == (401, "session_ended", "account_inactive")
    for path in ("/refresh", "/logout"):
        assert judged(house, refresh, "POST", path) == (401, "session_ended", "account_inactive")


def test_an_inactive_account_shows_with_the_right_password_only(house: House) -> None:
    house.account()
    with unit_of_work():
        db.session.execute(update(User).values(is_active=False))
    unknown = house.login("nobody", "wrong-horse-battery")
    for name in ("ada", "ada@example.org"):
        right, wrong = house.login(name, PASSWORD), house.login(name, "wrong-horse-battery")
        assert (right.status_code, right.get_json()["code"]) == (403, "account_inactive")
        assert wrong.get_json() | {"request_id": ""} == unknown.get_json() | {"request_id": ""}
        assert (wrong.status_code, wrong.get_json()["code"]) == (401, "invalid_credentials")
    assert rows(select(func.count()).select_from(Session))[0][0] == 0


def test_an_unconfirmed_sign_up_shows_with_the_right_password_only(house: House) -> None:
    house.sign_up()
    assert house.login("ada").status_code == 403
    assert house.login("ada", "wrong-horse-battery").get_json()["code"] == "invalid_credentials"
    assert house.login("ada@example.org").get_json()["code"] == "invalid_credentials"


def test_a_confirmation_link_ends_after_a_day(house: House) -> None:
    house.sign_up()
    link = house.confirm_link()
    with later(86401):
        assert house.post(link).get_json()["code"] == "invalid_token"
    assert house.post(link).status_code == 200
