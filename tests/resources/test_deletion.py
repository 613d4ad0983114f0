"""Deletion at the door: the undo link's page, and ACCOUNT_ERASE_SECONDS=0."""

import re
from collections.abc import Callable

import pytest

from tests.parts import forms, images
from tests.people import BROWSER, PASSWORD
from tests.resources.conftest import Door
from tests.resources.test_commands import run

ADA = "ada@example.org"


def undo_link(door: Door) -> str:
    link = next(link for mail in reversed(door.mail_to(ADA)) for link in mail.links if "/undo/" in link)
    return link.removeprefix(door.app.extensions["settings"].address)


def test_undo_is_a_page_with_one_button_for_a_browser(door: Door) -> None:
    door.account()
    door.ask("DELETE", "/profile", {"password": PASSWORD}, door.tokens()[0])
    link = undo_link(door)
    for _ in range(5):
        assert door.ask("HEAD", link, headers=BROWSER).status_code == 200
        page = door.get(link, headers=BROWSER)
        assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "Restore your account." in page.text
    assert door.post(link, headers=BROWSER, data={}, content_type="application/x-www-form-urlencoded").status_code == 400
    assert door.login().status_code == 403
    browser = door.app.test_client()
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(link, headers=BROWSER).text)
    assert found
    done = browser.post(link, data={"csrf_token": found[1]}, headers=BROWSER)
    assert (done.status_code, "Your account is back" in done.text) == (200, True)
    assert door.login().get_json()["code"] == "invalid_credentials", "it is open, and wants a new password"


@pytest.mark.parametrize("by", ["its owner", "the operator"])
def test_with_no_time_to_undo_it_is_erased_at_once_and_old_tokens_still_say_why(build: Callable[..., Door], by: str) -> None:
    door = build(ACCOUNT_ERASE_SECONDS="0")
    door.account(first_name="Ada", phone_number="+441632960961")
    access, refresh = door.tokens()
    door.ask("PUT", "/profile", token=access, data=forms.body(forms.file(images.png())), content_type=forms.CONTENT_TYPE)
    picture = door.get("/profile", access).get_json()["profile_picture"].removeprefix(door.app.extensions["settings"].address)
    door.deliver()
    if by == "its owner":
        assert door.ask("DELETE", "/profile", {"password": PASSWORD}, access).status_code == 204
    else:
        assert run(door, "users", "delete", "--yes", "ada") == (0, "ada is deleted.\n")
    for method, path, token in (("GET", "/profile", access), ("POST", "/refresh", refresh)):
        answer = door.ask(method, path, token=token)
        assert (answer.status_code, answer.get_json()["reason"]) == (401, "account_deleted")
    assert door.get(picture).status_code == 404
    (shell,) = door.rows("users")
    assert (shell["email"], shell["phone_number"], shell["erased_at"] is None) == ("", None, False)
    facts = door.rows("audit_facts")
    assert {fact["user_agent"] for fact in facts} <= {"", "command line"}, "nor does the last fact say from where"
    assert {fact["ip"] for fact in facts} == {""}
    mails = len(door.mail_to(ADA))
    assert door.sign_up().status_code == 201
    assert len(door.mail_to(ADA)) == mails + 1, "there was no link to undo it"
    assert door.post(door.confirm_link()).status_code == 200
