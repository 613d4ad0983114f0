"""`flask doctor` on providers: what to register there, and what is wrong before people find out."""

from collections.abc import Callable, Iterator

import pytest

from services import openid
from tests.parts import http_faults
from tests.parts.hostile_provider import DISCOVERY, HostileProvider, Realm, hostile_provider
from tests.parts.ports import LOOPBACK, free_port
from tests.resources.conftest import Door
from tests.visitors import settings_of

Build = Callable[..., Door]
BASE = {"BASE_URL": "https://auth.example.org"}
URI = "https://auth.example.org/auth/{}/callback"


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    openid._kept.clear()
    with hostile_provider() as started:
        yield started


def examined(door: Door) -> tuple[int, list[str]]:
    """Exit status, and a line for each thing that was looked at."""
    result = door.app.test_cli_runner().invoke(args=["doctor"])
    return result.exit_code, result.output.splitlines()


def test_before_google_is_set_up_it_says_what_to_register(build: Build) -> None:
    status, lines = examined(build(**BASE))
    assert (status, lines[0]) == (0, "ok     the settings")
    assert lines[1].startswith("ok ")
    assert all(word in lines[1] for word in (f" {URI.format('google')},", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"))


def test_each_provider_that_answers_has_its_redirect_uri(build: Build, provider: HostileProvider) -> None:
    both = settings_of(provider.realm().discovery_url) | settings_of(provider.realm("example").discovery_url, "example")
    status, lines = examined(build(OIDC_PROVIDERS="google,example", **BASE, **both))
    assert (status, len(lines)) == (0, 3)
    for line, name in zip(lines[1:], ("google", "example"), strict=True):
        assert line == f"ok     {name}: register this redirect URI there: {URI.format(name)}"


def test_the_printed_uri_is_the_one_that_the_provider_is_asked_with(build: Build, provider: HostileProvider) -> None:
    door = build(**BASE, **settings_of(provider.realm().discovery_url))
    answer = door.get("/auth/google", headers={"Host": "auth.example.org"})
    assert "redirect_uri=https%3A%2F%2Fauth.example.org%2Fauth%2Fgoogle%2Fcallback&" in answer.headers["Location"]


@pytest.mark.parametrize("fault", ["is not there", "broken", "garbage", "redirect", "another issuer"])
def test_a_provider_that_is_down_or_wrong_is_a_fault(build: Build, provider: HostileProvider, fault: str) -> None:
    realm, good = provider.realm(), provider.realm("example")
    if fault == "is not there":
        realm = Realm(f"http://{LOOPBACK}:{free_port()}/google")
    elif fault == "another issuer":
        realm.published[DISCOVERY] = {"issuer": "https://evil.example"}
    else:
        realm.faults[DISCOVERY] = getattr(http_faults, fault)
    both = settings_of(realm.discovery_url) | settings_of(good.discovery_url, "example")
    status, lines = examined(build(OIDC_PROVIDERS="google,example", **BASE, **both))
    assert (status, len(lines)) == (1, 3)
    assert lines[1].startswith("FAULT  google: its discovery document: ")
    assert lines[2].startswith("ok     example: "), "the others are examined all the same"
    assert "secret-of-latchkey" not in str(lines)
