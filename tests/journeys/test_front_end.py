"""A person's whole life with the example front end: each screen used, nothing asked elsewhere, nothing complained of."""

import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.conftest import refuse_or_skip
from tests.factors import STEP, wait_for_room
from tests.journeys.front_end import Home, Person, card, homely, menu, on, person, sign_in
from tests.parts import oathtool
from tests.parts.images import encoded, marked
from tests.parts.missing import Missing
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

ADA, NEW = "ada@example.org", "ada@new.example.org"
SECOND_PASSWORD, THIRD_PASSWORD = "nine-purple-lanterns", "four-orange-kettles"


@pytest.fixture(scope="module")
def home(smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    try:
        oathtool.program()
    except Missing as missing:
        refuse_or_skip(missing)
    uri = f"sqlite:///{tmp_path_factory.mktemp('front') / 'end.db'}"
    with homely(uri, smtp, mail_server) as started:
        yield started


@pytest.fixture
def ada(browser: Browser, home: Home) -> Iterator[Person]:
    with person(browser, home, accept_downloads=True, permissions=["clipboard-read", "clipboard-write"]) as somebody:
        yield somebody


def test_a_new_user_from_sign_up_to_deletion(ada: Person, tmp_path: Path) -> None:
    page = ada.tab()
    _signs_up(page, ada.home)
    _edits_the_profile(page)
    _has_a_picture_for_a_while(page)
    _moves(page, ada.home)
    _changes_the_password(page)
    secret, codes = _turns_mfa_on(page, tmp_path)
    _signs_in_in_two_steps(page, secret, codes)
    _looks_at_sessions_and_activity(page)
    _forgets_the_password(page, ada.home, codes)
    _takes_the_data_and_leaves(page, tmp_path, codes)


def _signs_up(page: Page, home: Home) -> None:
    on(page, "Sign in")
    page.get_by_role("link", name="Create an account").click()
    on(page, "Create an account")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("This field is needed.")).to_have_count(3)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("E-mail address").fill(ADA)
    page.get_by_label("Password", exact=True).fill("password1")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".fault", has_text="most common passwords")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_value("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    on(page, "Look into your mail")
    expect(page.get_by_label("E-mail address")).to_have_value(ADA)
    first = home.link(ADA, "/app/confirm/")
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_text("a new mail is on its way")).to_be_visible()
    page.goto(first)
    page.get_by_role("button", name="Confirm").click()
    on(page, "Sign in")
    expect(page.get_by_text("Your address is confirmed.")).to_be_visible()
    sign_in(page, "ada", "not-the-password")
    expect(page.get_by_role("alert")).to_contain_text("No account matches")
    expect(page.get_by_label("User name or e-mail address")).to_have_value("ada")
    sign_in(page, "ada")
    on(page, "Profile")


def _edits_the_profile(page: Page) -> None:
    about = card(page, "About you")
    about.get_by_label("First name").fill("Ada")
    about.get_by_label("Phone number").fill("12")
    about.get_by_role("button", name="Save").click()
    expect(about.get_by_text("international form, such as +441632960961")).to_be_visible()
    expect(about.get_by_label("First name")).to_have_value("Ada")
    about.get_by_label("Phone number").fill("+44 1632 960961")
    about.get_by_role("button", name="Save").click()
    expect(about.get_by_label("Phone number")).to_have_value("+441632960961")
    expect(page.get_by_text("Saved.")).to_be_visible()


def _has_a_picture_for_a_while(page: Page) -> None:
    portrait = card(page, "Picture")
    chosen: FilePayload = {"name": "ada.png", "mimeType": "image/png", "buffer": encoded(marked(), "PNG")}
    portrait.get_by_label("Choose a picture").set_input_files(chosen)
    expect(portrait.get_by_alt_text("Preview of the chosen picture")).to_be_visible()
    portrait.get_by_role("button", name="Upload").click()
    shown = portrait.get_by_alt_text("Your picture")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 60
    broken: FilePayload = {"name": "ada.png", "mimeType": "image/png", "buffer": b"nothing of a picture"}
    portrait.get_by_label("Choose a picture").set_input_files(broken)
    expect(portrait.get_by_text("This does not look like a picture.")).to_be_visible()
    portrait.get_by_role("button", name="Upload").click()
    expect(portrait.get_by_text("This picture cannot be used.")).to_be_visible()
    portrait.get_by_role("button", name="Remove").click()
    expect(portrait.get_by_role("button", name="Remove")).to_be_hidden()


def _moves(page: Page, home: Home) -> None:
    for again in (True, False):
        address = card(page, "E-mail address")
        address.get_by_label("New e-mail address").fill(NEW)
        address.get_by_role("button", name="Change address").click()
        expect(address.get_by_text(f"Waiting for {NEW}")).to_be_visible()
        if again:
            address.get_by_role("button", name="Cancel the change").click()
            expect(address.get_by_text("Waiting for")).to_be_hidden()
    deadline = time.monotonic() + 60
    while not address.get_by_text(f"Your address is {NEW}").is_visible() and time.monotonic() < deadline:
        page.goto(home.link(NEW, "/app/confirm/"))  # the newest: that of the first wish is void
        page.get_by_role("button", name="Confirm").click()
        expect(
            page.locator("main h1")
            .or_(page.get_by_role("alert"))
            .filter(has_text="Profile")
            .or_(page.get_by_text("has been used"))
        ).to_be_visible()
    expect(address.get_by_text(f"Your address is {NEW}")).to_be_visible()


