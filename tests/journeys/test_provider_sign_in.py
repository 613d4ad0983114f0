"""Signing in with providers that others wrote: from leaving the service to the profile, each way that a service is set up."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import time_machine

from services import openid
from tests import factors
from tests.conftest import refuse_or_skip
from tests.parts import provider
from tests.parts.missing import Missing
from tests.parts.provider import Provider
from tests.resources.conftest import Door, build
from tests.visitors import Visitor, link_token, settings_for, told

Build = Callable[..., Door]
PAGE = "https://app.example.org"
SERVICE = "http://127.0.0.1:5000"
CALLBACKS = [f"{SERVICE}/auth/{name}/callback" for name in ("google", "example")]

__all__ = ["build"]


@pytest.fixture(scope="module", params=["mock", "certified"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """PyPI's oidc-provider-mock, then npm's certified oidc-provider."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        try:
            made = provider.mock(folder, "ada", "bea") if request.param == "mock" else provider.certified(folder, CALLBACKS)
            yield stack.enter_context(made)
        except Missing as missing:
            refuse_or_skip(missing)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    openid._kept.clear()


def there_and_back(visitor: Visitor, real: Provider, name: str | None, path: str = "/auth/google") -> str:
    """The path that the browser comes back to."""
    return real.sign_in(visitor.leave(path), name).removeprefix(SERVICE)


def test_without_a_page_the_browser_ends_at_a_token_answer(build: Build, real: Provider) -> None:
    door = build(**settings_for(real))
    answer = (visitor := Visitor(door)).open(back := there_and_back(visitor, real, "ada"))
    assert factors.amr(answer) == ["fed"]
    profile = door.get("/profile", answer.get_json()["access_token"]).get_json()
    assert (profile["username"], profile["email"], profile["oauth_providers"]) == ("ada", "ada@example.org", ["google"])
    assert factors.said(visitor.open(back)) == (400, "oauth_failed"), "once"
    again = Visitor(door)
    answer = again.open(there_and_back(again, real, "ada"))
    assert door.get("/profile", answer.get_json()["access_token"]).get_json()["id"] == profile["id"]


def test_a_page_gets_a_code_and_exchanges_it(build: Build, real: Provider) -> None:
    door = build(FRONTEND_URL=PAGE, **settings_for(real))
    visitor = Visitor(door)
    answer = visitor.open(there_and_back(visitor, real, "ada", "/auth/google?state=of-the-page"))
    said = told(answer)
    assert (answer.headers["Location"].partition("#")[0], said["state"]) == (f"{PAGE}/auth/callback", "of-the-page")
    tokens = door.post("/auth/exchange", {"code": said["code"]})
    assert factors.amr(tokens) == ["fed"]
    assert door.post("/refresh", token=tokens.get_json()["refresh_token"]).status_code == 200
    assert factors.said(door.post("/auth/exchange", {"code": said["code"]})) == (400, "invalid_token")
    moment = factors.claims(tokens.get_json()["access_token"])["auth_time"]
    assert abs(moment - time.time()) < 120, "both tell when somebody signed in there, as they were asked to"


@pytest.mark.parametrize("page", [None, PAGE])
def test_who_refuses_at_the_provider_is_not_signed_in(build: Build, real: Provider, page: str | None) -> None:
    door = build(FRONTEND_URL=page or "", **settings_for(real))
    visitor = Visitor(door)
    answer = visitor.open(there_and_back(visitor, real, None, "/auth/google?state=abc"))
    # PyPI's leaves `state` out of a refusal, against RFC 6749 §4.1.2.1: it could be anybody's.
    code = "oauth_cancelled" if real.prompt == "login" else "oauth_failed"
    if page:
        assert told(answer)["error"] == code
    else:
        assert factors.said(answer) == (400, code)
    assert door.counts()["sessions"] == door.counts()["users"] == 0


def test_an_account_with_a_second_factor_shows_it(build: Build, real: Provider, standing_clock: time_machine.Traveller) -> None:
    door = build(**settings_for(real))
    _, phone = factors.protected(door)
    visitor = Visitor(door)
    answer = visitor.prove(visitor.open(there_and_back(visitor, real, "ada")))
    assert factors.said(answer) == (401, "mfa_required")
    assert "mfa" in factors.amr(factors.second(door, answer.get_json()["mfa_token"], phone.code()))
    answer = visitor.open(there_and_back(visitor, real, "ada"))
    assert factors.said(answer) == (401, "mfa_required"), "linked by now"
    tokens = factors.second(door, answer.get_json()["mfa_token"], phone.recovery_codes[0])
    assert set(factors.amr(tokens)) == {"fed", "mfa"}


def test_a_second_provider_is_a_matter_of_settings(build: Build, real: Provider, tmp_path: Path) -> None:
    with provider.mock(tmp_path / "google", "ada") as google:
        both = settings_for(google) | settings_for(real, "example")
        door = build(OIDC_PROVIDERS="google,example", **both)
        tokens = []
        for name, at in (("google", google), ("example", real)):
            visitor = Visitor(door)
            answer = visitor.open(there_and_back(visitor, at, "ada", f"/auth/{name}"))
            if name == "example":
                visitor.open("/auth/link/code", {"link_token": link_token(answer)})
                answer = visitor.prove(answer, otp_code=factors.newest_code(door))
            tokens.append(answer.get_json()["access_token"])
    profiles = [door.get("/profile", token).get_json() for token in tokens]
    assert profiles[0]["id"] == profiles[1]["id"]
    assert profiles[1]["oauth_providers"] == ["example", "google"]


def test_an_account_is_linked_and_unlinked(build: Build, real: Provider) -> None:
    door = build(FRONTEND_URL=PAGE, **settings_for(real))
    door.account("zoe", "zoe@example.org")
    access, _ = door.tokens("zoe")
    url = door.post("/auth/google/link", token=access).get_json()["authorization_url"]
    visitor = Visitor(door)
    code = told(visitor.open(there_and_back(visitor, real, "bea", url.removeprefix(SERVICE))))["code"]
    assert door.post("/auth/exchange", {"code": code}, access).status_code == 204
    again = Visitor(door)
    code = told(again.open(there_and_back(again, real, "bea")))["code"]
    profile = door.get("/profile", door.post("/auth/exchange", {"code": code}).get_json()["access_token"]).get_json()
    assert (profile["username"], profile["oauth_providers"]) == ("zoe", ["google"])
    assert door.ask("DELETE", "/auth/google/link", token=access).status_code == 204
    assert door.get("/profile", access).get_json()["oauth_providers"] == []


def test_the_names_of_google_and_server_metadata_url_mean_the_same(build: Build, real: Provider) -> None:
    settings = settings_for(real)
    settings["SERVER_METADATA_URL"] = settings.pop("GOOGLE_DISCOVERY_URL")
    visitor = Visitor(build(**settings))
    assert visitor.open(there_and_back(visitor, real, "ada")).status_code == 200
