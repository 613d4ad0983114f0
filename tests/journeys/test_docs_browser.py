"""The documentation page in a real browser, under its own policy: it renders, takes a token, and tries calls out."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import ROOMY, SECRETS
from tests.parts.images import png
from tests.parts.service import Service

ADA = {"username": "ada", "email": "ada@example.org", "password": "correct-horse-battery"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('docs') / 'docs.db'}"
    with Service(SECRETS | ROOMY | {"FLASK_ENV": "development", "SQLALCHEMY_DATABASE_URI": uri}) as running:
        yield running


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The page; what its policy refuses, and what fails in it, fails the test."""
    with browser.new_context(accept_downloads=True) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{service.url}/docs")
        expect(page.get_by_role("button", name="Authorize").first).to_be_visible()
        yield page
        refused = [line for line in complaints if "Security Policy" in line or "status of" not in line]
        assert refused == []


def test_a_token_that_is_given_once_goes_with_every_call(service: Service, page: Page) -> None:
    requests.post(f"{service.url}/signup", json=ADA, timeout=60)
    assert _told(_tried_out(page, "getProfile"))["code"] == "authentication_required"
    _confirm(service, ADA["email"])
    signed_in = _told(_tried_out(page, "postLogin", "Sign up and sign in"))
    _authorize(page, signed_in["access_token"])
    call = page.locator("#operations-Profile-getProfile")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table td.response-col_status").last).to_contain_text("200")
    assert _told(call)["username"] == "ada"


def test_a_picture_is_chosen_from_the_disk(service: Service, page: Page, tmp_path: Path) -> None:
    (tmp_path / "ada.png").write_bytes(png())
    requests.post(f"{service.url}/signup", json=ADA | {"username": "bea", "email": "bea@example.org"}, timeout=60)
    _confirm(service, "bea@example.org")
    name = {"username": "bea", "password": ADA["password"]}
    _authorize(page, requests.post(f"{service.url}/login", json=name, timeout=60).json()["access_token"])
    call = page.locator("#operations-Profile-putProfile")
    call.locator(".opblock-summary-control").click()
    call.get_by_role("button", name="Try it out").click()
    call.locator(".opblock-section-request-body select").first.select_option("multipart/form-data")
    call.locator("input[type=file]").set_input_files(tmp_path / "ada.png")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table")).to_be_visible()
    assert "/uploads/profile_pictures/" in _told(call)["profile_picture"]


def test_the_files_for_postman_are_found_on_the_page(page: Page, tmp_path: Path) -> None:
    for name in ("collection", "environment"):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"the {name}").click()
        download.value.save_as(tmp_path / name)
        assert json.loads((tmp_path / name).read_text(encoding="utf-8"))
        assert download.value.suggested_filename == f"latchkey.postman_{name}.json"


def _authorize(page: Page, token: str) -> None:
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".dialog-ux")
    dialog.locator("input").fill(token)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").last.click()


def _confirm(service: Service, address: str) -> None:
    for _ in range(600):
        time.sleep(0.1)
        mails = requests.get(f"{service.url}/dev/mailbox", headers={"Accept": "application/json"}, timeout=60).json()
        if mine := [mail for mail in mails if mail["to"] == address]:
            assert requests.post(mine[0]["links"][0], timeout=60).status_code == 200
            return
    pytest.fail("no mail came")


def _tried_out(page: Page, call: str, tag: str = "Profile") -> Locator:
    """Opens a call, presses "Try it out" and "Execute" as it stands."""
    found = page.locator(f"#operations-{tag.replace(' ', '_')}-{call}")
    found.locator(".opblock-summary-control").click()
    found.get_by_role("button", name="Try it out").click()
    found.get_by_role("button", name="Execute").click()
    expect(found.locator(".live-responses-table")).to_be_visible()
    return found


def _told(call: Locator) -> dict[str, Any]:
    """The body that the page shows as the server's answer."""
    text = call.locator(".live-responses-table .highlight-code pre, .live-responses-table .microlight").first.text_content()
    found: dict[str, Any] = json.loads(text or "")
    return found
