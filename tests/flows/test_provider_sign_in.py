"""Coming in by a provider: what a new account is called, what it lacks, and what every way in has to want."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from services import openid
from tests import factors, mailed
from tests.factors import said
from tests.mailed import ADA, FRESH_PASSWORD, NEW
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import House
from tests.resources.conftest import Door
from tests.visitors import Visitor, ada, set_up, told

PAGE = "https://app.example.org"
LOCAL_PARTS = {
    "ada": "ada",
    "Ada.Lovelace": "Ada.Lovelace",
    "o'hara+news": "oharanews",
    "a": "user-a",
    "!#$%": "user",
    "-ada-": "ada",
    "__": "user",
    "x" * 60: "x" * 24,
    "a.b-c_d": "a.b-c_d",
}


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
    google.published.clear()
    set_up(house, monkeypatch, google)
    return google


def token(house: House, realm: Realm, **person: Any) -> str:
    """The access token of a sign-in by the provider."""
    answer = Visitor(house).sign_in(realm, **ada() | person)
    assert answer.status_code == 200, answer.get_json()
    return str(answer.get_json()["access_token"])


def profile(house: House, access: str) -> dict[str, Any]:
    found: dict[str, Any] = house.get("/profile", access).get_json()
    return found


@pytest.mark.parametrize("local", LOCAL_PARTS)
def test_a_user_name_is_made_from_any_local_part(house: House, realm: Realm, local: str) -> None:
    seen = profile(house, token(house, realm, email=f"{local}@example.org"))
    assert seen["username"] == LOCAL_PARTS[local]
    assert house.put("/profile", {"username": seen["username"]}, token(house, realm)).status_code == 200, "and is well-formed"


def test_a_taken_user_name_gets_digits(house: House, realm: Realm) -> None:
    house.sign_up("ADA", "pending@example.org")
    people = [{"sub": str(number), "email": f"ada@{number}.example.org"} for number in range(4)]
    names = [profile(house, token(house, realm, **person))["username"] for person in people]
    assert len(set(names)) == 4
    assert all(name[:4] == "ada-" and name[4:].isdigit() for name in names)


def test_a_password_login_without_a_password_is_refused_like_a_wrong_one(house: House, realm: Realm) -> None:
    token(house, realm)
    house.account("bea", "bea@example.org")
    found = []
    for name in ("ada", ADA, "bea", "bea@example.org", "nobody", "nobody@example.org"):
        answer = house.login(name, "wrong-horse-battery")
        found.append((answer.status_code, answer.get_json() | {"request_id": ""}, sorted(answer.headers.keys())))
    assert found == [found[0]] * len(found)
    assert found[0][1]["code"] == "invalid_credentials"
    for password in ("None", "null", "\u0001"):
        assert said(house.login("ada", password))[0] in (401, 422)


def test_a_forgotten_password_is_how_one_is_set(house: House, realm: Realm) -> None:
    access = token(house, realm)
    answer = house.post("/change-password", {"current_password": "any", "new_password": FRESH_PASSWORD}, access)
    assert said(answer) == (409, "password_not_set")
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert mailed.reason_of(house, access) == "password_reset"
    seen = profile(house, house.tokens("ada", FRESH_PASSWORD)[0])
    assert (seen["has_password"], seen["oauth_providers"]) == (True, ["google"])


def test_an_inactive_account_stays_outside(house: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    token(house, realm)
    house.change("users", is_active=False)
    assert said(Visitor(house).sign_in(realm, **ada())) == (403, "account_inactive")
    set_up(house, monkeypatch, realm, frontend_url=PAGE)
    code = told(Visitor(house).sign_in(realm, **ada()))["code"]
    assert said(house.post("/auth/exchange", {"code": code})) == (403, "account_inactive")


def test_a_closed_sign_up_is_closed_to_strangers_only(house: House, realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    house.account()
    set_up(house, monkeypatch, realm, signup_enabled=False)
    assert said(Visitor(house).sign_in(realm, **ada(sub="eve", email="eve@example.org"))) == (403, "signup_closed")
    assert said(Visitor(house).sign_in(realm, **ada(sub="eve", email=None))) == (400, "oauth_failed")
    ada_herself = Visitor(house)
    proved = ada_herself.prove(ada_herself.sign_in(realm, **ada()))
    assert profile(house, proved.get_json()["access_token"])["username"] == "ada"
    set_up(house, monkeypatch, realm, signup_enabled=False, frontend_url=PAGE)
    assert told(Visitor(house).sign_in(realm, **ada(sub="eve", email="eve@example.org"))) == {"error": "signup_closed"}


@pytest.mark.parametrize("page", [None, PAGE])
def test_a_second_factor_is_wanted_all_the_same(
    house: House, realm: Realm, monkeypatch: pytest.MonkeyPatch, page: str | None, standing_clock: time_machine.Traveller
) -> None:
    access, phone = factors.protected(house)
    set_up(house, monkeypatch, realm, frontend_url=page)
    answer = (visitor := Visitor(house)).sign_in(realm, **ada())
    if page:
        answer = visitor.open("/auth/exchange", {"code": told(answer)["code"]})
    answer = visitor.prove(answer)
    assert said(answer) == (401, "mfa_required")
    assert profile(house, access)["oauth_providers"] == [], "not linked before the whole sign-in is done"
    wanted = answer.get_json()
    assert wanted["methods"] == ["totp", "recovery_code"]
    assert said(factors.second(house, wanted["mfa_token"], phone.wrong())) == (401, "invalid_mfa_code")
    tokens = factors.second(house, wanted["mfa_token"], phone.code())
    assert set(factors.amr(tokens)) == {"fed", "pwd", "otp", "mfa"}
    assert said(factors.second(house, wanted["mfa_token"], phone.code()))[0] == 401
    seen = profile(house, tokens.get_json()["access_token"])
    assert (seen["mfa_enabled"], seen["oauth_providers"]) == (True, ["google"])


def test_a_code_is_void_once_the_password_was_reset(house: House, realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    house.account()
    set_up(house, monkeypatch, realm, frontend_url=PAGE)
    code = told(Visitor(house).sign_in(realm, **ada()))["code"]
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert said(house.post("/auth/exchange", {"code": code})) == (400, "invalid_token")


def test_the_sign_in_of_a_moved_account_goes_on(house: House, realm: Realm) -> None:
    access = token(house, realm)
    mailed.move(house, access)
    assert profile(house, token(house, realm))["email"] == NEW
