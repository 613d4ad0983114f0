"""Tokens by cookie: no script reads them, no other page can use them, and they are gone when the session is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from database import unit_of_work
from resources import openapi, utils
from tests.resources.conftest import Door
from tests.resources.cookie_page import ACCESS, REFRESH, Page, clears_both, set_by
from tests.resources.problem import code_of
from tests.resources.test_tokens import claiming, parts

Build = Callable[..., Door]
COOKIES = {"JWT_TOKEN_LOCATION": "cookies"}
BOTH = {"JWT_TOKEN_LOCATION": "headers,cookies"}
HTTPS = {"BASE_URL": "https://auth.example.org"}
CHANGING = [("PUT", "/profile"), ("POST", "/logout"), ("DELETE", "/sessions"), ("DELETE", "/sessions/x")]


def refused(answer: TestResponse, code: str) -> bool:
    """With a 401 and the challenge that each has."""
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    return code_of(answer) == code


@pytest.fixture
def page(build: Build) -> Page:
    """Ada's page, signed in."""
    door = build(**COOKIES)
    door.account()
    made = Page(door)
    made.sign_in()
    return made


def test_a_sign_in_puts_the_tokens_into_cookies_and_only_there(page: Page) -> None:
    answer = page.sign_in()
    said, cookies = answer.get_json(), set_by(answer)
    assert set(said) == {"csrf_access_token", "csrf_refresh_token", "token_type", "expires_in", "message"}
    assert set(cookies) == {ACCESS, REFRESH}
    for name, csrf in ((ACCESS, "csrf_access_token"), (REFRESH, "csrf_refresh_token")):
        claims = parts(cookies[name].value)[1]
        assert claims["type"] == name.removeprefix("latchkey_")
        assert said[csrf] == claims["csrf"]
        assert cookies[name].value not in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Session-Idle-Expires" in answer.headers


@pytest.mark.parametrize("samesite", ["Lax", "Strict"])
def test_over_http_the_cookies_have_plain_names_and_no_script_reads_them(build: Build, samesite: str) -> None:
    door = build(**COOKIES, JWT_COOKIE_SAMESITE=samesite)
    door.account()
    cookies = set_by(Page(door).sign_in())
    assert set(cookies) == {ACCESS, REFRESH}
    for cookie in cookies.values():
        assert (cookie["httponly"], cookie["secure"], cookie["path"], cookie["domain"]) == (True, "", "/", "")
        assert cookie["samesite"] == samesite
    assert 1790 < int(cookies[ACCESS]["max-age"]) <= 1800
    assert 86390 < int(cookies[REFRESH]["max-age"]) <= 86400


@pytest.mark.parametrize("samesite", ["Lax", "Strict", "None"])
def test_over_https_no_other_host_and_no_plain_connection_can_set_them(build: Build, samesite: str) -> None:
    door = build(**COOKIES, **HTTPS, JWT_COOKIE_SAMESITE=samesite)
    door.account()
    page = Page(door)
    cookies = set_by(page.sign_in())
    assert set(cookies) == {f"__Host-{ACCESS}", f"__Host-{REFRESH}"}
    assert all(len(name + cookie.value) < 4096 for name, cookie in cookies.items()), "browsers drop longer ones"
    for cookie in cookies.values():
        assert (cookie["httponly"], cookie["secure"], cookie["path"], cookie["domain"]) == (True, True, "/", "")
        assert cookie["samesite"] == samesite
    assert page.lives()
    planted = Page(door, {name.removeprefix("__Host-"): text for name, text in page.cookies.items()})
    assert refused(planted.ask("GET", "/profile"), "authentication_required")
    gone = page.ask("POST", "/logout", csrf=page.access_csrf)
    assert clears_both(gone)
    assert all(cookie["secure"] for cookie in set_by(gone).values()), "a browser refuses __Host- without Secure"


