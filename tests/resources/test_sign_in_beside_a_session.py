"""A sign-in that succeeds ends the session whose access token came with it (ASVS 7.2.4); no token makes a sign-in fail."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from werkzeug.test import TestResponse

from services import openid
from tests.factors import said, set_up
from tests.mailed import code_of, reason_of
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.cookie_page import Page
from tests.resources.test_tokens import OTHER, parts, signed, unsigned
from tests.visitors import Visitor, ada, settings_of, told

Build = Callable[..., Door]
PAGE = "https://app.example.org"
NAME = {"username": "ada", "password": PASSWORD}
ADDRESS = "ada@example.org"


@pytest.fixture(scope="module")
def provider_realm() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def realm(provider_realm: Realm) -> Realm:
    openid._kept.clear()
    provider_realm.published.clear()
    return provider_realm


@pytest.fixture
def door(build: Build) -> Door:
    made = build()
    made.account()
    return made


def by_provider(door: Door, realm: Realm, **headers: str) -> TestResponse:
    """What the callback answers to a browser with these headers."""
    visitor = Visitor(door)
    back = realm.sign_in(visitor.leave(), **ada())
    return visitor.open(f"/auth/google/callback?{back}", **headers)


def with_bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_sign_in_in_one_step_ends_it_and_spares_the_others(door: Door) -> None:
    spared, _ = door.tokens()
    here, refresh = door.tokens()
    answer = door.post("/login", NAME, here)
    assert answer.status_code == 200
    assert (reason_of(door, here), door.post("/refresh", token=refresh).get_json()["reason"]) == ("logout", "logout")
    assert door.get("/profile", spared).status_code == 200
    access = answer.get_json()["access_token"]
    assert parts(access)[1]["sid"] != parts(here)[1]["sid"]
    kinds = [event["kind"] for event in door.get("/security-events", access).get_json()["events"]]
    assert "signed_out" in kinds


def test_a_sign_in_as_somebody_else_ends_it_too(door: Door) -> None:
    door.account("bea", "bea@example.org")
    here, _ = door.tokens()
    assert door.post("/login", NAME | {"username": "bea"}, here).status_code == 200
    assert reason_of(door, here) == "logout"


def test_only_the_step_that_succeeds_ends_it(door: Door) -> None:
    phone = set_up(door, door.tokens()[0])
    here = door.post("/login", NAME | {"mfa_code": phone.recovery_codes[0]}).get_json()["access_token"]
    wanted = door.post("/login", NAME, here)
    assert code_of(wanted) == "mfa_required"
    assert code_of(door.post("/login", NAME | {"password": "wrong-horse-battery"}, here)) == "invalid_credentials"
    assert code_of(door.post("/login", NAME | {"mfa_code": phone.wrong()}, here)) == "invalid_mfa_code"
    assert door.get("/profile", here).status_code == 200, "none of these has signed anybody in"
    second = {"mfa_token": wanted.get_json()["mfa_token"], "mfa_code": phone.recovery_codes[1]}
    assert door.post("/login", second, here).status_code == 200
    assert reason_of(door, here) == "logout"


def test_a_step_up_is_no_sign_in(door: Door) -> None:
    here, _ = door.tokens()
    assert door.post("/reauthenticate", {"password": PASSWORD}, here).status_code == 200
    assert [row["ended_at"] for row in door.rows("sessions")] == [None]


def test_the_providers_callback_ends_it(build: Build, realm: Realm) -> None:
    door = build(**settings_of(realm.discovery_url))
    here = by_provider(door, realm).get_json()["access_token"]
    assert by_provider(door, realm, **with_bearer(here)).status_code == 200
    assert reason_of(door, here) == "logout"


def test_an_exchange_that_signs_in_ends_it_and_one_that_links_ends_nothing(build: Build, realm: Realm) -> None:
    other = settings_of(realm.discovery_url, "example") | {"OIDC_PROVIDERS": "google,example"}
    door = build(FRONTEND_URL=PAGE, **settings_of(realm.discovery_url), **other)

    def code() -> dict[str, str]:
        return {"code": told(by_provider(door, realm))["code"]}

    first = door.post("/auth/exchange", code()).get_json()["access_token"]
    here = door.post("/auth/exchange", code(), first).get_json()["access_token"]
    assert reason_of(door, first) == "logout"
    url = door.post("/auth/example/link", token=here).get_json()["authorization_url"]
    visitor = Visitor(door)
    back = realm.sign_in(visitor.leave(url.removeprefix(door.app.extensions["settings"].address)), **ada(sub="elsewhere"))
    linking = {"code": told(visitor.open(f"/auth/example/callback?{back}"))["code"]}
    assert code_of(door.post("/auth/exchange", linking)) == "invalid_token"
    assert code_of(door.post("/auth/exchange", linking, first)) == "session_ended", "and the code is still good"
    assert door.post("/auth/exchange", linking, here).status_code == 204
    assert door.get("/profile", here).get_json()["oauth_providers"] == ["example", "google"]


def bad_tokens(door: Door) -> dict[str, str]:
    """None of these is a good access token; ada is signed in by the last."""
    ended, refresh = door.tokens()
    door.post("/logout", token=ended)
    header, claims = parts(door.tokens()[0])
    return {
        "garbage": "x.y.z",
        "nothing": "",
        "forged": signed(OTHER)(header, claims),
        "unsigned": unsigned("none")(header, claims),
        "of another service": signed()(header, claims | {"iss": "https://evil.example"}),
        "of a session that is none": signed()(header, claims | {"sid": "00000000-0000-4000-8000-000000000000"}),
        "of another account": signed()(header, claims | {"sub": "00000000-0000-4000-8000-000000000000"}),
        "ended": ended,
        "expired": signed()(header, claims | {"exp": 1000000000}),
        "from before a step-up": signed()(header, claims | {"auth_time": claims["auth_time"] - 1}),
        "a refresh token": refresh,
    }


def test_no_token_makes_a_sign_in_fail_and_a_bad_one_ends_nothing(build: Build, realm: Realm) -> None:
    door = build(FRONTEND_URL=PAGE, OIDC_TRUSTED_FOR="google:example.org", **settings_of(realm.discovery_url))
    door.account()
    for name, token in bad_tokens(door).items():
        before = [row["id"] for row in door.rows("sessions") if row["ended_at"] is None]
        assert door.post("/login", NAME, token).status_code == 200, name
        exchange = {"code": told(by_provider(door, realm, **with_bearer(token)))["code"]}
        assert door.post("/auth/exchange", exchange, token).status_code == 200, name
        live = [row["id"] for row in door.rows("sessions") if row["ended_at"] is None]
        assert set(before) < set(live), name
        assert len(live) == len(before) + 2


def test_a_token_from_before_a_step_up_ends_nothing(door: Door) -> None:
    here, _ = door.tokens()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5), tick=False):
        newer = door.post("/reauthenticate", {"password": PASSWORD}, here).get_json()["access_token"]
        assert said(door.get("/profile", here)) == (401, "token_expired")
        assert door.post("/login", NAME, here).status_code == 200
        assert door.get("/profile", newer).status_code == 200


@pytest.mark.parametrize("location", ["cookies", "headers,cookies"])
def test_by_cookie_it_ends_with_the_fitting_csrf_token_only(build: Build, location: str) -> None:
    """A browser sends the cookie with everything: a stranger's page must not be able to sign people out."""
    door = build(JWT_TOKEN_LOCATION=location)
    door.account()
    page = Page(door)
    for csrf in (None, "", "x", "refresh"):
        page.sign_in(X_Token_Location="cookies")
        first = dict(page.cookies)
        answer = page.ask("POST", "/login", NAME, page.refresh_csrf if csrf == "refresh" else csrf, X_Token_Location="cookies")
        assert answer.status_code == 200
        assert Page(door, first).lives(), csrf
    first = dict(page.cookies)
    assert page.ask("POST", "/login", NAME, page.access_csrf, X_Token_Location="cookies").status_code == 200
    assert code_of(Page(door, first).ask("GET", "/profile")) == "session_ended"
    assert page.lives()


def test_tokens_by_both_ways_neither_make_it_fail_nor_stay(build: Build) -> None:
    door = build(JWT_TOKEN_LOCATION="headers,cookies")
    door.account()
    page = Page(door)
    page.sign_in(X_Token_Location="cookies")
    first, bearer = dict(page.cookies), door.tokens()[0]
    assert page.ask("POST", "/login", NAME, page.access_csrf, **with_bearer(bearer)).status_code == 200
    assert reason_of(door, bearer) == "logout"
    assert code_of(Page(door, first).ask("GET", "/profile")) == "session_ended"


def test_where_tokens_travel_by_cookie_only_a_bearer_is_none(build: Build) -> None:
    door = build(JWT_TOKEN_LOCATION="cookies")
    door.account()
    page = Page(door)
    page.sign_in()
    first: dict[str, Any] = dict(page.cookies)
    bearer = with_bearer(first["latchkey_access"])
    assert door.post("/login", NAME, headers=bearer).status_code == 200
    assert Page(door, first).lives()
