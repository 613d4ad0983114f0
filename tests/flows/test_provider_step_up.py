"""Proving at the provider, by signing in there once more, who is signed in here."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from werkzeug.test import TestResponse

from services import openid
from tests import factors
from tests.factors import nothing_changes, said
from tests.parts.hostile_provider import Claims, Realm, hostile_provider
from tests.people import House
from tests.resources.conftest import Door
from tests.visitors import Visitor, ada, set_up, told

PAGE = "https://app.example.org"
BEGIN = "/auth/google/reauthenticate"


@pytest.fixture
def house(door: Door) -> Door:
    """None of this depends on the engine."""
    return door


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def realm(google: Realm, house: House, monkeypatch: pytest.MonkeyPatch) -> Realm:
    openid._kept.clear()
    google.claims = Realm.claims
    set_up(house, monkeypatch, google, frontend_url=PAGE)
    return google


def silent(honest: Claims) -> Claims:
    """A provider that does not say when somebody signed in."""
    return {name: value for name, value in honest.items() if name != "auth_time"}


def stale(realm: Realm, house: House, **person: Any) -> str:
    """The access token of somebody who came by the provider, which did not say when they signed in there."""
    realm.claims = silent
    code = told(Visitor(house).sign_in(realm, **ada(**person)))["code"]
    realm.claims = Realm.claims
    return str(house.post("/auth/exchange", {"code": code}).get_json()["access_token"])


def code_for(realm: Realm, house: House, access: str, **person: Any) -> str:
    """What comes back to the page, after this person has signed in at the provider."""
    url = urlsplit(house.post(BEGIN, token=access).get_json()["authorization_url"])
    visitor = Visitor(house)
    left = visitor.leave(f"{url.path}?{url.query}")
    assert parse_qs(urlsplit(left).query)["max_age"] == ["0"]
    return told(visitor.open(f"/auth/google/callback?{realm.sign_in(left, **ada(**person))}"))["code"]


def exchange(house: House, code: str, token: str | None, **more: str) -> TestResponse:
    return house.post("/auth/exchange", {"code": code} | more, token)


def test_a_sign_in_at_the_provider_makes_the_session_fresh(house: House, realm: Realm) -> None:
    access = stale(realm, house)
    assert said(house.get("/profile/export", access)) == (401, "reauthentication_required")
    answer = exchange(house, code_for(realm, house, access), access)
    assert factors.amr(answer) == ["fed"]
    fresh = answer.get_json()["access_token"]
    assert factors.claims(fresh)["sid"] == factors.claims(access)["sid"], "it is the same session"
    assert house.get("/profile/export", fresh).status_code == 200


@pytest.mark.parametrize("old", [None, -3600, -300])
def test_a_provider_that_asks_nobody_proves_nothing(house: House, realm: Realm, old: int | None) -> None:
    access = stale(realm, house)
    realm.claims = silent if old is None else lambda honest: honest | {"auth_time": honest["iat"] + old}
    code = code_for(realm, house, access)
    with nothing_changes(house):
        answer = exchange(house, code, access)
    assert said(answer) == (401, "reauthentication_required")
    assert answer.get_json()["methods"] == ["email_otp"]


@pytest.mark.parametrize("who", ["nobody", "another session", "another person"])
def test_nobody_else_uses_the_code(house: House, realm: Realm, who: str) -> None:
    access = stale(realm, house)
    others: dict[str, Callable[[], str | None]] = {
        "nobody": lambda: None,
        "another session": lambda: stale(realm, house),
        "another person": lambda: stale(realm, house, sub="bea", email="bea@example.org"),
    }
    other = others[who]()
    code = code_for(realm, house, access)
    with nothing_changes(house):
        assert said(exchange(house, code, other)) == (400, "invalid_token")
    assert exchange(house, code, access).status_code == 200
    assert said(exchange(house, code, access)) == (400, "invalid_token"), "once"


@pytest.mark.parametrize("known", [False, True])
def test_another_identity_does_not_prove_this_person(house: House, realm: Realm, known: bool) -> None:
    access = stale(realm, house)
    eve = {"sub": "eve", "email": "eve@example.org"}
    if known:
        stale(realm, house, **eve)
    code = code_for(realm, house, access, **eve)
    with nothing_changes(house):
        assert said(exchange(house, code, access)) == (400, "invalid_token")


def test_a_second_factor_is_wanted_too_and_the_code_waits_for_it(
    house: House, realm: Realm, standing_clock: time_machine.Traveller
) -> None:
    access = stale(realm, house)
    proved = exchange(house, code_for(realm, house, access), access).get_json()["access_token"]
    phone = factors.set_up(house, proved)
    code = code_for(realm, house, proved)
    answer = exchange(house, code, proved)
    assert said(answer) == (401, "mfa_required")
    assert said(exchange(house, code, proved, mfa_code=phone.wrong())) == (401, "invalid_mfa_code")
    assert set(factors.amr(exchange(house, code, proved, mfa_code=phone.code()))) == {"fed", "otp", "mfa"}


def test_only_a_linked_provider_is_asked(house: House, realm: Realm) -> None:
    house.account("bea", "bea@example.org")
    access = house.tokens("bea")[0]
    assert said(house.post(BEGIN, token=access)) == (404, "not_found")
    assert said(house.post("/auth/nobody/reauthenticate", token=access)) == (404, "provider_not_configured")
    assert said(house.post(BEGIN)) == (401, "authentication_required")


def test_a_sign_in_takes_no_second_factor_here(house: House, realm: Realm) -> None:
    code = told(Visitor(house).sign_in(realm, **ada()))["code"]
    assert said(exchange(house, code, None, mfa_code="123456")) == (422, "validation_failed")
    assert exchange(house, code, None).status_code == 200
