"""Changing one's own password: outcome, what was written, what survived."""

from datetime import timedelta

import time_machine

from services import clock
from tests import mailed
from tests.mailed import ADA, FRESH_PASSWORD, NOT_ME, code_of
from tests.people import PASSWORD, House

CHANGE = {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}


def test_a_change_sets_the_password(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    answer = house.post("/change-password", CHANGE, access)
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    assert house.login().get_json()["code"] == "invalid_credentials"
    assert house.login("ada", FRESH_PASSWORD).status_code == 200


def test_a_change_ends_the_other_sessions_and_no_one_elses(house: House) -> None:
    house.account()
    house.account("bea", "bea@example.org")
    (other, other_refresh), (bea, _), (own, refresh) = house.tokens(), house.tokens("bea"), house.tokens()
    assert house.post("/change-password", CHANGE, own).status_code == 200
    assert mailed.reason_of(house, other) == "password_changed"
    assert house.post("/refresh", token=other_refresh).get_json()["reason"] == "password_changed"
    assert house.get("/profile", own).status_code == house.get("/profile", bea).status_code == 200
    assert house.post("/refresh", token=refresh).status_code == 200


def test_the_owner_is_told_of_a_change(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    house.post("/change-password", CHANGE, access)
    assert mailed.subjects(house, ADA)[-1] == "your password was changed"
    assert mailed.events(house, access)[0] == "password_changed"
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200
    assert mailed.reason_of(house, access) == "revoked_by_user"


def test_a_change_cancels_a_change_of_address_that_another_session_began(house: House) -> None:
    house.account()
    (other, _), (own, _) = house.tokens(), house.tokens()
    mailed.ask_for_change(house, other, "first@evil.example.org")
    link = mailed.ask_for_change(house, other, "eve@evil.example.org")
    assert house.post("/change-password", CHANGE, own).status_code == 200
    house.deliver()
    before = mailed.written()
    assert code_of(house.post(link)) == "invalid_token"
    assert mailed.written() == before
    profile = house.get("/profile", own).get_json()
    assert (profile["email"], profile["pending_email"]) == (ADA, None)


def test_a_change_of_address_whose_letter_still_waits_is_cancelled_too(house: House) -> None:
    house.account()
    (other, _), (own, _) = house.tokens(), house.tokens()
    house.put("/profile", {"email": "eve@evil.example.org"}, other)
    assert house.post("/change-password", CHANGE, own).status_code == 200
    assert house.mail_to("eve@evil.example.org") == []


def test_a_wrong_present_password_changes_nothing(house: House) -> None:
    house.account()
    (other, _), (access, _) = house.tokens(), house.tokens()
    house.deliver()
    before = mailed.written()
    answer = house.post("/change-password", CHANGE | {"current_password": "wrong-horse-battery"}, access)
    assert (answer.status_code, code_of(answer)) == (401, "invalid_credentials")
    assert mailed.written() == before
    assert house.get("/profile", other).status_code == house.get("/profile", access).status_code == 200
    assert mailed.events(house, access)[0] == "reauthentication_failed"


def test_a_refused_new_password_changes_nothing(house: House) -> None:
    house.account()
    (other, _), (access, _) = house.tokens(), house.tokens()
    house.deliver()
    before = mailed.written()
    for password in ("short", "password1", "ada", "x" * 257):
        answer = house.post("/change-password", CHANGE | {"new_password": password}, access)
        assert (answer.status_code, set(answer.get_json()["errors"])) == (422, {"new_password"})
    assert mailed.written() == before
    assert house.get("/profile", other).status_code == house.login().status_code == 200


def test_with_a_second_factor_a_change_wants_a_recent_sign_in(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    mailed.turn_mfa_on(house, access)
    house.deliver()
    before = mailed.written()
    with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=5)):
        answer = house.post("/change-password", CHANGE, access)
        assert (answer.status_code, code_of(answer)) == (401, "reauthentication_required")
        assert answer.get_json()["methods"] == ["password", "email_otp", "totp", "recovery_code"]
        assert mailed.written() == before
    with time_machine.travel(clock.now() + timedelta(minutes=9, seconds=50)):
        assert house.post("/change-password", CHANGE, access).status_code == 200
        assert code_of(house.login("ada", FRESH_PASSWORD)) == "mfa_required"


def test_without_a_second_factor_a_change_wants_the_present_password_only(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    with time_machine.travel(clock.now() + timedelta(minutes=19)):
        assert house.post("/change-password", CHANGE, access).status_code == 200


def test_a_change_voids_half_finished_sign_ins_and_codes(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    secret, _ = mailed.turn_mfa_on(house, access)
    pending = house.login().get_json()["mfa_token"]
    otp = mailed.ask_for_code(house, ADA)
    assert house.post("/change-password", CHANGE, access).status_code == 200
    before = mailed.written()
    half = house.post("/login", {"mfa_token": pending, "mfa_code": mailed.code(secret)})
    mailed_code = house.post("/verify-otp", {"email": ADA, "otp_code": otp, "password": FRESH_PASSWORD})
    assert (code_of(half), code_of(mailed_code)) == ("token_invalid", "invalid_otp")
    assert mailed.written() == before
