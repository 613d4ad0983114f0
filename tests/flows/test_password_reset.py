"""Forgetting a password: outcome, what was written, what survived."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from services import clock
from tests import mailed
from tests.mailed import ADA, CONFIRM, FRESH_PASSWORD, NEW, NOT_ME, RESET, code_of
from tests.people import PASSWORD, House


def test_a_reset_sets_the_password(house: House) -> None:
    house.account()
    answer = mailed.reset(house, mailed.ask_for_reset(house))
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    assert house.login().get_json()["code"] == "invalid_credentials"
    assert house.login("ada", FRESH_PASSWORD).status_code == house.login(ADA, FRESH_PASSWORD).status_code == 200


def test_a_reset_ends_every_session(house: House) -> None:
    house.account()
    house.account("bea", "bea@example.org")
    pairs, (bea, _) = [house.tokens() for _ in range(2)], house.tokens("bea")
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert [mailed.reason_of(house, access) for access, _ in pairs] == ["password_reset"] * 2
    for _, refresh in pairs:
        assert house.post("/refresh", token=refresh).get_json()["reason"] == "password_reset"
    assert house.get("/profile", bea).status_code == 200


def test_a_reset_signs_nobody_in(house: House) -> None:
    house.account()
    mailed.reset(house, mailed.ask_for_reset(house))
    assert mailed.written()["sessions"] == []


def test_a_reset_leaves_the_second_factor_on(house: House) -> None:
    house.account()
    secret, codes = mailed.turn_mfa_on(house, house.tokens()[0])
    mailed.reset(house, mailed.ask_for_reset(house))
    wanted = house.login("ada", FRESH_PASSWORD)
    assert (code_of(wanted), wanted.get_json()["methods"]) == ("mfa_required", ["totp", "recovery_code"])
    body = {"mfa_token": wanted.get_json()["mfa_token"], "mfa_code": mailed.code(secret)}
    access = house.post("/login", body).get_json()["access_token"]
    assert house.get("/mfa", access).get_json()["recovery_codes_left"] == len(codes) == 10


def test_the_owner_is_told_of_a_reset(house: House) -> None:
    house.account()
    mailed.reset(house, mailed.ask_for_reset(house))
    assert mailed.subjects(house, ADA)[-2:] == ["set a new password", "your password was changed"]
    access, _ = house.tokens("ada", FRESH_PASSWORD)
    assert mailed.events(house, access).count("password_reset") == 1
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200


def test_a_reset_link_works_once(house: House) -> None:
    house.account()
    link = mailed.ask_for_reset(house)
    mailed.reset(house, link)
    before = mailed.written()
    answer = mailed.reset(house, link, "another-fine-password")
    assert (answer.status_code, code_of(answer)) == (400, "invalid_token")
    assert mailed.written() == before
    assert house.login("ada", FRESH_PASSWORD).status_code == 200


def test_only_the_newest_reset_link_works(house: House) -> None:
    house.account()
    older, newer = mailed.ask_for_reset(house), mailed.ask_for_reset(house)
    before = mailed.written()
    assert older != newer
    assert code_of(mailed.reset(house, older)) == code_of(house.get(older)) == "invalid_token"
    assert mailed.written() == before
    assert mailed.reset(house, newer).status_code == 200


def test_a_reset_link_works_for_thirty_minutes(house: House) -> None:
    house.account()
    link, asked = mailed.ask_for_reset(house), clock.now()
    before = mailed.written()
    with time_machine.travel(asked + timedelta(minutes=30, seconds=5)):
        assert code_of(mailed.reset(house, link)) == code_of(house.get(link)) == "invalid_token"
        assert mailed.written() == before
    with time_machine.travel(asked + timedelta(minutes=29, seconds=50)):
        assert mailed.reset(house, link).status_code == 200


def test_a_refused_password_does_not_spend_the_link(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    link = mailed.ask_for_reset(house)
    before = mailed.written()
    for password in ("short", "password1", "ada@example.org", "x" * 257, ""):
        answer = mailed.reset(house, link, password)
        assert (answer.status_code, set(answer.get_json()["errors"])) == (422, {"password"})
    assert mailed.written() == before
    assert house.login().status_code == house.get("/profile", access).status_code == 200
    assert mailed.reset(house, link).status_code == 200


def test_a_bad_reset_link_changes_nothing(house: House) -> None:
    house.account()
    mailed.ask_for_reset(house)
    before = mailed.written()
    for token in ("x", "A" * 43, "é", "%01"):
        assert code_of(mailed.reset(house, RESET + token)) == "invalid_token"
    assert mailed.written() == before


def test_links_of_other_kinds_do_not_reset(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    house.sign_up("bea", "bea@example.org")
    mailed.move(house, access)
    links = [
        mailed.newest(house, "bea@example.org", CONFIRM),
        mailed.newest(house, ADA, mailed.UNDO),
        mailed.newest(house, ADA, NOT_ME),
    ]
    before = mailed.written()
    for link in links:
        assert code_of(mailed.reset(house, RESET + link.rsplit("/", 1)[1])) == "invalid_token"
    assert mailed.written() == before


def test_an_unknown_address_gets_the_same_answer_and_no_mail(house: House) -> None:
    house.account()
    known = house.post("/forgot-password", {"email": "ADA@Example.org"})
    unknown = house.post("/forgot-password", {"email": "nobody@example.org"})
    assert known.status_code == unknown.status_code == 202
    assert known.get_data() == unknown.get_data()
    assert house.mail_to("nobody@example.org") == []
    assert len(mailed.paths(house, ADA, RESET)) == 1, "and the mail goes to the address as it is kept"


def _change_password(house: House, access: str) -> None:
    body = {"current_password": PASSWORD, "new_password": "another-fine-password"}
    assert house.post("/change-password", body, access).status_code == 200


def _move_and_undo(house: House, access: str) -> None:
    mailed.move(house, access)
    assert house.post(mailed.newest(house, ADA, mailed.UNDO)).status_code == 200


def _say_not_me(house: House, access: str) -> None:
    mailed.ask_for_change(house, access)
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200


@pytest.mark.parametrize("change", [_change_password, mailed.move, _move_and_undo, _say_not_me])
def test_a_reset_link_is_void_after_a_change_of_password_or_address(house: House, change: Callable[[House, str], None]) -> None:
    house.account()
    access, _ = house.tokens()
    link = mailed.ask_for_reset(house)
    change(house, access)
    house.deliver()
    before = mailed.written()
    assert code_of(mailed.reset(house, link)) == code_of(house.get(link)) == "invalid_token"
    assert mailed.written() == before


def test_a_reset_voids_half_finished_sign_ins(house: House) -> None:
    house.account()
    secret, _ = mailed.turn_mfa_on(house, house.tokens()[0])
    pending = house.login().get_json()["mfa_token"]
    mailed.reset(house, mailed.ask_for_reset(house))
    answer = house.post("/login", {"mfa_token": pending, "mfa_code": mailed.code(secret)})
    assert code_of(answer) == "token_invalid"
    assert not [row for row in mailed.written()["sessions"] if None in row[-2:]], "no session is open"


def test_a_reset_cancels_a_change_of_address_that_somebody_else_began(house: House) -> None:
    house.account()
    link = mailed.ask_for_change(house, house.tokens()[0], "eve@evil.example.org")
    mailed.reset(house, mailed.ask_for_reset(house))
    before = mailed.written()
    assert code_of(house.post(link)) == "invalid_token"
    assert mailed.written() == before
    access, _ = house.tokens(ADA, FRESH_PASSWORD)
    assert house.get("/profile", access).get_json()["pending_email"] is None


def test_a_reset_of_pending_sign_ups_sets_the_newest_ones_password_and_confirms_it(house: House) -> None:
    for name in ("ada", "bea"):
        house.sign_up(name, ADA)
    confirmations = mailed.paths(house, ADA, CONFIRM)
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert house.login("bea").get_json()["code"] == "invalid_credentials"
    access, _ = house.tokens(ADA, FRESH_PASSWORD)
    profile = house.get("/profile", access).get_json()
    assert (profile["username"], profile["email_confirmed"]) == ("bea", True)
    assert {"email_confirmed", "password_reset"} <= set(mailed.events(house, access))
    before = mailed.written()
    assert [code_of(house.post(link)) for link in confirmations] == ["invalid_token"] * 2
    assert mailed.written() == before
    assert house.login("ada").get_json()["code"] == "email_not_confirmed"


def test_a_reset_of_a_pending_sign_up_comes_too_late_where_another_was_confirmed(house: House) -> None:
    for name in ("ada", "bea"):
        house.sign_up(name, ADA)
    link, first = mailed.ask_for_reset(house), mailed.paths(house, ADA, CONFIRM)[0]
    assert house.post(first).status_code == 200
    before = mailed.written()
    assert code_of(mailed.reset(house, link)) == "invalid_token"
    assert mailed.written() == before
    assert house.login(ADA).status_code == 200


def test_the_account_of_an_address_is_reset_and_no_newer_pending_sign_up(house: House) -> None:
    house.account()
    house.sign_up("eve", ADA)
    mailed.reset(house, mailed.ask_for_reset(house))
    assert house.login(ADA, FRESH_PASSWORD).status_code == 200
    assert house.login("eve").get_json()["code"] == "email_not_confirmed"


def test_after_a_change_of_address_only_the_new_one_resets(house: House) -> None:
    house.account()
    mailed.move(house, house.tokens()[0])
    house.post("/forgot-password", {"email": ADA})
    assert mailed.paths(house, ADA, RESET) == []
    assert mailed.reset(house, mailed.ask_for_reset(house, NEW)).status_code == 200
    assert house.login(NEW, FRESH_PASSWORD).status_code == 200


def test_a_reset_leaves_nothing_of_what_a_stranger_signed_up_with(house: House) -> None:
    """The link proves the mailbox, not who signed up: a stranger's telephone number would stay in the owner's account."""
    written = {"first_name": "Nine-purple", "last_name": "Lanterns", "phone_number": "+441632960961"}
    house.sign_up("eve", ADA, **written)
    link = mailed.ask_for_reset(house)
    assert mailed.reset(house, link, "nine-purple-lanterns").status_code == 200, (
        "nor is a password judged by a stranger's names"
    )
    access, _ = house.tokens("eve", "nine-purple-lanterns")
    profile = house.get("/profile", access).get_json()
    assert {name: profile[name] for name in written} == dict.fromkeys(written)
    house.put("/profile", written, access)
    assert mailed.reset(house, mailed.ask_for_reset(house), "another-fine-password").status_code == 200
    access, _ = house.tokens("eve", "another-fine-password")
    profile = house.get("/profile", access).get_json()
    assert {name: profile[name] for name in written} == written, "what the owner wrote stays"