def _changes_the_password(page: Page) -> None:
    menu(page, "Security")
    on(page, "Security")
    page.get_by_label("Current password").fill("not-the-password")
    page.get_by_label("New password").fill(SECOND_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("alert").get_by_text("is not your present password")).to_be_visible()
    expect(page.get_by_label("New password")).to_have_value(SECOND_PASSWORD)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    expect(page.get_by_label("New password")).to_have_value("")


def _turns_mfa_on(page: Page, folder: Path) -> tuple[str, list[str]]:
    page.get_by_role("link", name="Set up an authenticator app").click()
    on(page, "Set up an authenticator app")
    secret = _scanned(page.get_by_alt_text("QR code").get_attribute("src") or "")
    page.get_by_text("I cannot scan it").click()
    expect(page.locator("code.key")).to_have_text(" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)))
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".fault", has_text="not right")).to_be_visible()
    wait_for_room(12)  # so that this step's code is still one at the next sign-in
    page.get_by_label("Code", exact=True).fill(oathtool.code(secret, time.time() - STEP))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_focused()
    expect(page.locator(".codes li")).to_have_count(10)
    codes = page.locator(".codes li").all_text_contents()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as file").click()
    download.value.save_as(folder / "codes.txt")
    assert (folder / "codes.txt").read_text().split()[-10:] == codes
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("Recovery codes left: 10.")).to_be_visible()
    return secret, codes


def _scanned(data_uri: str) -> str:
    """The secret, as a phone's camera reads it."""
    with Image.open(io.BytesIO(base64.b64decode(data_uri.partition(",")[2]))) as picture:
        (read,) = zxingcpp.read_barcodes(picture.convert("L"))
    return parse_qs(urlsplit(read.text).query)["secret"][0]


def _signs_in_in_two_steps(page: Page, secret: str, codes: list[str]) -> None:
    page.get_by_role("button", name="Sign out").click()
    on(page, "Sign in")
    expect(page.get_by_text("You have signed out.")).to_be_visible()
    sign_in(page, NEW, SECOND_PASSWORD)
    field = page.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    field.fill("123456")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".fault", has_text="not right")).to_be_visible()
    field.fill(oathtool.code(secret, time.time()))
    page.get_by_role("button", name="Continue").click()
    on(page, "Profile")
    menu(page, "Security")
    page.get_by_role("button", name="New recovery codes").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Code of your app").fill(codes.pop())
    dialog.get_by_role("button", name="Make new codes").click()
    expect(page.locator(".codes li")).to_have_count(10)
    codes[:] = page.locator(".codes li").all_text_contents()


def _looks_at_sessions_and_activity(page: Page) -> None:
    menu(page, "Devices")
    on(page, "Devices")
    expect(page.get_by_text("This device")).to_be_visible()
    menu(page, "Activity")
    on(page, "Activity")
    entries = page.locator("main li")
    expect(entries).to_have_count(20)
    expect(entries.first).to_contain_text("New recovery codes made")
    page.get_by_role("button", name="Show older").click()
    expect(page.get_by_text("Account created")).to_be_visible()
    expect(page.get_by_role("button", name="Show older")).to_be_hidden()
    expect(entries.nth(20)).to_be_focused()


def _forgets_the_password(page: Page, home: Home, codes: list[str]) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Forgot your password?").click()
    on(page, "Forgot your password?")
    page.get_by_label("E-mail address").fill(NEW)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("status").get_by_text("a link is on its way")).to_be_visible()
    link = home.link(NEW, "/app/reset-password/")
    page.goto(link)
    page.get_by_label("New password").fill("ada")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_label("New password")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("New password").fill(THIRD_PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    on(page, "Sign in")
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("has been used")
    page.goto(f"{home.url}/mailed-code")
    page.get_by_label("E-mail address").fill(NEW)
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code from your mail").fill(home.code(NEW))
    page.get_by_label("Password", exact=True).fill(THIRD_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code", exact=True).fill(codes.pop())
    page.get_by_role("button", name="Continue").click()
    on(page, "Profile")


def _takes_the_data_and_leaves(page: Page, folder: Path, codes: list[str]) -> None:
    menu(page, "Security")
    page.get_by_role("button", name="Turn off").click()
    page.get_by_role("dialog").get_by_label("Code of your app").fill(codes.pop())
    page.get_by_role("dialog").get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("link", name="Set up an authenticator app")).to_be_visible()
    menu(page, "Your data")
    on(page, "Your data")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    download.value.save_as(folder / "ada.json")
    assert json.loads((folder / "ada.json").read_text())["profile"]["email"] == NEW
    page.get_by_role("button", name="Delete my account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Your password").fill("not-the-password")
    dialog.get_by_role("button", name="Delete my account").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not your password")
    dialog.get_by_label("Your password").fill(THIRD_PASSWORD)
    dialog.get_by_role("button", name="Delete my account").click()
    on(page, "Sign in")
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    sign_in(page, NEW, THIRD_PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("This account is closed")
