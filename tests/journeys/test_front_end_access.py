"""Every screen of the front end for everybody: by axe-core, on a phone, by the keyboard, in light and dark."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import refuse_or_skip
from tests.journeys.front_end import Home, homely, menu, on, person, sign_in
from tests.parts import node
from tests.parts.missing import Missing
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

GUEST = (
    "sign-in",
    "sign-up",
    "look-into-mail",
    "mailed-code",
    "forgot-password",
    "confirm/x",
    "reset-password/x",
    "auth/callback",
)
MEMBER = ("profile", "security", "second-factor", "sessions", "activity", "your-data")
AXE = """axe.run(document).then(
    found => found.violations.map(one => `${one.id}: ${one.nodes[0].html} ${one.nodes[0].failureSummary}`))"""


@pytest.fixture(scope="module")
def home(smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('front') / 'end.db'}"
    google = {"GOOGLE_CLIENT_ID": "somebody", "GOOGLE_CLIENT_SECRET": "something"}
    with homely(uri, smtp, mail_server, FRESH_SECONDS="600", **google) as started:
        started.account("ada")
        yield started


@pytest.fixture(scope="module")
def axe() -> str:
    try:
        return node.script("axe-core/axe.min.js")
    except Missing as missing:
        refuse_or_skip(missing)


def check(page: Page, axe: str) -> None:
    """The policy stays in force: what a debugger evaluates is not the page's."""
    page.evaluate(axe)
    assert page.evaluate(AXE) == [], page.url
    width = page.viewport_size
    assert width
    assert page.evaluate("document.documentElement.scrollWidth") <= width["width"], f"{page.url}: nothing sticks out"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360), ("light", 360)])
def test_every_screen_can_be_used_by_everybody(
    browser: Browser, home: Home, axe: str, scheme: Literal["light", "dark"], width: int
) -> None:
    with person(browser, home, color_scheme=scheme, viewport={"width": width, "height": 740}) as ada:
        page = ada.tab("sign-in")
        titles = set()
        for screen in GUEST:
            page.goto(f"{home.url}/{screen}")
            page.locator("main h1").wait_for()
            titles.add(page.title())
            check(page, axe)
        page.goto(f"{home.url}/sign-in")
        sign_in(page, "ada", "not-the-password")
        expect(page.get_by_role("alert")).to_contain_text("No account matches")
        page.get_by_label("Password", exact=True).fill("")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("This field is needed.")).to_be_visible()
        check(page, axe)
        sign_in(page, "ada")
        on(page, "Profile")
        for screen in MEMBER:
            page.goto(f"{home.url}/{screen}")
            page.locator("main h1").wait_for()
            titles.add(page.title())
            check(page, axe)
        page.get_by_role("button", name="Delete my account").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        check(page, axe)
        assert len(titles) == len(GUEST) + len(MEMBER), "each screen has a title of its own"
        assert all(title.endswith(" · Latchkey") for title in titles)


def test_so_can_what_appears_on_the_way(browser: Browser, home: Home, axe: str) -> None:
    home.account("bea")
    recovery = home.with_second_factor("bea")
    with person(browser, home, color_scheme="dark", viewport={"width": 360, "height": 740}) as bea:
        page = bea.tab("sign-in")
        sign_in(page, "bea")
        page.get_by_label("Code", exact=True).wait_for()
        check(page, axe)
        page.get_by_label("Code", exact=True).fill(recovery)
        page.get_by_role("button", name="Continue").click()
        on(page, "Profile")
        menu(page, "Security")
        page.get_by_text("Recovery codes left: 9.").wait_for()
        check(page, axe)
        page.get_by_role("button", name="New recovery codes").click()
        page.get_by_role("dialog").wait_for()
        check(page, axe)


def test_a_person_comes_in_and_goes_by_keyboard_alone(browser: Browser, home: Home) -> None:
    with person(browser, home) as ada:
        page = ada.tab("sign-in")
        press = page.keyboard.press
        page.get_by_label("User name or e-mail address").focus()
        page.keyboard.type("ada")
        press("Tab")
        page.keyboard.type(PASSWORD)
        press("Enter")
        on(page, "Profile")
        expect(page.get_by_role("heading", name="Profile", exact=True)).to_be_focused()
        link = page.get_by_role("link", name="Your data")
        _tab_to(page, "Your data", back=True)
        expect(link).to_be_focused()
        outline = link.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline == "solid", "it is seen where the focus is"
        press("Enter")
        on(page, "Your data")
        expect(page.get_by_role("heading", name="Your data")).to_be_focused()
        _tab_to(page, "Delete my account …")
        press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        press("Escape")
        expect(dialog).to_be_hidden()
        expect(page.get_by_role("button", name="Delete my account")).to_be_focused()


def _tab_to(page: Page, words: str, *, back: bool = False) -> None:
    for _ in range(20):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == words:
            return
    pytest.fail(f"the keyboard does not reach “{words}”")


def test_fields_say_what_they_are_to_password_managers(browser: Browser, home: Home) -> None:
    wanted = {
        "sign-in": ["username", "current-password"],
        "sign-up": ["username", "email", "new-password"],
        "mailed-code": ["email"],
    }
    with person(browser, home) as ada:
        page = ada.tab()
        for screen, names in wanted.items():
            page.goto(f"{home.url}/{screen}")
            page.locator("main h1").wait_for()
            assert page.locator("main input").evaluate_all("all => all.map(one => one.autocomplete)") == names
        assert not re.search(r"style=|onclick=", page.content())