def test_a_cookie_never_outlives_its_token(build: Build) -> None:
    door = build(**COOKIES, SESSION_MAX_SECONDS="900")
    door.account()
    for cookie in set_by(Page(door).sign_in()).values():
        assert 890 < int(cookie["max-age"]) <= 900


def test_reading_needs_the_cookie_alone(page: Page) -> None:
    answer = page.ask("GET", "/profile")
    assert (answer.status_code, answer.get_json()["username"]) == (200, "ada")
    assert page.ask("GET", "/sessions").status_code == 200
    assert page.ask("HEAD", "/profile").status_code == 200
    assert not set_by(answer)


@pytest.mark.parametrize(("method", "path"), CHANGING, ids=[f"{method} {path}" for method, path in CHANGING])
def test_a_change_without_the_access_tokens_csrf_is_refused_and_changes_nothing(page: Page, method: str, path: str) -> None:
    other = Page(page.door)
    other.sign_in()
    before = page.door.user(), page.door.rows("sessions")
    wrong = [None, "", "x", f"{page.access_csrf}x", page.access_csrf.upper(), "é", other.access_csrf]
    if path != "/logout":
        wrong.append(page.refresh_csrf)
    for csrf in wrong:
        answer = page.ask(method, path, {"first_name": "Eve"} if method == "PUT" else None, csrf)
        assert refused(answer, "csrf_failed")
        assert not set_by(answer)
    assert (page.door.user(), page.door.rows("sessions")) == before
    assert page.lives()


def test_a_change_with_the_access_tokens_csrf_works(page: Page) -> None:
    Page(page.door).sign_in()
    assert page.ask("PUT", "/profile", {"first_name": "Ada"}, page.access_csrf).get_json()["first_name"] == "Ada"
    assert page.ask("DELETE", "/sessions", csrf=page.access_csrf).status_code == 204
    assert len(page.ask("GET", "/sessions").get_json()) == 1


def test_a_refresh_spends_the_refresh_cookie_and_sets_new_ones(page: Page) -> None:
    old, csrf = dict(page.cookies), dict(page.csrf)
    answer = page.ask("POST", "/refresh", csrf=page.refresh_csrf)
    assert answer.status_code == 200
    assert set(set_by(answer)) == {ACCESS, REFRESH}
    assert not {"access_token", "refresh_token"} & set(answer.get_json())
    assert not set(old.values()) & set(page.cookies.values())
    assert not set(csrf.values()) & set(page.csrf.values())
    assert page.ask("PUT", "/profile", {"first_name": "Ada"}, page.access_csrf).status_code == 200
    tab = Page(page.door, old, csrf)
    assert tab.ask("POST", "/refresh", csrf=tab.refresh_csrf).status_code == 200
    assert (tab.cookies, tab.csrf) == (page.cookies, page.csrf), "a second tab gets the same successor"


def test_a_refresh_without_the_refresh_tokens_csrf_is_refused_and_spends_nothing(page: Page) -> None:
    before = page.door.rows("sessions")
    for csrf in (None, "x", page.access_csrf):
        answer = page.ask("POST", "/refresh", csrf=csrf)
        assert refused(answer, "csrf_failed")
        assert not set_by(answer)
    assert page.door.rows("sessions") == before
    assert page.ask("POST", "/refresh", csrf=page.refresh_csrf).status_code == 200


def test_each_call_reads_the_cookie_of_its_own_kind(page: Page) -> None:
    only = {name: Page(page.door, {name: page.cookies[name]}, page.csrf) for name in (ACCESS, REFRESH)}
    assert refused(only[REFRESH].ask("GET", "/profile"), "authentication_required")
    assert refused(only[ACCESS].ask("POST", "/refresh", csrf=page.refresh_csrf), "authentication_required")
    swapped = Page(page.door, {ACCESS: page.cookies[REFRESH], REFRESH: page.cookies[ACCESS]}, page.csrf)
    assert refused(swapped.ask("GET", "/profile"), "token_invalid")
    assert page.lives()


