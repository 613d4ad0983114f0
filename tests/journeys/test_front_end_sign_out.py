"""After a sign-out the browser holds nothing of the account: no token, no name, no address, in storage or cookies."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.attacks import doors
from tests.journeys.front_end import Home, Person, homely, menu, on, person, sign_in
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

STORED = """async () => ({
    local: {...localStorage}, session: {...sessionStorage}, cookie: document.cookie,
    databases: await indexedDB.databases(), caches: await caches.keys(),
})"""
EMPTY = {"session": {}, "cookie": "", "databases": [], "caches": []}


@pytest.fixture(scope="module", params=["headers", "headers,cookies"])
def home(
    request: pytest.FixtureRequest, smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Home]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('left') / 'left.db'}"
    with homely(uri, smtp, mail_server, JWT_TOKEN_LOCATION=str(request.param)) as started:
        yield started


def stored(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(STORED)
    return found


def left(ended: str) -> dict[str, Any]:
    """Why the session ended, for the sign-in screen to say, and nothing else."""
    return EMPTY | {"local": {"latchkey.session": f'{{"ended":"{ended}"}}'}}


def until(page: Page, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def newcomer(ada: Person, name: str) -> Page:
    """Signs up here, confirms on another machine, and signs in here: all that the front end ever keeps is kept."""
    page, address = ada.tab("sign-up"), f"{name}@example.org"
    page.get_by_label("User name").fill(name)
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    on(page, "Look into your mail")
    path = doors.path_of(ada.home.link(address, "/confirm/")).removeprefix("/app")
    assert doors.call(ada.home.service, "POST", path, {"password": PASSWORD}).status == 200
    page.get_by_role("link", name="Back to sign-in").click()
    sign_in(page, name)
    on(page, "Profile")
    kept = stored(page)["local"]
    assert name in kept["latchkey.signups"], "there is something to clear"
    assert "access" in kept["latchkey.session"]
    return page


def elsewhere(page: Page, home: Home, name: str) -> None:
    """Ended from another device, which this page notices by its next call."""
    token = doors.login(home.service, name).json["access_token"]
    assert doors.call(home.service, "DELETE", "/sessions", token=token).status == 204
    menu(page, "Security")


def idly(page: Page) -> None:
    page.evaluate("localStorage.setItem('latchkey.idle', JSON.stringify({at: Date.now() - 1, life: 60000}))")


WAYS: dict[str, Callable[[Page, Home, str], None]] = {
    "logout": lambda page, home, name: page.get_by_role("button", name="Sign out").click(),
    "revoked_by_user": elsewhere,
    "idle": lambda page, home, name: idly(page),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_the_account_is_left_however_the_session_ended(browser: Browser, home: Home, way: str) -> None:
    name = f"ada-{way.replace('_', '-')}"
    with person(browser, home) as ada:
        page = newcomer(ada, name)
        other = ada.tab("security")
        WAYS[way](page, home, name)
        for tab in (page, other):
            on(tab, "Sign in")
        until(page, lambda: ada.context.cookies() == [])
        assert [stored(tab) for tab in (page, other)] == [left(way)] * 2


def test_tokens_that_arrive_after_the_sign_out_are_not_kept(browser: Browser, home: Home) -> None:
    """A refresh was under way: its answer, and the cookies on it, come when the person has left."""
    with ExitStack() as stack:
        ada = stack.enter_context(person(browser, home))
        page = newcomer(ada, "ada-late")
        held: list[Route] = []
        ada.context.route("**/refresh", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no bound method
        page.evaluate("""localStorage.setItem("latchkey.session",
            JSON.stringify({...JSON.parse(localStorage.getItem("latchkey.session")), due: 0}))""")
        menu(page, "Security")
        until(page, lambda: bool(held))
        answer = held[0].fetch()
        assert answer.status == 200
        with page.expect_response("**/logout"):
            page.get_by_role("button", name="Sign out").click()
        on(page, "Sign in")
        with page.expect_response("**/logout"):
            held[0].fulfill(response=answer)
        expect(page.get_by_text("You have signed out.")).to_be_visible()
        until(page, lambda: ada.context.cookies() == [])
        assert stored(page) == left("logout")
