"""`/change-password`: shape, status, code, headers."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import mailed
from tests.mailed import ADA, FRESH_PASSWORD, NOT_ME, RESET
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.problem import code_of, errors_of

CHANGE = {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}


def test_a_change_answers_with_a_message(door: Door) -> None:
    door.account()
    answer = door.post("/change-password", CHANGE, door.tokens()[0])
    assert (answer.status_code, answer.mimetype, set(answer.get_json())) == (200, "application/json", {"message"})
    assert "Session-Idle-Expires" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"current_password": PASSWORD},
        {"new_password": FRESH_PASSWORD},
        CHANGE | {"new_password": None},
        CHANGE | {"current_password": 1},
        CHANGE | {"username": "ada"},
    ],
)
def test_a_body_against_the_schema_is_refused(door: Door, body: dict[str, Any]) -> None:
    door.account()
    access, _ = door.tokens()
    before = door.user()
    errors_of(door.post("/change-password", body, access))
    assert door.user() == before


def test_nobody_changes_a_password_without_an_access_token(door: Door) -> None:
    door.account()
    _, refresh = door.tokens()
    before = door.user()
    assert code_of(door.post("/change-password", CHANGE)) == "authentication_required"
    assert code_of(door.post("/change-password", CHANGE, refresh)) == "token_invalid"
    assert door.user() == before


def test_a_wrong_present_password_is_no_fault_of_the_token(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    answer = door.post("/change-password", CHANGE | {"current_password": "wrong"}, access)
    assert code_of(answer) == "invalid_credentials"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.get_json()["detail"] == "This is not your present password."
    assert door.get("/profile", access).status_code == 200


def test_an_account_without_a_password_is_sent_to_forgot_password(build: Callable[..., Door]) -> None:
    door = build(OTP_PASSWORDLESS_LOGIN="true")
    door.account()
    door.post("/change-password", CHANGE, door.tokens()[0])
    assert door.post(mailed.newest(door, ADA, NOT_ME)).status_code == 200
    otp = mailed.ask_for_code(door, ADA)
    access = door.post("/verify-otp", {"email": ADA, "otp_code": otp}).get_json()["access_token"]
    assert door.get("/profile", access).get_json()["has_password"] is False
    before = door.user()
    answer = door.post("/change-password", CHANGE, access)
    assert (answer.status_code, code_of(answer)) == (409, "password_not_set")
    assert "/forgot-password" in answer.get_json()["detail"]
    assert door.user() == before
    assert mailed.reset(door, mailed.newest(door, ADA, RESET), PASSWORD).status_code == 200
    assert door.login().status_code == 200
