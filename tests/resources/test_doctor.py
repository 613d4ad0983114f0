"""`flask doctor` on providers: what to register there, and what is wrong before people find out."""

from collections.abc import Iterator

import pytest

from services import openid
from tests.parts import http_faults
from tests.parts.hostile_provider import DISCOVERY, HostileProvider, Realm, hostile_provider
from tests.parts.ports import LOOPBACK, free_port
from tests.resources.patient import Admit, admit, migrated
from tests.visitors import settings_of

__all__ = ["admit", "migrated"]
BASE = {"BASE_URL": "https://auth.example.org"}
URI = "https://auth.example.org/auth/{}/callback"


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    openid._kept.clear()
    with hostile_provider() as started:
        yield started


def test_before_google_is_set_up_it_says_what_to_register(admit: Admit) -> None:
    words = (f" {URI.format('google')},", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")
    admit(**BASE).examined().one("providers", "ok", *words)


def test_each_provider_that_answers_has_its_redirect_uri(admit: Admit, provider: HostileProvider) -> None:
    both = settings_of(provider.realm().discovery_url) | settings_of(provider.realm("example").discovery_url, "example")
    found = admit(OIDC_PROVIDERS="google,example", **BASE, **both).examined()
    for name in ("google", "example"):
        found.one(name, "ok", f"register this redirect URI there: {URI.format(name)}")


def test_the_printed_uri_is_the_one_that_the_provider_is_asked_with(admit: Admit, provider: HostileProvider) -> None:
    door = admit(**BASE, **settings_of(provider.realm().discovery_url))
    answer = door.get("/auth/google", headers={"Host": "auth.example.org"})
    assert "redirect_uri=https%3A%2F%2Fauth.example.org%2Fauth%2Fgoogle%2Fcallback&" in answer.headers["Location"]


def test_the_hosts_that_a_document_leads_to_and_that_are_not_listed_are_a_fault(
    admit: Admit, provider: HostileProvider
) -> None:
    realm, port = provider.realm(), provider.url.rpartition(":")[2]
    for_browsers = {"authorization_endpoint": f"http://localhost:{port}/google/authorize"}
    realm.published[DISCOVERY] = for_browsers | {
        "jwks_uri": "https://keys.example/jwks",
        "token_endpoint": "https://b.example/t",
    }
    google = settings_of(realm.discovery_url) | BASE
    found = admit(OUTBOUND_HOSTS=LOOPBACK, **google).examined()
    found.one(
        "google", "fault", "leads to b.example, keys.example, not in OUTBOUND_HOSTS", "Add b.example, keys.example there."
    )
    openid._kept.clear()
    admit(OUTBOUND_HOSTS=f"{LOOPBACK},keys.example,b.example", **google).examined().one("google", "ok")


@pytest.mark.parametrize("fault", ["is not there", "broken", "garbage", "redirect", "another issuer"])
def test_a_provider_that_is_down_or_wrong_is_a_fault(admit: Admit, provider: HostileProvider, fault: str) -> None:
    realm, good = provider.realm(), provider.realm("example")
    if fault == "is not there":
        realm = Realm(f"http://{LOOPBACK}:{free_port()}/google")
    elif fault == "another issuer":
        realm.published[DISCOVERY] = {"issuer": "https://evil.example"}
    else:
        realm.faults[DISCOVERY] = getattr(http_faults, fault)
    both = settings_of(realm.discovery_url) | settings_of(good.discovery_url, "example")
    found = admit(OIDC_PROVIDERS="google,example", **BASE, **both).examined()
    found.one("google", "fault", "its discovery document: ")
    found.one("example", "ok")  # the others are examined all the same
