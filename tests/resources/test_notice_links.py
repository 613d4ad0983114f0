"""`/undo/<token>` and `/not-me/<token>`: whoever only looks changes nothing; and where mailed links point to."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests import mailed
from tests.mailed import ADA, CONFIRM, JSON, NEW, NOT_ME, RESET, UNDO, turn_mfa_on
from tests.people import BROWSER, PASSWORD
from tests.resources.conftest import Door
from tests.resources.problem import code_of
from tests.resources.test_pages import API_CLIENTS, LOOKERS, csrf_of, press

KINDS = ("undo", "not me")
DONE = {"undo": "Undone. Every device is signed out", "not me": "Your account is secured. Every device is signed out"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def link(door: Door, kind: str) -> str:
    door.account()
    access, _ = door.tokens()
    if kind == "undo":
        mailed.move(door, access)
        return mailed.newest(door, ADA, UNDO)
    mailed.ask_for_change(door, access)
    return mailed.newest(door, ADA, NOT_ME)


def untouched(door: Door) -> bool:
    """Nobody acted: the session lives and the password is what it was."""
    return door.user()["password_hash"] is not None and [row["ended_at"] for row in door.rows("sessions")] == [None]


@pytest.mark.parametrize(("method", "headers"), LOOKERS.values(), ids=LOOKERS.keys())
def test_a_look_at_the_link_changes_nothing(door: Door, link: str, method: str, headers: dict[str, str]) -> None:
    before = {table: door.rows(table) for table in door.counts()}
    for _ in range(5):
        assert door.ask(method, link, headers=headers).status_code == 200
    assert {table: door.rows(table) for table in before} == before
    assert door.post(link, headers=JSON).status_code == 200


@pytest.mark.parametrize("headers", API_CLIENTS)
def test_an_api_clients_get_names_the_action_and_changes_nothing(door: Door, link: str, headers: dict[str, str]) -> None:
    before = {table: door.rows(table) for table in door.counts()}
    for _ in range(5):
        answer = door.get(link, headers=headers)
        assert (answer.status_code, answer.mimetype, set(answer.get_json())) == (200, "application/json", {"action"})
    assert {table: door.rows(table) for table in before} == before
    assert "emails you a link to set a new password" in answer.get_json()["action"]
    done = door.post(link, headers=headers)
    assert (done.status_code, set(done.get_json())) == (200, {"message"})
    assert code_of(door.get(link, headers=headers)) == code_of(door.post(link, headers=headers)) == "invalid_token"


def test_the_button_acts_once(door: Door, link: str, kind: str) -> None:
    client = door.app.test_client()
    page = client.get(link, headers=BROWSER)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert link.rsplit("/", 1)[1] not in page.get_data(as_text=True)
    done = press(client, link, csrf_of(page))
    assert (done.status_code, done.mimetype) == (200, "text/html")
    assert DONE[kind] in done.get_data(as_text=True)
    assert [row["end_reason"] for row in door.rows("sessions")] == ["revoked_by_user"]
    again = press(client, link, csrf_of(page))
    assert (again.status_code, again.mimetype) == (400, "text/html")
    assert len(mailed.paths(door, ADA, RESET)) == 1


@pytest.mark.parametrize("token", [None, "", "x"])
def test_a_press_without_the_pages_token_changes_nothing_and_shows_the_button_again(
    door: Door, link: str, token: str | None
) -> None:
    client = door.app.test_client()
    client.get(link, headers=BROWSER)
    answer = press(client, link, token)
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert untouched(door)
    assert press(client, link, csrf_of(answer)).status_code == 200


def test_the_token_of_another_links_page_is_not_taken(door: Door, link: str) -> None:
    client = door.app.test_client()
    door.sign_up("bea", "bea@example.org")
    token = csrf_of(client.get(door.confirm_link("bea@example.org"), headers=BROWSER))
    assert press(client, link, token).status_code == 400
    assert untouched(door)


def test_a_link_of_one_kind_does_not_open_the_other(door: Door, link: str, kind: str) -> None:
    token = link.rsplit("/", 1)[1]
    for wrong in {UNDO, NOT_ME, CONFIRM, RESET} - {UNDO if kind == "undo" else NOT_ME}:
        body = {"password": PASSWORD} if wrong == RESET else None
        assert code_of(door.post(wrong + token, body, headers=JSON)) == "invalid_token"
    assert untouched(door)


def test_a_bad_link_is_a_page_or_a_problem(door: Door, link: str) -> None:
    path = link[: link.rindex("/") + 1] + "bad"
    client = door.app.test_client()
    token = csrf_of(client.get(link, headers=BROWSER))
    for answer in (client.get(path, headers=BROWSER), press(client, path, token), door.ask("HEAD", path, headers=JSON)):
        assert (answer.status_code, answer.mimetype) == (400, "text/html")
    assert code_of(door.get(path, headers=JSON)) == code_of(door.post(path, headers=JSON)) == "invalid_token"
    assert untouched(door)


def test_the_pages_come_under_a_strict_policy(door: Door, link: str) -> None:
    page = door.get(link, headers=BROWSER)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "<script" not in page.get_data(as_text=True)
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def _asks_for_a_change(door: Door, access: str) -> None:
    door.put("/profile", {"email": NEW}, access)


def _changes_the_password(door: Door, access: str) -> None:
    door.post("/change-password", {"current_password": PASSWORD, "new_password": mailed.FRESH_PASSWORD}, access)


def _turns_mfa_off(door: Door, access: str) -> None:
    secret, _ = turn_mfa_on(door, access)
    assert door.ask("DELETE", "/mfa", {"mfa_code": mailed.code(secret)}, access).status_code == 200


def _uses_a_recovery_code(door: Door, access: str) -> None:
    _, codes = turn_mfa_on(door, access)
    assert door.post("/login", {"username": "ada", "password": PASSWORD, "mfa_code": codes[0]}).status_code == 200


def _comes_from_a_new_device(door: Door, access: str) -> None:
    door.deliver()
    door.post(
        "/login", {"username": "ada", "password": PASSWORD}, headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}
    )


def _uses_a_token_again(door: Door, access: str) -> None:
    first = door.tokens()[1]
    second = door.post("/refresh", token=first).get_json()["refresh_token"]
    door.post("/refresh", token=second)
    assert code_of(door.post("/refresh", token=first)) == "token_reused"


def _undoes_a_change(door: Door, access: str) -> None:
    mailed.move(door, access)
    door.post(mailed.newest(door, ADA, UNDO))


CAUSES: dict[str, Callable[[Door, str], object]] = {
    "a change of address was asked for": _asks_for_a_change,
    "your password was changed": _changes_the_password,
    "a second factor was turned on": turn_mfa_on,
    "the second factor was turned off": _turns_mfa_off,
    "a recovery code was used": _uses_a_recovery_code,
    "a sign-in from a new device": _comes_from_a_new_device,
    "a session was ended": _uses_a_token_again,
    "the change of address was undone": _undoes_a_change,
}


@pytest.mark.parametrize("subject", CAUSES)
def test_every_security_notice_comes_once_and_leads_to_the_button(door: Door, subject: str) -> None:
    door.account()
    access, _ = door.tokens()
    CAUSES[subject](door, access)
    notices = [mail for mail in door.mail_to(ADA) if mail.subject == f"Latchkey: {subject}"]
    assert len(notices) == 1
    assert "127.0.0.1" in notices[0].text
    assert len(notices[0].links) == 1
    assert notices[0].links[0] in notices[0].html
    path = urlsplit(notices[0].links[0]).path
    assert path.startswith(NOT_ME)
    assert door.post(path, headers=JSON).status_code == 200
    assert None not in [row["ended_at"] for row in door.rows("sessions")]


def test_confirm_and_reset_links_point_to_the_app_and_notices_links_stay_here(build: Callable[..., Door]) -> None:
    door = build(FRONTEND_URL="https://app.example.org", BASE_URL="https://auth.example.org")
    door.account()
    access, _ = door.tokens()
    mailed.move(door, access)
    door.post("/forgot-password", {"email": NEW})
    door.post("/change-password", {"current_password": PASSWORD, "new_password": mailed.FRESH_PASSWORD}, access)
    links = [urlsplit(link) for email in (ADA, NEW) for mail in door.mail_to(email) for link in mail.links]
    where = {(link.netloc, f"/{link.path.split('/')[1]}/") for link in links}
    assert where == {
        ("app.example.org", CONFIRM),
        ("app.example.org", RESET),
        ("auth.example.org", UNDO),
        ("auth.example.org", NOT_ME),
    }


def test_links_do_not_follow_the_requests_host(door: Door) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    door.account()
    access, _ = door.tokens()
    door.put("/profile", {"email": NEW}, access, headers=hostile)
    door.post(mailed.newest(door, NEW, CONFIRM), headers=hostile)
    door.post("/forgot-password", {"email": NEW}, headers=hostile)
    mails = door.mail_to(ADA) + door.mail_to(NEW)
    assert len(mails) == 5
    assert not [mail for mail in mails if "evil.example" in mail.text + mail.html]
