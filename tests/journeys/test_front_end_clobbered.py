"""DOM clobbering: elements named like everything that the scripts name change nothing, for no script reads such a global."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.journeys.front_end import Home, Person, card, homely, menu, on, person, sign_in
from tests.parts.smtp import MailServer

SPA = Path(__file__).parents[2] / "examples" / "spa"
WORDS = sorted(set(re.findall(r"[A-Za-z_$][\w$]*", "\n".join(file.read_text() for file in SPA.rglob("*.js")))) - {"app"})
"""Each identifier, property and word of the scripts; `app` is the id that the page itself has."""
CLOBBERED = "words => words.filter(word => globalThis[word] instanceof Element || globalThis[word] instanceof HTMLCollection)"
OF_DOCUMENTS = "words => words.filter(word => word in document)"
IMPORTED = 'import {config} from "./config.js";'
OFFENCE = 'const config = globalThis.config ?? {api: location.origin, cookies: false}; import "./config.js";'


@pytest.fixture(scope="module")
def home(smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('clobbered') / 'clobbered.db'}"
    with homely(uri, smtp, mail_server) as started:
        started.account("ada")
        yield started


@pytest.fixture
def ada(browser: Browser, home: Home) -> Iterator[Person]:
    with person(browser, home) as somebody:
        yield somebody


def named(browser: Browser) -> str:
    """An element for each word, and by `name` a form, which `document` has too; the document's own members stay as they are."""
    with browser.new_context() as context:
        own = set(context.new_page().evaluate(OF_DOCUMENTS, WORDS))
    ids = "".join(f'<a id="{word}"></a>' for word in WORDS)
    names = "".join(f'<form name="{word}"></form>' for word in WORDS if word not in own)
    return f"<div hidden>{ids}{names}</div>"


def inject(context: BrowserContext, elements: str) -> None:
    def answer(route: Route) -> None:
        if route.request.resource_type != "document":
            return route.fallback()
        served = route.fetch()
        return route.fulfill(response=served, body=served.text().replace("<body>", f"<body>{elements}"))

    context.route("**/app/**", answer)


def plant(context: BrowserContext) -> None:
    """A script that takes what it is told from a global, as many pages do."""

    def answer(route: Route) -> None:
        served = route.fetch()
        assert IMPORTED in served.text()
        route.fulfill(response=served, body=served.text().replace(IMPORTED, OFFENCE))

    context.route("**/app/api.js", answer)


def lives(page: Page) -> None:
    """From the sign-in over every screen to the sign-out."""
    sign_in(page, "ada")
    on(page, "Profile")
    about = card(page, "About you")
    about.get_by_label("First name").fill("Ada")
    about.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    for screen in ("Security", "Devices", "Activity", "Your data"):
        menu(page, screen)
        on(page, screen)
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Sign out").click()
    on(page, "Sign in")
    for link, heading in (("Forgot your password?", "Forgot your password?"), ("Back to sign-in", "Sign in")):
        page.get_by_role("link", name=link).click()
        on(page, heading)


def test_elements_named_like_all_that_the_scripts_name_change_nothing(ada: Person, browser: Browser) -> None:
    inject(ada.context, named(browser))
    page = ada.tab("sign-in")
    shadowed = page.evaluate(CLOBBERED, WORDS)
    assert {"config", "tokens", "hooks", "el", "form", "root", "draft", "api"} <= set(shadowed), "they are there to be read"
    print(f"\n{len(WORDS)} words, {len(shadowed)} of them are elements now: {json.dumps(shadowed)[:200]} …")
    lives(page)


@pytest.mark.parametrize("clobbered", [False, True])
def test_a_script_that_read_such_a_global_would_be_noticed(ada: Person, browser: Browser, clobbered: bool) -> None:
    plant(ada.context)
    if clobbered:
        inject(ada.context, named(browser))
    page = ada.tab("sign-in")
    sign_in(page, "ada")
    if clobbered:
        expect(page.get_by_role("alert")).not_to_be_empty()
        ada.complaints.clear()
    else:
        on(page, "Profile")
