"""`/forgot-password` and `/reset-password/<token>`: shape, status, code, headers; for API clients, browsers and scanners."""

import re
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from tests import mailed
from tests.mailed import ADA, FRESH_PASSWORD, JSON, RESET
from tests.people import BROWSER, House
from tests.resources.conftest import Door
from tests.resources.problem import code_of, errors_of
from tests.resources.test_pages import API_CLIENTS, LOOKERS, csrf_of


@pytest.fixture
def link(door: Door) -> str:
    door.account()
    return mailed.ask_for_reset(door)


def submit(client: Client, link: str, **fields: Any) -> TestResponse:
    return client.post(link, data=fields, headers=BROWSER)


def page_of(client: Client, link: str) -> TestResponse:
    page = client.get(link, headers=BROWSER)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    return page


def signs_in(house: House, password: str) -> bool:
    return house.login("ada", password).status_code == 200


def test_asking_is_answered_alike_for_every_address(door: Door) -> None:
    door.account()
    door.sign_up("bea", "bea@example.org")
    answers = [door.post("/forgot-password", {"email": email}) for email in (ADA, "bea@example.org", "x@example.org")]
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(202, answers[0].get_data())}
    assert set(answers[0].get_json()) == {"message"}


@pytest.mark.parametrize("body", [{}, {"email": "x"}, {"email": None}, {"email": 1}, {"email": "Ada <ada@example.org>"}])
def test_asking_wants_an_address(door: Door, body: dict[str, Any]) -> None:
    door.account()
    before = door.counts()
    assert set(errors_of(door.post("/forgot-password", body))) == {"email"}
    assert set(errors_of(door.post("/forgot-password", {"email": ADA, "username": "ada"}))) == {"username"}
    assert door.counts() == before


@pytest.mark.parametrize("headers", API_CLIENTS)
def test_an_api_clients_get_says_whether_the_link_would_be_accepted(door: Door, link: str, headers: dict[str, str]) -> None:
    before = door.rows("tickets")
    answer = door.get(link, headers=headers)
    assert (answer.status_code, answer.mimetype, set(answer.get_json())) == (200, "application/json", {"message"})
    assert code_of(door.get(f"{RESET}bad", headers=headers)) == "invalid_token"
    assert door.rows("tickets") == before
    assert mailed.reset(door, link).status_code == 200
    assert code_of(door.get(link, headers=headers)) == "invalid_token"


@pytest.mark.parametrize(("method", "headers"), LOOKERS.values(), ids=LOOKERS.keys())
def test_a_look_at_the_link_changes_nothing(door: Door, link: str, method: str, headers: dict[str, str]) -> None:
    tickets, user = door.rows("tickets"), door.user()
    for _ in range(5):
        assert door.ask(method, link, headers=headers).status_code == 200
    assert (door.rows("tickets"), door.user()) == (tickets, user)
    assert mailed.reset(door, link).status_code == 200


def test_a_head_answers_like_a_browsers_get(door: Door, link: str) -> None:
    for path, status in ((link, 200), (f"{RESET}bad", 400)):
        head = door.ask("HEAD", path, headers=JSON)
        assert (head.status_code, head.mimetype, head.get_data()) == (status, "text/html", b"")


def test_the_form_asks_for_the_new_password_and_is_no_script(door: Door, link: str) -> None:
    page = page_of(door.app.test_client(), link)
    text = page.get_data(as_text=True)
    field = re.findall(r'<input [^>]*name="password"[^>]*>', text)[0]
    assert {'autocomplete="new-password"', 'type="password"', 'value=""', "required"} <= set(field[:-1].split())
    assert '<label for="password">' in text
    assert '<form method="post">' in text
    assert "<script" not in text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert link.rsplit("/", 1)[1] not in text


