"""A mailed link proves the mailbox only: whose account it makes or moves is proved by something else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from services import clock
from tests import mailed
from tests.factors import WRONG_PASSWORD, amr, nothing_changes, said
from tests.mailed import ADA, CONFIRM, JSON, NEW
from tests.people import BROWSER, PASSWORD, House
from tests.resources.conftest import Door
from tests.resources.test_pages import LOOKERS, csrf_of

UNPROVED = (401, "confirmation_proof_required")
WRONG = (401, "invalid_credentials")
SCANNERS: tuple[dict[str, str], ...] = (
    {"Accept": "*/*", "User-Agent": "Barracuda-Link-Protect/1.0"},
    {"Accept": "*/*", "User-Agent": "curl/8"},
    {"User-Agent": "python-requests/2"},
    {},
    JSON,
)


@pytest.fixture
def strict(build: Callable[..., Door]) -> Door:
    """The service as it is in production: no link confirms by itself."""
    return build(CONFIRM_BY_LINK_ALONE="false")


def signed_up(door: House, **more: Any) -> tuple[str, str]:
    """The path of the link, and the `signup_token`."""
    answer = door.sign_up(**more)
    assert answer.status_code == 201
    return door.confirm_link(more.get("email", ADA)), answer.get_json()["signup_token"]


def moving(door: House, access: str) -> str:
    """The path of the link that moves Ada's account."""
    return mailed.ask_for_change(door, access)


def member(door: House) -> str:
    """Ada, confirmed and signed in: an access token."""
    link, token = signed_up(door)
    assert door.post(link, {"signup_token": token}).status_code == 200
    return door.tokens()[0]


@pytest.mark.parametrize("headers", SCANNERS)
def test_whoever_only_opens_the_link_confirms_nothing(strict: Door, headers: dict[str, str]) -> None:
    link, _ = signed_up(strict)
    with nothing_changes(strict):
        for _ in range(3):
            answer = strict.get(link, headers=headers)
            assert (answer.status_code, answer.get_json()["username"]) == (200, "ada")
            assert said(strict.post(link, headers=headers)) == UNPROVED
    assert strict.login().get_json()["code"] == "email_not_confirmed"


@pytest.mark.parametrize(("method", "headers"), LOOKERS.values(), ids=LOOKERS.keys())
def test_a_look_by_anything_moves_no_account(strict: Door, method: str, headers: dict[str, str]) -> None:
    link = moving(strict, member(strict))
    with nothing_changes(strict):
        assert strict.ask(method, link, headers=headers).status_code == 200
        assert strict.post(link, headers=JSON).status_code == 401


def test_the_page_that_signed_up_confirms_by_its_token(strict: Door) -> None:
    link, token = signed_up(strict)
    answer = strict.post(link, {"signup_token": token})
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    assert strict.login().status_code == 200


def test_who_proves_password_and_address_is_signed_in(strict: Door) -> None:
    link, _ = signed_up(strict)
    answer = strict.post(link, {"password": PASSWORD})
    assert amr(answer) == ["pwd"]
    assert strict.get("/profile", answer.get_json()["access_token"]).get_json()["email_confirmed"] is True


def test_the_tokens_of_others_prove_nothing(strict: Door) -> None:
    link, _ = signed_up(strict)
    bea_link, bea_token = signed_up(strict, username="bea", email="bea@example.org")
    with nothing_changes(strict):
        for token in (bea_token, "A" * 43, ""):
            assert said(strict.post(link, {"signup_token": token})) == UNPROVED
    assert strict.post(bea_link, {"signup_token": bea_token}).status_code == 200
    bea, _ = strict.tokens("bea")
    with nothing_changes(strict):
        assert said(strict.post(link, token=bea)) == UNPROVED, "an access token makes no account"


def test_a_wrong_password_is_counted_with_all_guesses_at_the_account(strict: Door) -> None:
    link, _ = signed_up(strict)
    for _ in range(3):
        assert said(strict.post(link, {"password": WRONG_PASSWORD})) == WRONG
    for _ in range(3):
        assert said(strict.login(password=WRONG_PASSWORD)) == WRONG
    assert said(strict.post(link, {"password": PASSWORD})) == (429, "too_many_attempts")
    with strict.app.app_context():
        strict.forget_guesses()
    assert strict.post(link, {"password": PASSWORD}).status_code == 200, "the link was never spent"


def test_an_unknown_link_is_refused_before_any_password_is_looked_at(strict: Door) -> None:
    signed_up(strict)
    for _ in range(8):
        assert said(strict.post(CONFIRM + "A" * 43, {"password": PASSWORD})) == (400, "invalid_token")
    assert strict.rows("attempts") == []