def test_signing_out_ends_the_session_and_clears_both_cookies(page: Page) -> None:
    kept = Page(page.door, dict(page.cookies), dict(page.csrf))
    answer = page.ask("POST", "/logout", csrf=page.access_csrf)
    assert (answer.status_code, answer.get_json()) == (200, {"message": "Signed out."})
    assert answer.headers["Clear-Site-Data"] == '"cache"', "cookies and storage of others on the domain are not ours to clear"
    assert clears_both(answer)
    assert page.cookies == {}
    assert refused(kept.ask("GET", "/profile"), "session_ended")


@pytest.mark.parametrize("access", ["missing", "expired", "spoilt", "good"])
def test_one_can_always_sign_out_by_the_refresh_cookie(page: Page, access: str) -> None:
    if access == "missing":
        del page.cookies[ACCESS]
    if access == "spoilt":
        page.cookies[ACCESS] += "x"
    later = datetime.now(UTC) + timedelta(seconds=1801 if access == "expired" else 1)
    page.door.change("sessions", last_activity=later)
    with time_machine.travel(later, tick=False):
        answer = page.ask("POST", "/logout", csrf="x")
        assert refused(answer, "csrf_failed")
        assert not set_by(answer)
        answer = page.ask("POST", "/logout", csrf=page.refresh_csrf)
        assert answer.status_code == 200
        assert REFRESH not in page.cookies
        assert clears_both(answer) or access == "spoilt", "what was never signed here may be another service's"
    assert page.door.rows("sessions")[0]["end_reason"] == "logout"


def test_an_ended_session_clears_the_cookies_wherever_it_shows(page: Page) -> None:
    page.door.change("sessions", ended_at=datetime.now(UTC), end_reason="revoked_by_user")
    calls = [("GET", "/profile", None), ("POST", "/refresh", page.refresh_csrf), ("POST", "/logout", page.access_csrf)]
    for method, path, csrf in calls:
        answer = Page(page.door, dict(page.cookies)).ask(method, path, csrf=csrf)
        assert refused(answer, "session_ended")
        assert clears_both(answer)


def test_a_reused_refresh_cookie_ends_the_session_and_clears_the_cookies(build: Build) -> None:
    door = build(**COOKIES, REFRESH_REUSE_SECONDS="0")
    door.account()
    page = Page(door)
    page.sign_in()
    thief = Page(door, dict(page.cookies), dict(page.csrf))
    assert page.ask("POST", "/refresh", csrf=page.refresh_csrf).status_code == 200
    later = datetime.now(UTC) + timedelta(seconds=2)
    with time_machine.travel(later, tick=False):
        answer = thief.ask("POST", "/refresh", csrf=thief.refresh_csrf)
        assert refused(answer, "token_reused")
        assert clears_both(answer)
    assert refused(page.ask("GET", "/profile"), "session_ended")


def test_a_forged_cookie_is_refused_and_left_alone(page: Page) -> None:
    """It may be another service's on this host, which would be signed out."""
    forged = claiming(csrf="mine", aud="other")(*parts(page.cookies[ACCESS]))
    answer = Page(page.door, {ACCESS: forged}).ask("PUT", "/profile", {}, "mine")
    assert refused(answer, "token_invalid")
    assert ACCESS not in set_by(answer)
    assert page.lives()


def test_an_expired_access_cookie_leaves_the_refresh_cookie_alone(page: Page) -> None:
    later = datetime.now(UTC) + timedelta(seconds=1801)
    page.door.change("sessions", last_activity=later)
    with time_machine.travel(later, tick=False):
        answer = page.ask("GET", "/profile")
        assert refused(answer, "token_expired")
        assert not set_by(answer)
        assert page.ask("POST", "/refresh", csrf=page.refresh_csrf).status_code == 200
        assert page.lives()


def test_a_refused_sign_in_leaves_the_cookies_alone(page: Page) -> None:
    answer = page.ask("POST", "/login", {"username": "ada", "password": "wrong"})
    assert refused(answer, "invalid_credentials")
    assert not set_by(answer)
    assert page.lives()


