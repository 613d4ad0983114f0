"""A person in a real browser signs in with a provider: from a page of another origin, through its pages, to the profile."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from tests.attacks import doors
from tests.conftest import refuse_or_skip
from tests.parts import provider
from tests.parts.missing import Missing
from tests.parts.pages import pages
from tests.parts.ports import free_port
from tests.parts.provider import Provider
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.visitors import settings_for

LEAVE = """url => {
    const state = [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16)).join("");
    sessionStorage.setItem("state", state);
    location.href = `${url}/auth/google?state=${state}`;
}"""
"""What the app's button does."""
ARRIVE = """async ([url, credentials, password]) => {
    const told = new URLSearchParams(location.hash.slice(1));
    if (told.get("state") !== sessionStorage.getItem("state")) return {fault: "another state"};
    history.replaceState(null, "", location.pathname);
    const ask = (path, options) => fetch(url + path, {credentials, ...options});
    const body = JSON.stringify({code: told.get("code")});
    const post = (path, body) => ask(path, {method: "POST", headers: {"Content-Type": "application/json"}, body});
    const asked = await (await post("/auth/exchange", body)).json();
    const answer = await post("/auth/link", JSON.stringify({link_token: asked.link_token, password}));
    const tokens = await answer.json();
    const headers = tokens.access_token ? {Authorization: `Bearer ${tokens.access_token}`} : {};
    return {status: answer.status, tokens, profile: await (await ask("/profile", {headers})).json()};
}"""
"""What the app does at /auth/callback."""


def at_mock(page: Page) -> None:
    page.get_by_placeholder("sub").fill("ada")
    page.get_by_role("button", name="Authorize").click()


def at_certified(page: Page) -> None:
    page.get_by_placeholder("Enter any login").fill("ada")
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


@dataclass
class World:
    service: Service
    url: str
    app: str
    real: Provider
    by_cookie: bool
    sign_in: Callable[[Page], None]


@pytest.fixture(scope="module", params=[("mock", "headers"), ("certified", "cookies")], ids="-".join)
def world(
    request: pytest.FixtureRequest, smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    name, location = request.param
    folder, port = tmp_path_factory.mktemp(name), free_port()
    url = f"http://auth.latchkey.test:{port}"
    with ExitStack() as stack:
        app = f"http://app.latchkey.test:{stack.enter_context(pages())}"
        try:
            made = (
                provider.mock(folder, "ada") if name == "mock" else provider.certified(folder, [f"{url}/auth/google/callback"])
            )
            real = stack.enter_context(made)
        except Missing as missing:
            refuse_or_skip(missing)
        settings = {"PORT": str(port), "BASE_URL": url, "FRONTEND_URL": app, "JWT_TOKEN_LOCATION": location}
        uri = f"sqlite:///{folder / 'browser.db'}"
        mail_server.clear()
        service = stack.enter_context(doors.service(uri, smtp, **settings | settings_for(real)))
        doors.account(service, mail_server, "ada")
        yield World(service, url, app, real, location == "cookies", at_mock if name == "mock" else at_certified)


def test_a_person_signs_in_from_a_page_of_another_origin(browser: Browser, world: World) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        page.goto(f"{world.app}/")
        page.evaluate(LEAVE, world.url)
        page.wait_for_url(f"{world.real.issuer}/**")
        world.sign_in(page)
        page.wait_for_url(f"{world.app}/auth/callback**")
        found = page.evaluate(ARRIVE, [world.url, "include" if world.by_cookie else "omit", PASSWORD])
        assert found["status"] == 200, found
        assert (found["profile"]["username"], found["profile"]["oauth_providers"]) == ("ada", ["google"])
        kept = {cookie["name"]: cookie for cookie in context.cookies(world.url)}
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in kept.values())
        assert set(kept) == {"latchkey_visit"} | ({"latchkey_access", "latchkey_refresh"} if world.by_cookie else set())
        secrets = [found["tokens"].get(name) for name in ("access_token", "refresh_token")]
        secrets += [cookie["value"] for cookie in kept.values()]
        assert not [address for address in seen for secret in secrets if secret and secret in address], "no token in an address"
        assert any("/auth/google/callback?code=" in address for address in seen)
        assert page.url == f"{world.app}/auth/callback"
