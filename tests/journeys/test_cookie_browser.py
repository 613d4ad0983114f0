"""Cookie mode in a real browser: an app on another host lives by it, and pages of others get nothing out of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.attacks import doors
from tests.parts.pages import pages
from tests.parts.ports import free_port
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

FETCH = """async ([url, method, body, csrf]) => {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (csrf) headers["X-CSRF-TOKEN"] = sessionStorage.getItem(csrf);
    try {
        const answer = await fetch(url, {method, headers, body: body || undefined, credentials: "include"});
        const said = await answer.json().catch(() => ({}));
        for (const name of ["csrf_access_token", "csrf_refresh_token"])
            if (said[name]) sessionStorage.setItem(name, said[name]);
        return {status: answer.status, said};
    } catch (error) {
        return {status: 0, said: {}};
    }
}"""
"""What an app does for each call; status 0 where the browser lets the page see nothing."""
FORM = """([url, enctype, name]) => {
    const form = document.createElement("form");
    Object.assign(form, {action: url, method: "POST", enctype});
    if (name) form.append(Object.assign(document.createElement("input"), {name, value: "x"}));
    document.body.append(form);
    form.submit();
}"""
ACCESS, REFRESH = "csrf_access_token", "csrf_refresh_token"
ENCTYPES = ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data")
STRANGERS = ("evil.example", "other.latchkey.test")
"""Another site, to which SameSite=Lax sends nothing; and a sibling host, to which it sends everything."""


@dataclass
class World:
    """One browser, the service at auth.latchkey.test, and pages at whatever host."""

    context: BrowserContext
    service: Service
    pages_port: int

    def page(self, host: str) -> Page:
        page = self.context.new_page()
        page.goto(f"http://{host}:{self.pages_port}/")
        return page

    def url(self, path: str) -> str:
        return f"http://auth.latchkey.test:{self.service.port}{path}"

    def fetch(self, page: Page, method: str, path: str, csrf: str = "", body: str = "") -> tuple[int, dict[str, Any]]:
        found = page.evaluate(FETCH, [self.url(path), method, body, csrf])
        return found["status"], found["said"]

    def signed_in(self) -> Page:
        """The honest app with Ada before it."""
        app = self.page("app.latchkey.test")
        status, said = self.fetch(app, "POST", "/login", body=f'{{"username": "ada", "password": "{PASSWORD}"}}')
        assert status == 200
        assert not {"access_token", "refresh_token"} & set(said)
        return app

    def name(self, app: Page) -> str:
        """Ada's user name as the app reads it, while the session lives."""
        status, said = self.fetch(app, "GET", "/profile")
        assert status == 200, said
        return str(said["username"])


@pytest.fixture(scope="module")
def pages_port() -> Iterator[int]:
    with pages() as port:
        yield port


@pytest.fixture(scope="module")
def service(
    pages_port: int, smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    port, app = free_port(), f"http://app.latchkey.test:{pages_port}"
    address = {"PORT": str(port), "BASE_URL": f"http://auth.latchkey.test:{port}", "FRONTEND_URL": app}
    uri = f"sqlite:///{tmp_path_factory.mktemp('cookies') / 'cookies.db'}"
    with doors.service(uri, smtp, JWT_TOKEN_LOCATION="cookies", **address) as running:
        mail_server.clear()
        doors.account(running, mail_server, "ada")
        yield running


@pytest.fixture
def world(browser: Browser, service: Service, pages_port: int) -> Iterator[World]:
    with browser.new_context() as context:
        yield World(context, service, pages_port)


@pytest.fixture
def elsewhere(browser: Browser, service: Service, pages_port: int) -> Iterator[World]:
    """Another machine of the same person."""
    with browser.new_context() as context:
        yield World(context, service, pages_port)


def test_an_app_on_another_host_lives_by_cookies_that_its_script_cannot_read(world: World) -> None:
    app = world.signed_in()
    kept = {cookie["name"]: cookie for cookie in world.context.cookies(world.url("/"))}
    assert set(kept) == {"latchkey_access", "latchkey_refresh"}
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in kept.values())
    assert app.evaluate("document.cookie") == ""
    assert world.name(app) == "ada"
    body = '{"first_name": "Ada"}'
    assert world.fetch(app, "PUT", "/profile", body=body)[1]["code"] == "csrf_failed"
    status, profile = world.fetch(app, "PUT", "/profile", ACCESS, body)
    assert (status, profile["first_name"]) == (200, "Ada")
    assert world.fetch(app, "POST", "/refresh", REFRESH)[0] == 200
    renewed = {cookie["name"]: cookie["value"] for cookie in world.context.cookies(world.url("/"))}
    assert not set(renewed.values()) & {cookie["value"] for cookie in kept.values()}
    assert world.name(app) == "ada"
    assert world.fetch(app, "POST", "/logout", ACCESS)[0] == 200
    assert world.context.cookies(world.url("/")) == []
    assert world.fetch(app, "GET", "/profile")[1]["code"] == "authentication_required"


def test_a_reloaded_app_goes_on_and_a_session_ended_elsewhere_takes_the_cookies(world: World, elsewhere: World) -> None:
    app = world.signed_in()
    app.reload()
    assert world.name(app) == "ada"
    assert world.fetch(app, "POST", "/refresh", REFRESH)[0] == 200
    assert elsewhere.fetch(elsewhere.signed_in(), "DELETE", "/sessions", ACCESS)[0] == 204
    assert world.fetch(app, "GET", "/profile")[1]["code"] == "session_ended"
    assert world.context.cookies(world.url("/")) == []


@pytest.mark.parametrize("host", STRANGERS)
@pytest.mark.parametrize("enctype", ENCTYPES)
def test_a_form_on_a_strangers_page_does_nothing(world: World, host: str, enctype: str) -> None:
    app = world.signed_in()
    for path in ("/logout", "/refresh"):
        for field in ("", "_method"):
            stranger = world.page(host)
            with stranger.expect_navigation(url=world.url(path)) as navigation:
                stranger.evaluate(FORM, [world.url(path), enctype, field])
            assert navigation.value.status == 401
            carried = "Cookie" in {name.title() for name in navigation.value.request.all_headers()}
            assert carried == (host != "evil.example"), "the sibling's form brings the cookies, and that is not enough"
    assert world.name(app) == "ada"
    assert world.fetch(app, "POST", "/refresh", REFRESH)[0] == 200


@pytest.mark.parametrize("host", STRANGERS)
def test_a_script_on_a_strangers_page_reads_nothing_and_changes_nothing(world: World, host: str) -> None:
    app = world.signed_in()
    stranger = world.page(host)
    calls = [("GET", "/profile"), ("POST", "/logout"), ("POST", "/refresh"), ("DELETE", "/sessions")]
    for method, path in calls:
        assert world.fetch(stranger, method, path) == (0, {})
    assert world.fetch(stranger, "PUT", "/profile", body='{"username": "eve"}') == (0, {})
    assert world.fetch(stranger, "POST", "/login", body=f'{{"username": "ada", "password": "{PASSWORD}"}}') == (0, {})
    assert world.name(app) == "ada"
    assert world.fetch(app, "POST", "/logout", ACCESS)[0] == 200
