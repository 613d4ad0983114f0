"""What is said to a provider: how our secret gets there, and what it is asked before a sign-in."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest

from services import openid
from tests.factors import said
from tests.parts.hostile_provider import DISCOVERY, METHODS, Realm, hostile_provider
from tests.resources.conftest import Door, heard_log
from tests.visitors import Visitor, ada, set_up

SECRETS = ["secret-of-latchkey", "a+b/c%d:e=", "with space & more", "ü:é", "%41", "~*.-_"]
BASIC, POST = "client_secret_basic", "client_secret_post"


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def realm(google: Realm) -> Realm:
    openid._kept.clear()
    google.published.clear()
    google.faults.clear()
    return google


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("offered", [None, [BASIC], [POST], [POST, BASIC], ["private_key_jwt", POST]], ids=str)
def test_any_secret_reaches_the_provider_the_way_that_it_offers(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, secret: str, offered: list[str] | None
) -> None:
    """RFC 6749 §2.3.1; where nothing is said, it is Basic (Discovery 1.0 §3)."""
    if offered is not None:
        realm.published[DISCOVERY] = {METHODS: offered}
    monkeypatch.setattr(realm, "secret", secret)
    set_up(door, monkeypatch, realm)
    assert Visitor(door).sign_in(realm, **ada()).status_code == 200


@pytest.mark.parametrize("offered", [["private_key_jwt"], ["none"], "client_secret_basic", {BASIC: 1}, 5])
def test_a_provider_that_offers_no_way_of_ours_is_told_from_a_wrong_secret(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, offered: object
) -> None:
    realm.published[DISCOVERY] = {METHODS: offered}
    set_up(door, monkeypatch, realm)
    heard = heard_log(monkeypatch)
    assert said(Visitor(door).sign_in(realm, **ada())) == (400, "oauth_failed")
    assert f"provider google: its {METHODS} has neither" in heard.getvalue()
    assert realm.secret not in heard.getvalue()


@pytest.mark.parametrize(("prompt", "sent"), [("select_account", ["select_account"]), ("login", ["login"]), ("", [])])
def test_the_provider_is_told_what_to_ask(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, prompt: str, sent: list[str]
) -> None:
    set_up(door, monkeypatch, realm)
    settings = door.app.extensions["settings"]
    provider = settings.oidc["google"].model_copy(update={"prompt": prompt})
    monkeypatch.setitem(door.app.extensions, "settings", settings.model_copy(update={"oidc": {"google": provider}}))
    asked = parse_qs(urlsplit(Visitor(door).leave()).query)
    assert asked.get("prompt", []) == sent
    assert asked["max_age"] == [str(settings.session_max_seconds)]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "canceled": ("error=access_denied", {}, "the person did not consent"),
    "an error": ("error=invalid_scope", {}, "sent the browser back with invalid_scope"),
    "an error of no standard": ("error=%0Aevil%20text", {}, "sent the browser back with an unknown error"),
    "no code": ("", {}, "came back without a code"),
    "an unverified address": ("code", {"email_verified": False}, "does not vouch for the person's address"),
    "no address": ("code", {"email": "ada"}, "vouches for an address that is none"),
    "another state": ("state=other", {}, "no sign-in with this state waits in this browser"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_each_refusal_has_one_line_that_says_why_and_no_secret(
    door: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    change, person, why = REFUSED[kind]
    set_up(door, monkeypatch, realm)
    heard = heard_log(monkeypatch)
    visitor = Visitor(door)
    query = dict(parse_qsl(realm.sign_in(visitor.leave(), **ada(**person))))
    sent = query if change == "code" else {name: query[name] for name in ("state", "iss")} | dict(parse_qsl(change))
    answer = visitor.open(f"/auth/google/callback?{urlencode(sent)}")
    assert said(answer) == (400, "oauth_cancelled" if kind == "canceled" else "oauth_failed")
    log = heard.getvalue()
    assert why in log
    secrets = (query["code"], query["state"], "evil", "ada@example.org", realm.secret)
    assert not [secret for secret in secrets if secret in log]
