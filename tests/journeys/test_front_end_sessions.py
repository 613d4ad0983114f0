"""Expiry, as a real app meets it: several tabs, other devices, silence, limits, a service that is away."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.conftest import refuse_or_skip
from tests.journeys.front_end import Home, Person, card, homely, menu, on, person, sign_in
from tests.parts import provider
from tests.parts.missing import Missing
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.visitors import settings_of

Build = Callable[..., Home]
UNREACHABLE = re.compile("ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")


@pytest.fixture(scope="module")
def build(smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """A service with other settings, and Ada's account there."""
    with ExitStack() as stack:

        def made(**changes: str) -> Home:
            uri = f"sqlite:///{tmp_path_factory.mktemp('front') / 'end.db'}"
            home = stack.enter_context(homely(uri, smtp, mail_server, **changes))
            home.account("ada")
            return home

        yield made


@pytest.fixture(scope="module")
def home(build: Build) -> Home:
    """With the usual settings."""
    return build()


@pytest.fixture
def ada(browser: Browser, home: Home) -> Iterator[Person]:
    with person(browser, home) as somebody:
        yield somebody


@pytest.fixture
def elsewhere(browser: Browser, home: Home) -> Iterator[Person]:
    """Her other device."""
    with person(browser, home) as somebody:
        yield somebody


