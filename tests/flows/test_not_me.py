"""“This was not me”: outcome, what was written, what survived."""

from datetime import timedelta

import pytest
import time_machine

from services import clock
from tests import mailed
from tests.mailed import ADA, FRESH_PASSWORD, NEW, NOT_ME, RESET, UNDO, code_of
from tests.people import PASSWORD, House

CHANGE = {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}


@pytest.fixture
def access(house: House) -> str:
    house.account()
    return house.tokens()[0]


def link_after_a_change(house: House, access: str) -> str:
    """The path of the button, after somebody changed the password."""
    assert house.post("/change-password", CHANGE, access).status_code == 200
    return mailed.newest(house, ADA, NOT_ME)


def test_the_button_ends_every_session_and_nobody_elses(house: House, access: str) -> None:
    house.account("bea", "bea@example.org")
    link = link_after_a_change(house, access)
    (other, refresh), (bea, _) = house.tokens("ada", FRESH_PASSWORD), house.tokens("bea")
    answer = house.post(link)
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    assert [mailed.reason_of(house, token) for token in (access, other)] == ["revoked_by_user"] * 2
    assert house.post("/refresh", token=refresh).get_json()["reason"] == "revoked_by_user"
    assert house.get("/profile", bea).status_code == 200


def test_the_button_voids_the_password_until_it_is_reset(house: House, access: str) -> None:
    house.post(link_after_a_change(house, access))
    for password in (PASSWORD, FRESH_PASSWORD):
        assert code_of(house.login("ada", password)) == "invalid_credentials"
    assert mailed.reset(house, mailed.newest(house, ADA, RESET), "my-own-new-lantern").status_code == 200
    assert house.login("ada", "my-own-new-lantern").status_code == 200


def test_the_button_leaves_address_and_an_established_second_factor(house: House) -> None:
    with time_machine.travel(clock.now() - timedelta(days=7, seconds=5)):
        house.account()
        _, codes = mailed.turn_mfa_on(house, house.tokens()[0])
    body = {"username": "ada", "password": PASSWORD, "mfa_code": codes[0]}
    mailed.ask_for_change(house, house.post("/login", body).get_json()["access_token"])
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200
    assert mailed.reset(house, mailed.newest(house, ADA, RESET)).status_code == 200
    assert code_of(house.login(ADA, FRESH_PASSWORD)) == "mfa_required"


def test_the_press_stands_in_the_record(house: House, access: str) -> None:
    house.post(link_after_a_change(house, access))
    mailed.reset(house, mailed.newest(house, ADA, RESET))
    back, _ = house.tokens("ada", FRESH_PASSWORD)
    assert mailed.events(house, back)[:3] == ["signed_in", "password_reset", "not_me"]


def test_the_button_voids_half_finished_sign_ins_and_older_reset_links(house: House, access: str) -> None:
    secret, _ = mailed.turn_mfa_on(house, access)
    link, reset = mailed.newest(house, ADA, NOT_ME), mailed.ask_for_reset(house)
    pending = house.login().get_json()["mfa_token"]
    assert house.post(link).status_code == 200
    house.deliver()
    before = mailed.written()
    assert code_of(house.post("/login", {"mfa_token": pending, "mfa_code": mailed.code(secret)})) == "token_invalid"
    assert code_of(mailed.reset(house, reset)) == "invalid_token"
    assert mailed.written() == before


def test_a_link_works_once(house: House, access: str) -> None:
    link = link_after_a_change(house, access)
    assert house.post(link).status_code == 200
    mailed.reset(house, mailed.newest(house, ADA, RESET))
    back, _ = house.tokens("ada", FRESH_PASSWORD)
    house.deliver()
    before = mailed.written()
    answer = house.post(link)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_token")
    assert mailed.written() == before
    assert house.get("/profile", back).status_code == 200


def test_a_link_works_for_seven_days(house: House, access: str) -> None:
    link, told = link_after_a_change(house, access), clock.now()
    before = mailed.written()
    with time_machine.travel(told + timedelta(days=7, seconds=5)):
        assert code_of(house.post(link)) == code_of(house.get(link)) == "invalid_token"
        assert mailed.written() == before
    with time_machine.travel(told + timedelta(days=7) - timedelta(seconds=10)):
        assert house.post(link).status_code == 200


def test_a_bad_link_changes_nothing(house: House, access: str) -> None:
    link_after_a_change(house, access)
    before = mailed.written()
    for token in ("x", "A" * 43, "%01"):
        assert code_of(house.post(NOT_ME + token)) == "invalid_token"
    assert mailed.written() == before


def test_the_button_takes_a_younger_second_factor_away(house: House, access: str) -> None:
    mailed.turn_mfa_on(house, access)
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200
    mailed.reset(house, mailed.newest(house, ADA, RESET))
    assert house.login(ADA, FRESH_PASSWORD).status_code == 200


def test_the_button_gives_the_address_back_that_it_was_mailed_to(house: House, access: str) -> None:
    """Whoever changed the password and then moved the account cannot make the owner's first notice void."""
    link = link_after_a_change(house, access)
    mailed.move(house, access, NEW)
    assert house.post(link).status_code == 200
    assert mailed.reset(house, mailed.newest(house, ADA, RESET), "my-own-new-lantern").status_code == 200
    assert house.get("/profile", house.tokens(ADA, "my-own-new-lantern")[0]).get_json()["email"] == ADA


def test_the_button_mailed_to_an_address_that_was_given_up_by_an_undo_is_void(house: House, access: str) -> None:
    mailed.move(house, access, NEW)
    house.post("/change-password", CHANGE, access)
    theirs = mailed.newest(house, NEW, NOT_ME)
    assert house.post(mailed.newest(house, ADA, UNDO)).status_code == 200
    house.deliver()
    before = mailed.written()
    for answer in (house.get(theirs), house.post(theirs)):
        assert code_of(answer) == "invalid_token"
    assert mailed.written() == before


def test_the_button_brings_a_deleted_account_back(house: House, access: str) -> None:
    link = link_after_a_change(house, access)
    assert house.ask("DELETE", "/profile", {"password": FRESH_PASSWORD}, access).status_code == 204
    assert house.post(link).status_code == 200
    mailed.reset(house, mailed.newest(house, ADA, RESET), "my-own-new-lantern")
    assert house.login(ADA, "my-own-new-lantern").status_code == 200


def test_resets_that_anybody_asked_for_do_not_keep_the_owners_own_from_being_mailed(house: House, access: str) -> None:
    link = link_after_a_change(house, access)
    for _ in range(6):
        house.post("/forgot-password", {"email": ADA})
    before = len(mailed.paths(house, ADA, RESET))
    assert house.post(link).status_code == 200
    assert len(mailed.paths(house, ADA, RESET)) == before + 1
    assert mailed.reset(house, mailed.newest(house, ADA, RESET), "my-own-new-lantern").status_code == 200
