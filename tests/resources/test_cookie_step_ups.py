"""Tokens by cookie where a call takes a token or none, and where it wants a recent sign-in."""

import re
from collections.abc import Callable

import pytest

from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.cookie_page import ACCESS, REFRESH, Page, set_by
from tests.resources.problem import code_of
from tests.resources.test_tokens import parts

Build = Callable[..., Door]
ADDRESS = "ada@example.org"


@pytest.fixture(params=["cookies", "headers,cookies"])
def page(build: Build, request: pytest.FixtureRequest) -> Page:
    return signed_in(build, str(request.param))


def signed_in(build: Build, location: str) -> Page:
    """Ada's page, signed in by cookie."""
    door = build(JWT_TOKEN_LOCATION=location)
    door.account()
    made = Page(door)
    made.sign_in(X_Token_Location="cookies")
    return made


def mailed_code(page: Page) -> str:
    found = re.search(r"\b\d{6}\b", page.door.mail_to(ADDRESS)[-1].text)
    assert found
    return found[0]


def test_a_step_up_by_password_answers_by_cookie_for_the_same_session(page: Page) -> None:
    before = dict(page.cookies)
    answer = page.ask("POST", "/reauthenticate", {"password": PASSWORD}, page.access_csrf)
    assert answer.status_code == 200
    assert set(set_by(answer)) == {ACCESS, REFRESH}
    assert not {"access_token", "refresh_token"} & set(answer.get_json())
    sessions = {parts(token)[1]["sid"] for token in (*before.values(), *page.cookies.values())}
    assert len(sessions) == 1
    assert page.ask("POST", "/refresh", csrf=page.refresh_csrf).status_code == 200


def test_a_step_up_by_a_mailed_code_answers_by_cookie(page: Page) -> None:
    assert page.ask("POST", "/send-otp", csrf=page.access_csrf).status_code == 202
    answer = page.ask("POST", "/verify-otp", {"otp_code": mailed_code(page)}, page.access_csrf)
    assert answer.status_code == 200
    assert set(set_by(answer)) == {ACCESS, REFRESH}
    assert parts(page.cookies[ACCESS])[1]["amr"] == ["email"]
    assert len(page.door.rows("sessions")) == 1


def test_a_step_up_needs_the_access_tokens_csrf(page: Page) -> None:
    for csrf in ("", "x", page.refresh_csrf):
        for path, body in (("/send-otp", None), ("/verify-otp", {"otp_code": "123456"})):
            answer = page.ask("POST", path, body, csrf)
            assert (answer.status_code, code_of(answer)) == (401, "csrf_failed")
    answer = page.ask("POST", "/reauthenticate", {"password": PASSWORD})
    assert (answer.status_code, code_of(answer)) == (401, "csrf_failed")
    before = len(page.door.mail_to(ADDRESS))
    assert page.ask("POST", "/send-otp").status_code == 422, "without a CSRF token it is nobody who asks"
    assert len(page.door.mail_to(ADDRESS)) == before


def test_a_new_tab_that_knows_no_csrf_token_signs_in_by_code_beside_the_old_cookies(page: Page) -> None:
    tab = Page(page.door, dict(page.cookies))
    assert tab.ask("POST", "/send-otp", {"email": ADDRESS}).status_code == 202
    body = {"email": ADDRESS, "otp_code": mailed_code(page), "password": PASSWORD}
    answer = tab.ask("POST", "/verify-otp", body, X_Token_Location="cookies")
    assert answer.status_code == 200
    assert set(set_by(answer)) == {ACCESS, REFRESH}
    assert len(page.door.rows("sessions")) == 2
    assert tab.ask("POST", "/logout", csrf=tab.access_csrf).status_code == 200


def test_a_step_up_with_a_header_and_a_cookie_is_a_bad_request(build: Build) -> None:
    page = signed_in(build, "headers,cookies")
    access, _ = page.door.tokens()
    for csrf in (None, page.access_csrf):
        answer = page.ask("POST", "/verify-otp", {"otp_code": "123456"}, csrf, Authorization=f"Bearer {access}")
        assert (answer.status_code, code_of(answer)) == (400, "malformed_json")


def test_with_cookies_alone_a_header_does_not_make_a_step_up(build: Build) -> None:
    page = signed_in(build, "cookies")
    answer = page.door.post("/verify-otp", {"otp_code": "123456"}, token=page.cookies[ACCESS])
    assert code_of(answer) == "validation_failed"
