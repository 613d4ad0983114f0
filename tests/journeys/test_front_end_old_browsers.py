"""A browser that lacks what the front end relies on is told so, and gets no form to type a password into."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.front_end import Home, homely
from tests.parts.smtp import MailServer

SCRIPT = Path(__file__).parents[2] / "examples" / "spa" / "old-browser.js"
LACKING = {
    "modules": "delete HTMLScriptElement.prototype.noModule",
    "the policy": "delete window.SecurityPolicyViolationEvent",
    "dialogs": "delete window.HTMLDialogElement",
    "scripts of 2021": "delete Array.prototype.at",
}
NEWER = r"=>|`|\?\.|\?\?|\.\.\.|\b(?:const|let|class|async|await|import|export|of)\b"
"""What ES5 does not know: a browser that stumbles over one of these runs nothing of the file."""


@pytest.fixture(scope="module")
def home(smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('old') / 'old.db'}"
    with homely(uri, smtp, mail_server) as started:
        yield started


@pytest.mark.parametrize("lacking", LACKING)
def test_an_old_browser_is_warned_and_shown_no_form(browser: Browser, home: Home, lacking: str) -> None:
    with browser.new_context() as context:
        context.add_init_script(LACKING[lacking])
        page = context.new_page()
        page.goto(f"{home.url}/sign-in")
        expect(page.get_by_role("alert")).to_contain_text("too old")
        page.get_by_label("Password", exact=True).wait_for(state="attached")  # the module has run all the same
        expect(page.get_by_label("Password", exact=True)).to_be_hidden()
        assert page.evaluate("document.body.innerText").strip().startswith("Your browser is too old")


def test_a_browser_of_today_sees_the_form_and_no_warning(browser: Browser, home: Home) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{home.url}/sign-in")
        expect(page.get_by_label("Password", exact=True)).to_be_visible()
        expect(page.get_by_text("too old")).to_be_hidden()


def test_a_browser_without_scripts_says_that_they_are_needed(browser: Browser, home: Home) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{home.url}/sign-in")
        said = page.locator("noscript p")  # a search for text leaves such elements out
        expect(said).to_be_visible()
        expect(said).to_contain_text("These pages are made by a script")
        assert page.locator("input").count() == 0


def test_the_warning_is_written_for_the_oldest_browsers() -> None:
    code = re.sub(r"//.*", "", SCRIPT.read_text())
    assert not re.search(NEWER, code)
    page = (SCRIPT.parent / "index.html").read_text()
    assert page.index('<script src="old-browser.js" defer>') < page.index('<script type="module"'), "both run in this order"
