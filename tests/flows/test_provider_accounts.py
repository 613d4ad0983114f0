"""Whose account an identity at a provider opens, and which it makes."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from services import openid
from tests import factors, mailed
from tests.factors import said
from tests.mailed import ADA, CONFIRM, FRESH_PASSWORD, RESET, code_of
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import House
from tests.visitors import Visitor, ada, set_up


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


def test_a_known_identity_signs_in_whatever_its_address_says(house: House, realm: Realm) -> None:
    first = profile(house, token(house, realm))
    house.account("bea", "bea@example.org")
    addresses: list[object] = ["bea@example.org", "other@example.org", None, 5]
    later: list[dict[str, Any]] = [{"email_verified": False}, *({"email": email} for email in addresses)]
    assert {profile(house, token(house, realm, **person))["id"] for person in later} == {first["id"]}
    assert profile(house, token(house, realm, email=addresses[0]))["email"] == ADA


@pytest.mark.parametrize("spelling", [ADA, "ADA@Example.ORG"])
def test_a_verified_address_of_an_account_is_linked_after_proof_and_the_owner_told(
    house: House, realm: Realm, spelling: str
) -> None:
    house.account()
    own = house.tokens()[0]
    house.mail_to(ADA)
    house.mail_server.clear()
    visitor = Visitor(house)
    answer = visitor.sign_in(realm, **ada(email=spelling))
    assert answer.get_json()["methods"] == ["password", "email_otp"]
    assert (profile(house, own)["oauth_providers"], mailed.subjects(house, ADA)) == ([], [])
    access = visitor.prove(answer).get_json()["access_token"]
    seen = profile(house, access)
    assert (seen["id"], seen["oauth_providers"], seen["has_password"]) == (profile(house, own)["id"], ["google"], True)
    assert mailed.subjects(house, ADA).count("a way to sign in was added") == 1
    assert mailed.events(house, access).count("provider_linked") == 1
    assert house.login().status_code == 200, "the password goes on"
    token(house, realm)
    assert mailed.subjects(house, ADA).count("a way to sign in was added") == 1, "told once"


def test_an_unknown_address_makes_an_account_without_a_password(house: House, realm: Realm) -> None:
    seen = profile(house, token(house, realm, given_name="Ada", family_name="Lovelace"))
    assert (seen["username"], seen["email"], seen["email_confirmed"]) == ("ada", ADA, True)
    assert (seen["first_name"], seen["last_name"], seen["has_password"]) == ("Ada", "Lovelace", False)
    assert (seen["oauth_providers"], seen["roles"]) == (["google"], ["user"])


def test_people_at_the_provider_are_told_apart_to_the_letter(
    house: House, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MariaDB compares without case, accents and trailing spaces unless it is told not to."""
    subjects = ["ada", "ADA", "Ada", "ada.", "a da", "ad a"]
    seen = {profile(house, token(house, realm, sub=sub, email=f"p{n}@example.org"))["id"] for n, sub in enumerate(subjects)}
    assert len(seen) == len(subjects)
    assert code_of(Visitor(house).sign_in(realm, **ada(sub="ada "))) == "oauth_failed"


def test_links_of_pending_sign_ups_stop_working(house: House, realm: Realm) -> None:
    for name in ("eve", "mallory"):
        house.sign_up(name)
    links = [*mailed.paths(house, ADA, CONFIRM), mailed.ask_for_reset(house)]
    token(house, realm)
    for link in links:
        answer = house.post(link, {"password": FRESH_PASSWORD} if RESET in link else None)
        assert (answer.status_code, code_of(answer)) == (400, "invalid_token")
    assert code_of(house.login("eve")) == "email_not_confirmed"
    assert code_of(house.login(ADA)) == "invalid_credentials"


def test_an_address_that_was_left_a_moment_ago_is_refused_for_seven_days(
    house: House, realm: Realm, standing_clock: time_machine.Traveller
) -> None:
    """It may be taken back: by the undo link."""
    house.account()
    mailed.move(house, house.tokens()[0])
    house.deliver()
    before = kept(house)
    assert said(Visitor(house).sign_in(realm, **ada())) == (400, "oauth_failed")
    assert kept(house) == before
    standing_clock.shift(7 * 86400 + 1)
    openid._kept.clear()
    assert profile(house, token(house, realm))["username"] != "ada"


def kept(house: House) -> dict[str, Any]:
    """All that is written, but for the visit itself."""
    return {name: found for name, found in factors.written(house).items() if name != "provider_visits"}


def test_a_second_identity_of_one_provider_is_not_linked(house: House, realm: Realm) -> None:
    token(house, realm)
    answer = Visitor(house).sign_in(realm, **ada(sub="another"))
    assert said(answer) == (409, "provider_already_linked")


def test_a_second_provider_leads_to_the_same_account(house: House, realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    first = profile(house, token(house, realm))
    set_up(house, monkeypatch, realm, "example")
    answer = Visitor(house).sign_in(realm, "example", **ada())
    assert said(answer) == (200, "ok"), "one issuer under two names is one identity"
    with hostile_provider() as provider:
        other = provider.realm("example")
        set_up(house, monkeypatch, other, "example")
        visitor = Visitor(house)
        asked = visitor.sign_in(other, "example", **ada())
        assert asked.get_json()["methods"] == ["email_otp"], "the account has no password"
        assert visitor.open("/auth/link/code", {"link_token": asked.get_json()["link_token"]}).status_code == 202
        answer = visitor.prove(asked, otp_code=factors.newest_code(house))
    seen = profile(house, answer.get_json()["access_token"])
    assert (seen["id"], seen["oauth_providers"]) == (first["id"], ["example", "google"])
