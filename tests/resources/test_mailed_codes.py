"""`/send-otp`, `/verify-otp` and `/reauthenticate` at the door, and the settings behind them."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from resources.routes import ROUTES
from services import users
from tests.conftest import SECRETS
from tests.factors import (
    ADA,
    WRONG_PASSWORD,
    amr,
    another,
    login_code,
    nothing_changes,
    protected,
    said,
    second,
    step_up_code,
    verify,
)
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.problem import code_of, errors_of

Build = Callable[..., Door]
TOKEN_ANSWER = {"access_token", "refresh_token", "token_type", "expires_in", "message"}
NOT_WITH_A_TOKEN = ["This call does not know this field when it is sent with a token."]
NEEDED = ["This field is needed."]
FRESH = {
    ("POST", "/mfa"),
    ("DELETE", "/mfa"),
    ("POST", "/mfa/recovery-codes"),
    ("POST", "/auth/<string:provider>/link"),
    ("DELETE", "/auth/<string:provider>/link"),
    ("DELETE", "/sessions"),
}
SOMETIMES = {("POST", "/change-password"), ("PUT", "/profile"), ("DELETE", "/sessions/<string:session_id>")}
"""Where a second factor is on; where a name is changed by which people are found."""


@pytest.fixture
def ada(door: Door) -> tuple[Door, str, str]:
    door.account()
    return door, *door.tokens()


def test_asking_for_a_code_is_answered_alike_for_everybody(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    answers = [
        door.post("/send-otp", {"email": ADA}),
        door.post("/send-otp", {"email": "nobody@example.org"}),
        door.post("/send-otp", token=access),
        door.post("/send-otp", {}, access),
    ]
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(202, answers[0].get_data())}
    assert set(answers[0].get_json()) == {"message"}


def test_without_a_token_an_address_is_needed_and_with_one_refused(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    with nothing_changes(door):
        assert errors_of(door.post("/send-otp")) == {"email": NEEDED}
        for wrong in ("ada", "", "Ada <ada@example.org>", 1, "x" * 321):
            assert set(errors_of(door.post("/send-otp", {"email": wrong}))) == {"email"}
        assert set(errors_of(door.post("/send-otp", {"email": ADA, "session_id": "x"}))) == {"session_id"}
        assert errors_of(door.post("/send-otp", {"email": ADA}, access)) == {"email": NOT_WITH_A_TOKEN}


def test_a_bad_token_is_never_taken_for_no_token(ada: tuple[Door, str, str]) -> None:
    door, access, refresh = ada
    code = login_code(door)
    mine = step_up_code(door, access)
    login = {"email": ADA, "otp_code": code, "password": PASSWORD}
    with nothing_changes(door):
        for token in ("x", refresh, access[:-4], "", code):
            for path, body in (
                ("/send-otp", {"email": ADA}),
                ("/send-otp", None),
                ("/verify-otp", login),
                ("/verify-otp", {"otp_code": mine}),
            ):
                assert said(door.post(path, body, token)) == (401, "token_invalid")
        for path in ("/send-otp", "/verify-otp"):
            refused = door.post(path, login, headers={"Authorization": "Basic YWRhOmFkYQ=="})
            assert said(refused) == (401, "authentication_required")
    assert verify(door, code).status_code == 200


def test_an_expired_token_is_told_so(standing_clock: time_machine.Traveller, ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    standing_clock.shift(1800)
    with nothing_changes(door):
        assert said(door.post("/send-otp", token=access)) == (401, "token_expired")
        assert said(door.post("/verify-otp", {"otp_code": "123456"}, access)) == (401, "token_expired")


def test_with_a_token_address_and_password_are_refused_and_nothing_is_spent(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    code, mine = login_code(door), step_up_code(door, access)
    more: dict[str, Any]
    with nothing_changes(door):
        for more in ({"email": ADA}, {"password": PASSWORD}, {"email": ADA, "password": PASSWORD}):
            for text in (code, mine):
                refused = errors_of(door.post("/verify-otp", {"otp_code": text} | more, access))
                assert refused == dict.fromkeys(more, NOT_WITH_A_TOKEN)
    assert door.post("/verify-otp", {"otp_code": mine}, access).status_code == 200


def test_without_a_token_address_code_and_password_are_needed(ada: tuple[Door, str, str]) -> None:
    door, _, _ = ada
    code = login_code(door)
    with nothing_changes(door):
        assert errors_of(door.post("/verify-otp", {})) == {"otp_code": NEEDED}
        assert errors_of(door.post("/verify-otp", {"otp_code": code, "password": PASSWORD})) == {"email": NEEDED}
        assert errors_of(door.post("/verify-otp", {"otp_code": code, "email": ADA})) == {"password": NEEDED}
        for wrong in ("", "x" * 65, 123456, None, [code]):
            assert set(errors_of(door.post("/verify-otp", {"email": ADA, "otp_code": wrong, "password": PASSWORD}))) == {
                "otp_code"
            }
    assert verify(door, code).status_code == 200


def test_only_the_exact_digits_are_the_code(ada: tuple[Door, str, str]) -> None:
    door, _, _ = ada
    code = login_code(door)
    raised = code.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    with nothing_changes(door):
        for text in (raised, f"{code}.", f"0{code}", code[:5]):
            assert said(verify(door, text)) == (401, "invalid_otp")
    assert verify(door, code).status_code == 200


def test_an_account_that_was_changed_meanwhile_is_a_wrong_part_too(
    ada: tuple[Door, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    door, _, _ = ada
    code = login_code(door)
    with nothing_changes(door), monkeypatch.context() as patched:
        patched.setattr(users, "is_unchanged", lambda account: False)
        assert said(verify(door, code)) == (401, "invalid_otp")
        assert said(door.login()) == (401, "invalid_credentials")
    assert verify(door, code).status_code == 200


def test_both_uses_of_a_code_give_a_token_answer(ada: tuple[Door, str, str]) -> None:
    door, access, _ = ada
    by_password = door.post("/reauthenticate", {"password": PASSWORD}, access)
    access = by_password.get_json()["access_token"]
    by_code = door.post("/verify-otp", {"otp_code": step_up_code(door, access)}, access)
    for answer in (by_password, by_code, verify(door, login_code(door))):
        assert (answer.status_code, set(answer.get_json())) == (200, TOKEN_ANSWER)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Session-Idle-Expires"]
        assert answer.get_json()["expires_in"] in (1799, 1800)


def test_reauthenticating_takes_a_password_and_an_access_token(ada: tuple[Door, str, str]) -> None:
    door, access, refresh = ada
    with nothing_changes(door):
        assert code_of(door.post("/reauthenticate", {"password": PASSWORD})) == "authentication_required"
        assert code_of(door.post("/reauthenticate", {"password": PASSWORD}, refresh)) == "token_invalid"
        assert errors_of(door.post("/reauthenticate", {}, access)) == {"password": NEEDED}
        assert set(errors_of(door.post("/reauthenticate", {"password": PASSWORD, "username": "ada"}, access))) == {"username"}
        assert code_of(door.post("/reauthenticate", {"password": "x" * 257}, access)) == "invalid_credentials"
        assert set(errors_of(door.post("/reauthenticate", {"password": "x" * 4097}, access))) == {"password"}


def test_the_refusal_of_a_stale_token_says_how_to_go_on(
    standing_clock: time_machine.Traveller, ada: tuple[Door, str, str]
) -> None:
    door, access, _ = ada
    standing_clock.shift(601)
    with nothing_changes(door):
        for body in (None, {"mfa_code": "123456"}, {"mfa_code": 1}):
            refused = door.post("/mfa", body, access)
            assert (refused.status_code, code_of(refused)) == (401, "reauthentication_required")
            assert refused.get_json()["methods"] == ["password", "email_otp"]
            assert refused.headers["WWW-Authenticate"] == "Bearer", "the token itself was not refused"


def test_exactly_the_calls_of_the_contract_want_a_recent_sign_in() -> None:
    declared = {
        (method, path)
        for path, resource in ROUTES.items()
        for method in ("GET", "POST", "PUT", "DELETE")
        if (made := getattr(resource, method.lower(), None)) and made.contract.fresh
    }
    assert declared >= FRESH
    not_built_yet = {("DELETE", "/profile"), ("GET", "/profile/export")}
    assert declared - FRESH <= SOMETIMES | not_built_yet


@pytest.mark.parametrize("seconds", [60, 3600])
def test_how_recent_is_a_setting(build: Build, standing_clock: time_machine.Traveller, seconds: int) -> None:
    door = build(FRESH_SECONDS=str(seconds), JWT_ACCESS_TOKEN_EXPIRES="7200", INACTIVITY_SECONDS="7200")
    door.account()
    access, _ = door.tokens()
    standing_clock.shift(seconds)
    assert door.post("/mfa", token=access).status_code == 200
    standing_clock.shift(1)
    with nothing_changes(door):
        assert code_of(door.post("/mfa", token=access)) == "reauthentication_required"


def test_a_step_up_does_not_outlive_its_session(build: Build, standing_clock: time_machine.Traveller) -> None:
    door = build(SESSION_MAX_SECONDS="1000")
    door.account()
    access, _ = door.tokens()
    standing_clock.shift(700)
    answer = door.post("/reauthenticate", {"password": PASSWORD}, access).get_json()
    assert answer["expires_in"] == 300
    standing_clock.shift(300)
    assert code_of(door.get("/profile", answer["access_token"])) == "token_expired"


def test_how_long_a_code_lasts_is_a_setting_and_the_mail_says_it(build: Build, standing_clock: time_machine.Traveller) -> None:
    door = build(OTP_SECONDS="120")
    door.account()
    code = login_code(door)
    assert "within 2 minutes" in door.mail_to(ADA)[-1].text
    standing_clock.shift(120)
    with nothing_changes(door):
        assert said(verify(door, code)) == (401, "invalid_otp")
    code = login_code(door)
    standing_clock.shift(119)
    assert verify(door, code).status_code == 200


def test_where_the_operator_allows_it_a_code_alone_signs_in(build: Build) -> None:
    door = build(OTP_PASSWORDLESS_LOGIN="true")
    door.account()
    door.sign_up("bea", "bea@example.org")
    code = login_code(door)
    with nothing_changes(door):
        refused = [
            verify(door, another(code), None),
            verify(door, code, WRONG_PASSWORD),
            verify(door, code, None, email="nobody@example.org"),
            verify(door, code, None, email="bea@example.org"),
        ]
        assert len({repr(answer.get_json() | {"request_id": ""}) for answer in refused}) == 1
        assert said(refused[0]) == (401, "invalid_otp")
    assert amr(verify(door, code, None)) == ["email"]
    with nothing_changes(door):
        assert said(verify(door, code, None)) == (401, "invalid_otp")
    assert amr(verify(door, login_code(door))) == ["pwd", "email"]


def test_a_code_alone_does_not_pass_the_second_factor(build: Build, standing_clock: time_machine.Traveller) -> None:
    door = build(OTP_PASSWORDLESS_LOGIN="true")
    _, phone = protected(door)
    wanted = verify(door, login_code(door), None)
    assert said(wanted) == (401, "mfa_required")
    assert amr(second(door, wanted.get_json()["mfa_token"], phone.code())) == ["email", "otp", "mfa"]
    standing_clock.shift(30)
    code = login_code(door)
    with nothing_changes(door):
        assert said(verify(door, code, None, mfa_code=phone.wrong())) == (401, "invalid_mfa_code")
    assert amr(verify(door, code, None, mfa_code=phone.recovery_codes[0])) == ["email", "mfa"]


def test_a_code_alone_has_the_same_five_tries(build: Build) -> None:
    door = build(OTP_PASSWORDLESS_LOGIN="true")
    door.account()
    code = login_code(door)
    for _ in range(5):
        assert said(verify(door, another(code), None)) == (401, "invalid_otp")
    with nothing_changes(door):
        assert said(verify(door, code, None)) == (429, "too_many_attempts")
    assert door.login().status_code == 200, "no password was guessed at"


def test_a_new_pepper_leaves_a_mailed_code_good(build: Build) -> None:
    older, newer = SECRETS["PASSWORD_PEPPER"], SECRETS["FERNET_KEY"][::-1]
    door = build(PASSWORD_PEPPER=older)
    door.account()
    code = login_code(door)
    assert verify(build(PASSWORD_PEPPER=f"{newer},{older}"), code).status_code == 200