def test_a_refresh_that_could_not_be_kept_leaves_the_cookies_alone(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the browser would hold a token that was never given out, and drop the one that is still good."""

    @contextmanager
    def failing() -> Iterator[None]:
        with unit_of_work():
            yield
            raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(utils, "unit_of_work", failing)
        answer = page.ask("POST", "/refresh", csrf=page.refresh_csrf)
    assert (answer.status_code, set_by(answer)) == (500, {})
    assert page.ask("POST", "/refresh", csrf=page.refresh_csrf).status_code == 200


def test_with_cookies_alone_the_authorization_header_is_not_taken(page: Page) -> None:
    access, refresh = page.cookies[ACCESS], page.cookies[REFRESH]
    assert refused(page.door.get("/profile", access), "authentication_required")
    assert refused(page.door.post("/refresh", token=refresh), "authentication_required")
    assert refused(page.door.post("/logout", token=access), "authentication_required")
    assert page.ask("GET", "/profile", Authorization=f"Bearer {access}").status_code == 200
    answer = page.ask("PUT", "/profile", {}, Authorization=f"Bearer {access}")
    assert refused(answer, "csrf_failed"), "the header does not stand in for the CSRF token"
    assert set(set_by(page.sign_in(X_Token_Location="headers"))) == {ACCESS, REFRESH}


def test_with_headers_alone_cookies_are_neither_set_nor_read(door: Door) -> None:
    door.account()
    page = Page(door)
    answer = page.sign_in(X_Token_Location="cookies")
    assert not set_by(answer)
    assert set(answer.get_json()) == {"access_token", "refresh_token", "token_type", "expires_in", "message"}
    access, refresh = answer.get_json()["access_token"], answer.get_json()["refresh_token"]
    page.cookies = {ACCESS: access, REFRESH: refresh}
    assert refused(page.ask("GET", "/profile"), "authentication_required")
    csrf = parts(refresh)[1]["csrf"]
    assert refused(page.ask("POST", "/refresh", csrf=csrf), "authentication_required")
    assert page.ask("PUT", "/profile", {}, Authorization=f"Bearer {access}").status_code == 200
    gone = page.ask("POST", "/logout", Authorization=f"Bearer {access}")
    assert (gone.status_code, set_by(gone)) == (200, {})


@pytest.fixture
def both(build: Build) -> Page:
    """A page at a service that takes tokens both ways; not signed in."""
    door = build(**BOTH)
    door.account()
    return Page(door)


@pytest.mark.parametrize("asked", ["", "headers", "cookie", "cookies2"])
def test_with_both_on_a_sign_in_answers_in_the_body_unless_asked(both: Page, asked: str) -> None:
    answer = both.sign_in(**({"X_Token_Location": asked} if asked else {}))
    assert not set_by(answer)
    access = answer.get_json()["access_token"]
    assert both.door.get("/profile", access).status_code == 200
    assert both.door.put("/profile", {}, access).status_code == 200, "a header needs no CSRF token"


def test_with_both_on_a_sign_in_answers_by_cookie_where_asked(both: Page) -> None:
    answer = both.sign_in(X_Token_Location="cookies")
    assert set(set_by(answer)) == {ACCESS, REFRESH}
    assert not {"access_token", "refresh_token"} & set(answer.get_json())
    assert both.lives()
    assert refused(both.ask("PUT", "/profile", {}), "csrf_failed")
    again = both.sign_in()
    assert not set_by(again), "old cookies that the browser sends do not choose for a sign-in"


def test_with_both_on_a_refresh_answers_by_the_way_its_token_came(both: Page) -> None:
    both.sign_in(X_Token_Location="cookies")
    by_cookie = both.ask("POST", "/refresh", csrf=both.refresh_csrf, X_Token_Location="headers")
    assert set(set_by(by_cookie)) == {ACCESS, REFRESH}
    assert "refresh_token" not in by_cookie.get_json()
    _, refresh = both.door.tokens()
    by_header = both.door.post("/refresh", token=refresh, headers={"X-Token-Location": "cookies"})
    assert not set_by(by_header)
    assert "refresh_token" in by_header.get_json()


def test_a_token_by_both_ways_at_once_is_a_bad_request_and_changes_nothing(both: Page) -> None:
    access, refresh = both.door.tokens()
    both.sign_in(X_Token_Location="cookies")
    before = both.door.user(), both.door.rows("sessions")
    for method, path, token in (
        ("GET", "/profile", access),
        ("PUT", "/profile", access),
        ("POST", "/refresh", refresh),
        ("POST", "/logout", access),
    ):
        for given in (token, "x", ""):
            answer = both.ask(method, path, None, both.access_csrf, Authorization=f"Bearer {given}")
            assert (answer.status_code, code_of(answer)) == (400, "malformed_json")
            assert "both" in answer.get_json()["detail"]
            assert not set_by(answer)
    assert (both.door.user(), both.door.rows("sessions")) == before


def test_a_cookie_that_does_not_fit_the_call_does_not_count_as_a_second_way(both: Page) -> None:
    access, refresh = both.door.tokens()
    both.sign_in(X_Token_Location="cookies")
    only_access, only_refresh = ({name: both.cookies[name]} for name in (ACCESS, REFRESH))
    assert Page(both.door, only_access).ask("POST", "/refresh", Authorization=f"Bearer {refresh}").status_code == 200
    assert Page(both.door, only_refresh).ask("GET", "/profile", Authorization=f"Bearer {access}").status_code == 200
    assert both.ask("GET", "/profile", Authorization="Basic YTpi").status_code == 200


def test_with_both_on_an_ended_session_by_header_leaves_the_cookies_alone(both: Page) -> None:
    access, refresh = both.door.tokens()
    assert both.door.post("/logout", token=access).status_code == 200
    both.sign_in(X_Token_Location="cookies")
    del both.cookies[REFRESH]
    answer = both.ask("POST", "/refresh", Authorization=f"Bearer {refresh}")
    assert refused(answer, "session_ended")
    assert not set_by(answer)
    assert both.lives()


def test_the_document_says_how_tokens_travel(build: Build) -> None:
    """By settings; valid in each case."""
    cookies = ["access_cookie", "refresh_cookie"]
    ways = {"headers": ["bearer"], "cookies": cookies, "headers,cookies": ["bearer", *cookies]}
    forms = {"headers": {"TokenAnswer"}, "cookies": {"CookieTokenAnswer"}}
    for location, names in ways.items():
        app = build(JWT_TOKEN_LOCATION=location, **HTTPS).app
        with app.app_context():
            document = openapi.document(app)
        validate(document)
        assert document["paths"]["/logout"]["post"]["security"] == [{name: []} for name in names]
        either = document["paths"]["/verify-otp"]["post"]["security"]
        assert either == [*({name: []} for name in names if name != "refresh_cookie"), {}]
        schemes, schemas = document["components"]["securitySchemes"], document["components"]["schemas"]
        assert set(schemes) == set(names)
        wanted = forms.get(location, {"TokenAnswer", "CookieTokenAnswer"})
        assert {name for name in schemas if name.endswith("TokenAnswer")} == wanted
        if "cookies" in location:
            assert schemes["access_cookie"] == {"type": "apiKey", "in": "cookie", "name": f"__Host-{ACCESS}"}
        headers = {
            path: [parameter["name"] for parameter in document["paths"][path]["post"].get("parameters", [])]
            for path in ("/login", "/refresh", "/verify-otp", "/signup")
        }
        assert headers == {
            "/login": ["X-Token-Location"] * (location == "headers,cookies"),
            "/refresh": ["X-CSRF-TOKEN"] * ("cookies" in location),
            "/verify-otp": ["X-CSRF-TOKEN"] * ("cookies" in location) + ["X-Token-Location"] * (location == "headers,cookies"),
            "/signup": [],
        }
