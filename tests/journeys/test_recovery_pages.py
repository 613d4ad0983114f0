"""The reset form, the undo page and the “not me” page in Chromium, with and without script."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.attacks import doors
from tests.attacks.doors import call
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

NEW_PASSWORD = "nine-purple-lanterns"


@pytest.fixture(scope="module", params=["direct", "nginx"])
def door(
    request: pytest.FixtureRequest, smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("recovery")
    uri = f"sqlite:///{folder / 'door.db'}"
    with doors.service(uri, smtp) if request.param == "direct" else doors.behind_nginx(uri, smtp, folder) as started:
        yield started


@pytest.fixture(params=["with script", "without script"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page whose every complaint, a broken policy among them, fails the test."""
    context = browser.new_context(java_script_enabled=request.param == "with script", ignore_https_errors=True)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if "status of 4" not in text] == []


@pytest.fixture
def name(request: pytest.FixtureRequest, door: Service, mail_server: MailServer) -> str:
    """Somebody who has an account."""
    mail_server.clear()
    made = re.sub(r"[^a-z]", "", request.node.name.lower())[-30:]
    doors.account(door, mail_server, made)
    return made


def link(mail_server: MailServer, name: str, kind: str, count: int) -> str:
    """The newest link of a kind, once so many mails have come."""
    mails = mail_server.wait_to(f"{name}@example.org", count)
    return next(link for mail in reversed(mails) for link in mail.links if kind in link)


def test_a_person_sets_a_new_password(page: Page, door: Service, mail_server: MailServer, name: str) -> None:
    call(door, "POST", "/forgot-password", {"email": f"{name}@example.org"})
    reset = link(mail_server, name, "/reset-password/", 2)
    page.goto(reset)
    expect(page).to_have_title("Set a new password · Latchkey")
    field = page.get_by_label("New password")
    expect(field).to_have_attribute("type", "password")
    field.fill("password1")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("alert")).to_contain_text("most common passwords")
    expect(field).to_have_value("")
    field.fill(NEW_PASSWORD)
    field.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Password set")
    assert doors.login(door, name, PASSWORD).status == 401
    assert doors.login(door, name, NEW_PASSWORD).status == 200
    page.goto(reset)
    expect(page.get_by_role("heading")).to_have_text("The link or code is not valid")


def test_a_person_shuts_everybody_out(page: Page, door: Service, mail_server: MailServer, name: str) -> None:
    access = doors.login(door, name).json["access_token"]
    call(door, "POST", "/change-password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}, access)
    not_me = link(mail_server, name, "/not-me/", 2)
    page.goto(not_me)
    expect(page.get_by_role("heading")).to_have_text("This wasn't me")
    assert call(door, "GET", "/profile", token=access).status == 200, "a look changes nothing"
    page.get_by_role("button", name="This wasn't me").click()
    expect(page.get_by_role("heading")).to_have_text("Done")
    assert call(door, "GET", "/profile", token=access).json["reason"] == "revoked_by_user"
    page.goto(link(mail_server, name, "/reset-password/", 3))
    page.get_by_label("New password").fill("four-orange-kettles")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Password set")
    assert doors.login(door, name, "four-orange-kettles").status == 200


def test_a_person_undoes_a_change_of_address(page: Page, door: Service, mail_server: MailServer, name: str) -> None:
    access = doors.login(door, name).json["access_token"]
    call(door, "PUT", "/profile", {"email": f"{name}@new.example.org"}, access)
    confirm = mail_server.wait_to(f"{name}@new.example.org")[0].links[0]
    page.goto(confirm)
    if page.get_by_label("Password").count():  # in production
        page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("heading")).to_have_text("Confirmed")
    page.goto(link(mail_server, name, "/undo/", 3))
    expect(page.get_by_role("heading")).to_have_text("Undo the change")
    page.get_by_role("button", name="Undo the change").click()
    expect(page.get_by_role("heading")).to_have_text("Done")
    assert call(door, "GET", "/profile", token=access).json["reason"] == "revoked_by_user"
    page.goto(link(mail_server, name, "/reset-password/", 5))
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Password set")
    assert doors.login(door, f"{name}@example.org", NEW_PASSWORD).status == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_can_be_read_and_used_on_a_phone(
    browser: Browser, door: Service, mail_server: MailServer, name: str, scheme: Literal["light", "dark"]
) -> None:
    call(door, "POST", "/forgot-password", {"email": f"{name}@example.org"})
    context = browser.new_context(viewport={"width": 320, "height": 568}, color_scheme=scheme, ignore_https_errors=True)
    page = context.new_page()
    page.goto(link(mail_server, name, "/reset-password/", 2))
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, "nothing sticks out"
    for part in (page.get_by_label("New password"), page.get_by_role("button")):
        box = part.bounding_box()
        assert box
        assert box["height"] >= 40, "a finger can hit it"
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320
    context.close()