def test_a_strangers_sign_up_with_ones_own_address_is_not_confirmed_by_ones_click(strict: Door) -> None:
    """Three sign-ups of a stranger after one's own: the mail that is sent again lists only the stranger's."""
    _, token = signed_up(strict)
    for number in range(3):
        strict.sign_up(f"eve{number}", ADA, password="four-gentle-mountains")
    assert strict.post("/resend-confirmation", {"email": ADA}).status_code == 202
    links = ["/" + link.split("/", 3)[3] for link in strict.mail_to(ADA)[-1].links]
    assert len(links) == 3
    with nothing_changes(strict):
        for link in links:
            assert strict.get(link, headers=JSON).get_json()["username"].startswith("eve")
            assert said(strict.post(link, {"password": PASSWORD})) == WRONG
            assert said(strict.post(link, {"signup_token": token})) == UNPROVED
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=5)):  # past the bound of mails to one address
        assert strict.post("/resend-confirmation", {"email": ADA, "username": "Ada"}).status_code == 202
        (own,) = ["/" + link.split("/", 3)[3] for link in strict.mail_to(ADA)[-1].links]
        assert strict.post(own, {"signup_token": token}).status_code == 200
        assert strict.login().status_code == 200


def test_a_change_of_address_is_confirmed_by_password_or_by_a_live_session(strict: Door) -> None:
    access = member(strict)
    link = moving(strict, access)
    with nothing_changes(strict):
        assert said(strict.post(link)) == UNPROVED
        assert said(strict.post(link, {"password": WRONG_PASSWORD})) == WRONG
        assert said(strict.post(link, token="x.y.z")) == (401, "token_invalid")
    assert strict.post(link, token=access).status_code == 200
    assert strict.get("/profile", access).get_json()["email"] == NEW
    again = mailed.ask_for_change(strict, access, "ada@newer.example.org")
    assert amr(strict.post(again, {"password": PASSWORD})) == ["pwd"]


def test_the_owner_of_a_mailbox_does_not_make_a_strangers_account_theirs_by_a_click(strict: Door) -> None:
    """The stranger links an identity, asks to move their account to one's own address, and waits."""
    link = moving(strict, member(strict))
    signed_up(strict, username="bea", email="bea@example.org")
    strict.post(strict.confirm_link("bea@example.org"), {"password": PASSWORD})
    bea, _ = strict.tokens("bea")
    with nothing_changes(strict):
        assert said(strict.post(link, token=bea)) == UNPROVED
        assert said(strict.post(link, {"password": "four-gentle-mountains"})) == WRONG
    assert strict.login(NEW).get_json()["code"] == "invalid_credentials"


def test_with_a_second_factor_the_password_is_the_first_step_only(strict: Door) -> None:
    access = member(strict)
    mailed.turn_mfa_on(strict, access)
    answer = strict.post(moving(strict, access), {"password": PASSWORD})
    assert (said(answer), set(answer.get_json()["methods"])) == ((401, "mfa_required"), {"totp", "recovery_code"})
    assert strict.get("/profile", access).get_json()["email"] == NEW, "the address is confirmed all the same"


def test_the_page_asks_for_the_password_and_signs_nobody_in(strict: Door) -> None:
    link, _ = signed_up(strict)
    client = strict.app.test_client()
    page = client.get(link, headers=BROWSER)
    text = page.get_data(as_text=True)
    assert "<strong>ada</strong>" in text
    assert 'autocomplete="current-password"' in text
    form = {"csrf_token": csrf_of(page), "password": WRONG_PASSWORD}
    wrong = client.post(link, data=form, headers=BROWSER)
    assert (wrong.status_code, wrong.mimetype, "Set-Cookie" in wrong.headers) == (401, "text/html", False)
    assert "This is not the password of this account." in wrong.get_data(as_text=True)
    done = client.post(link, data=form | {"password": PASSWORD}, headers=BROWSER)
    assert (done.status_code, "Set-Cookie" in done.headers) == (200, False)
    assert strict.rows("sessions") == []
    assert strict.login().status_code == 200


def test_where_a_link_alone_confirms_a_wrong_proof_still_does_not(door: Door) -> None:
    link, _ = signed_up(door)
    with nothing_changes(door):
        assert said(door.post(link, {"signup_token": "A" * 43})) == UNPROVED
        assert said(door.post(link, {"password": WRONG_PASSWORD})) == WRONG
    assert door.get(link, headers=JSON).status_code == 200
    assert door.login().status_code == 200


def test_a_used_link_says_what_to_do_instead(strict: Door) -> None:
    link, token = signed_up(strict)
    strict.post(link, {"signup_token": token})
    for answer in (strict.get(link), strict.post(link, {"signup_token": token})):
        assert said(answer) == (400, "invalid_token")
        assert "just sign in" in answer.get_json()["detail"]
    page = strict.app.test_client().get(link, headers=BROWSER)
    assert (page.status_code, "just sign in" in page.get_data(as_text=True)) == (400, True)