def test_the_form_sets_the_password(door: Door, link: str) -> None:
    client = door.app.test_client()
    done = submit(client, link, csrf_token=csrf_of(page_of(client, link)), password=FRESH_PASSWORD)
    assert (done.status_code, done.mimetype) == (200, "text/html")
    assert "Password set" in done.get_data(as_text=True)
    assert signs_in(door, FRESH_PASSWORD)
    assert not signs_in(door, "correct-horse-battery")


def test_a_refused_password_shows_the_form_again_with_what_to_do(door: Door, link: str) -> None:
    client, before = door.app.test_client(), door.user()
    token = csrf_of(page_of(client, link))
    for password in ("short", "password1", ""):
        answer = submit(client, link, csrf_token=token, password=password)
        assert (answer.status_code, answer.mimetype) == (422, "text/html")
        assert 'role="alert"' in answer.get_data(as_text=True)
        assert f'value="{password}"' not in answer.get_data(as_text=True) or not password
        token = csrf_of(answer)
    assert door.user() == before
    assert submit(client, link, csrf_token=token, password=FRESH_PASSWORD).status_code == 200
    assert signs_in(door, FRESH_PASSWORD)


@pytest.mark.parametrize("token", [None, "", "x", "IjEyMyI.x.y"])
def test_a_form_without_the_pages_token_changes_nothing_and_is_shown_again(door: Door, link: str, token: str | None) -> None:
    client, before = door.app.test_client(), door.user()
    page_of(client, link)
    fields = {"password": FRESH_PASSWORD} | ({} if token is None else {"csrf_token": token})
    answer = submit(client, link, **fields)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert "Your link still works" in answer.get_data(as_text=True)
    assert door.user() == before
    assert submit(client, link, csrf_token=csrf_of(answer), password=FRESH_PASSWORD).status_code == 200


def test_a_form_of_another_links_page_is_not_taken(door: Door, link: str) -> None:
    client, before = door.app.test_client(), door.user()
    door.sign_up("bea", "bea@example.org")
    token = csrf_of(page_of(client, door.confirm_link("bea@example.org")))
    assert submit(client, link, csrf_token=token, password=FRESH_PASSWORD).status_code == 400
    assert door.user() == before


def test_a_browser_sees_a_bad_link_as_a_page(door: Door, link: str) -> None:
    client = door.app.test_client()
    token = csrf_of(page_of(client, link))
    before = door.user()
    for answer in (
        client.get(f"{RESET}bad", headers=BROWSER),
        submit(client, f"{RESET}bad", csrf_token=token, password=FRESH_PASSWORD),
    ):
        assert (answer.status_code, answer.mimetype) == (400, "text/html")
        assert "invalid_token" in answer.get_data(as_text=True)
    assert door.user() == before


def test_a_link_is_spent_by_json_and_form_alike(door: Door, link: str) -> None:
    client = door.app.test_client()
    token = csrf_of(page_of(client, link))
    assert mailed.reset(door, link).status_code == 200
    assert submit(client, link, csrf_token=token, password="another-fine-password").status_code == 400
    assert signs_in(door, FRESH_PASSWORD)


@pytest.mark.parametrize(
    "body", [{}, {"password": None}, {"password": 1}, {"password": "x" * 5000}, {"password": FRESH_PASSWORD, "email": ADA}]
)
def test_a_body_against_the_schema_is_refused_and_spends_nothing(door: Door, link: str, body: dict[str, Any]) -> None:
    before = (door.user(), door.counts())
    errors_of(door.post(link, body))
    assert (door.user(), door.counts()) == before
    assert mailed.reset(door, link).status_code == 200


def test_another_kind_of_body_is_refused(door: Door, link: str) -> None:
    before = door.user()
    for kind in ("text/plain", "multipart/form-data; boundary=x"):
        answer = door.post(link, data=f"password={FRESH_PASSWORD}", headers={"Content-Type": kind} | JSON)
        assert code_of(answer) == "unsupported_media_type"
    assert door.user() == before


def test_a_wrong_method_is_named(door: Door, link: str) -> None:
    answer = door.ask("PUT", link, headers=JSON)
    assert code_of(answer) == "method_not_allowed"
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