def _until(page: Page, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


@pytest.mark.parametrize("location", ["headers", "cookies"])
def test_two_tabs_refresh_once_at_expiry(browser: Browser, build: Build, location: str) -> None:
    home = build(JWT_ACCESS_TOKEN_EXPIRES="8", REFRESH_REUSE_SECONDS="0", JWT_TOKEN_LOCATION=location)
    with person(browser, home) as ada:
        one = ada.signed_in("ada")
        other = ada.tab("sessions")
        one.wait_for_timeout(6500)  # the app takes a token for old a little before it is
        held: list[Route] = []
        ada.context.route("**/refresh", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no bound method
        before = ada.calls.count("POST /refresh")
        menu(one, "Security")
        _until(one, lambda: len(held) == 1)
        menu(other, "Activity")
        _until(other, lambda: other.evaluate("navigator.locks.query().then(found => found.pending.length)") == 1)
        other.wait_for_timeout(500)
        assert len(held) == 1, "the other tab waits"
        held[0].continue_()
        on(one, "Security")
        on(other, "Activity")
        assert ada.calls.count("POST /refresh") == before + 1
        ada.context.unroute("**/refresh")
        kept = one.evaluate("JSON.stringify(localStorage)")
        assert (".eyJ" in kept) == (location == "headers"), "no token in reach of a script with cookies"


def test_a_sign_out_is_seen_in_every_tab_and_so_is_a_sign_in(ada: Person) -> None:
    one = ada.signed_in("ada")
    other = ada.tab("security")
    one.get_by_role("button", name="Sign out").click()
    for tab in (one, other):
        on(tab, "Sign in")
        expect(tab.get_by_text("You have signed out.")).to_be_visible()
    sign_in(other, "ada")
    on(other, "Profile")
    on(one, "Profile")


def test_a_session_ended_elsewhere_says_why_and_loses_nothing(ada: Person, elsewhere: Person) -> None:
    page = ada.signed_in("ada")
    about = card(page, "About you")
    about.get_by_label("First name").fill("Ada Augusta")
    devices = elsewhere.signed_in("ada", "sessions")
    devices.get_by_role("button", name="Sign out all other devices").click()
    devices.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(devices.get_by_text("All other devices are signed out.")).to_be_visible()
    about.get_by_role("button", name="Save").click()
    on(page, "Sign in")
    expect(page.get_by_text("ended from another device")).to_be_visible()
    sign_in(page, "ada")
    on(page, "Profile")
    expect(about.get_by_label("First name")).to_have_value("Ada Augusta")


def test_one_device_is_signed_out_by_its_own_button(ada: Person, elsewhere: Person) -> None:
    page, there = ada.signed_in("ada", "sessions"), elsewhere.signed_in("ada")
    page.reload()
    on(page, "Devices")
    entries = page.locator("main li")
    count = entries.count()
    entries.filter(has=page.get_by_role("button")).first.get_by_role("button", name="Sign out").click()
    expect(entries).to_have_count(count - 1)
    menu(there, "Activity")
    on(there, "Sign in")
    expect(there.get_by_text("ended from another device")).to_be_visible()


def test_silence_is_announced_in_every_tab_and_then_ends_the_session(browser: Browser, build: Build) -> None:
    """The browser's clock is put forward; the service's own end of silent sessions has tests of its own."""
    with person(browser, build(INACTIVITY_SECONDS="60")) as ada:
        ada.context.clock.install()
        one = ada.signed_in("ada")
        other = ada.tab("sessions")
        ada.context.clock.fast_forward(31_000)
        for tab in (one, other):
            expect(tab.get_by_role("alertdialog", name="Are you still there?")).to_be_visible()
        assert re.fullmatch(r"([12]\d|30) s", one.get_by_role("timer").inner_text())
        one.get_by_role("button", name="Stay signed in").click()
        for tab in (one, other):
            expect(tab.get_by_role("alertdialog")).to_be_hidden()
        assert "POST /logout" not in ada.calls
        ada.context.clock.fast_forward(61_000)
        for tab in (one, other):
            on(tab, "Sign in")
            expect(tab.get_by_text("because nothing happened for a while")).to_be_visible()
        assert "POST /logout" in ada.calls, "it is ended there too"


def test_a_limit_is_waited_for_with_a_countdown(browser: Browser, build: Build) -> None:
    with person(browser, build(RATELIMIT_SENSITIVE="2 per 8 second")) as ada:
        page = ada.tab("sign-in")
        button = page.get_by_role("button", name=re.compile("^(Sign in|Try again in)"))
        for _ in range(2):
            sign_in(page, "ada", "not-the-password")
            expect(page.get_by_role("alert")).to_contain_text("No account matches")
            expect(page.locator("form")).to_have_attribute("aria-busy", "false")
        sign_in(page, "ada")
        expect(page.get_by_role("alert")).to_contain_text("Too many requests")
        expect(button).to_have_text(re.compile(r"Try again in \d+ s"))
        expect(button).to_be_disabled()
        expect(page.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
        expect(button).to_be_enabled()
        button.click()
        on(page, "Profile")


def test_what_was_typed_survives_a_service_that_is_away(browser: Browser, build: Build) -> None:
    home = build()
    with person(browser, home) as ada:
        page = ada.signed_in("ada")
        about = card(page, "About you")
        about.get_by_label("Last name").fill("Lovelace")
        home.service.stop()
        about.get_by_role("button", name="Save").click()
        expect(about.get_by_role("alert")).to_contain_text("does not answer")
        expect(about.get_by_label("Last name")).to_have_value("Lovelace")
        home.service.start()
        about.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        ada.complaints[:] = [text for text in ada.complaints if not UNREACHABLE.search(text)]


def test_a_fault_of_the_service_is_told_with_its_request_id(ada: Person) -> None:
    """None can be provoked, so the wire gives the answer that the service's renderer would."""
    page = ada.signed_in("ada")
    problem = '{"code": "internal_error", "title": "Something went wrong here", "status": 500, "request_id": "4711-abc"}'
    page.route("**/profile", lambda route: route.fulfill(status=500, content_type="application/problem+json", body=problem))
    card(page, "About you").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").get_by_text("Request id: 4711-abc")).to_be_visible()
    ada.complaints[:] = [text for text in ada.complaints if "status of 500" not in text]


def test_a_call_that_wants_a_recent_sign_in_asks_and_goes_on(browser: Browser, build: Build) -> None:
    home = build(FRESH_SECONDS="3")
    with person(browser, home) as ada:
        page = ada.signed_in("ada", "your-data")
        page.wait_for_timeout(4500)
        dialog = page.get_by_role("dialog", name="Is it you?")
        page.get_by_role("button", name="Download my data").click()
        dialog.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("alert").get_by_text("Nothing was changed")).to_be_visible()
        page.get_by_role("button", name="Download my data").click()
        dialog.get_by_label("Your password").fill("not-the-password")
        dialog.get_by_role("button", name="Confirm").click()
        expect(dialog.get_by_role("alert")).to_contain_text("not your password")
        dialog.get_by_label("Your password").fill(PASSWORD)
        with page.expect_download():
            dialog.get_by_role("button", name="Confirm").click()
        page.wait_for_timeout(4500)
        page.get_by_role("button", name="Download my data").click()
        dialog.get_by_role("button", name="Use a code by mail").click()
        dialog.get_by_role("button", name="Send me a code").click()
        dialog.get_by_label("Code from your mail").fill(home.code("ada@example.org"))
        with page.expect_download():
            dialog.get_by_role("button", name="Confirm").click()


def test_a_mailed_code_alone_signs_in_where_the_service_says_so(browser: Browser, build: Build) -> None:
    home = build(OTP_PASSWORDLESS_LOGIN="true")
    with person(browser, home) as ada:
        page = ada.tab("mailed-code")
        page.get_by_label("E-mail address").fill("ada@example.org")
        page.get_by_role("button", name="Send me a code").click()
        expect(page.get_by_label("Code from your mail")).to_be_focused()
        expect(page.get_by_label("Password")).to_have_count(0)
        code = home.code("ada@example.org")
        page.get_by_label("Code from your mail").fill(f"{(int(code) + 1) % 1000000:06}")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert").get_by_text("Something does not fit")).to_be_visible()
        page.get_by_label("Code from your mail").fill(code)
        page.get_by_role("button", name="Sign in", exact=True).click()
        on(page, "Profile")


def test_a_person_comes_in_by_a_provider_and_links_it(
    browser: Browser, build: Build, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ExitStack() as stack:
        try:
            real = stack.enter_context(provider.mock(tmp_path_factory.mktemp("mock"), "bea", "ada"))
        except Missing as missing:
            refuse_or_skip(missing)
        home = build(**settings_of(real.discovery_url))
        home.hosts = (real.issuer.removeprefix("http://"),)
        bea = stack.enter_context(person(browser, home))
        page = bea.tab("sign-in")
        _at_the_provider(page, "Continue with Google", "bea")
        on(page, "Profile")
        expect(card(page, "About you").get_by_label("User name")).to_have_value("bea")
        assert page.url == f"{home.url}/profile"
        ada = stack.enter_context(person(browser, home)).signed_in("ada", "security")
        expect(card(ada, "Other ways").get_by_text("Not linked.")).to_be_visible()
        _at_the_provider(ada, "Link", "ada")
        on(ada, "Security")
        expect(card(ada, "Other ways").get_by_text("Linked to your account.")).to_be_visible()
        ada.get_by_role("button", name="Unlink").click()
        ada.get_by_role("dialog").get_by_role("button", name="Unlink").click()
        expect(card(ada, "Other ways").get_by_text("Not linked.")).to_be_visible()
        recovery = home.with_second_factor("ada")
        page = stack.enter_context(person(browser, home)).tab("sign-in")
        _at_the_provider(page, "Continue with Google", "ada")
        expect(page.get_by_text("You already have an account with this address.")).to_be_visible()
        page.get_by_role("button", name="Use an emailed code").click()
        page.get_by_role("button", name="Send me a code").click()
        page.get_by_label("Code from your email").fill(home.code("ada@example.org"))
        page.get_by_role("button", name="Link and sign in").click()
        page.get_by_label("Code", exact=True).fill(recovery)
        page.get_by_role("button", name="Continue").click()
        on(page, "Profile")


def _at_the_provider(page: Page, button: str, name: str) -> None:
    page.get_by_role("button", name=button).click()
    page.get_by_placeholder("sub").fill(name)
    page.get_by_role("button", name="Authorize").click()


def test_a_sign_in_that_another_began_is_not_carried_on(ada: Person) -> None:
    page = ada.tab("auth/callback#code=somebodys&state=theirs")
    expect(page.get_by_role("alert")).to_contain_text("not begun in this tab")
    assert "POST /auth/exchange" not in ada.calls
    assert page.url == f"{ada.home.url}/auth/callback", "no code stays in the address"
    page.evaluate("sessionStorage.setItem('latchkey.errand', '{\"state\": \"mine\"}')")
    page.goto(f"{ada.home.url}/auth/callback?#error=provider_unavailable&state=mine")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    page.evaluate("sessionStorage.setItem('latchkey.errand', '{\"state\": \"mine\"}')")
    page.goto(f"{ada.home.url}/auth/callback?again#error=oauth_cancelled&state=mine")
    expect(page.get_by_role("alert")).to_contain_text("You canceled the sign-in")
