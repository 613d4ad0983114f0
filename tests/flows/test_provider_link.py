"""Linking an account to an identity at a provider, by the session that began it alone; and taking the link away."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from werkzeug.test import TestResponse

from services import openid
from tests import mailed
from tests.factors import nothing_changes, said
from tests.mailed import ADA, FRESH_PASSWORD, NOT_ME, UNDO
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import House
from tests.resources.conftest import Door
from tests.visitors import Visitor, ada, set_up, told

PAGE = "https://app.example.org"
WORK = {"sub": "ada at work", "email": "ada@work.example.org"}
LINK = "/auth/google/link"


@pytest.fixture
def house(door: Door) -> Door:
    """None of this depends on the engine."""
    return door


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture
def realm(google: Realm, house: House, monkeypatch: pytest.MonkeyPatch) -> Realm:
    openid._kept.clear()
    set_up(house, monkeypatch, google, frontend_url=PAGE)
    return google


@pytest.fixture
def access(house: House, realm: Realm) -> str:
    """Ada's, who has a password and no provider."""
    house.account()
    return house.tokens()[0]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller


def begun(house: House, access: str) -> str:
    """The path that takes the browser to the provider for this session."""
    answer = house.post(LINK, token=access)
    assert answer.status_code == 200
    url = urlsplit(answer.get_json()["authorization_url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == house.app.extensions["settings"].address + "/auth/google"
    return f"{url.path}?{url.query}"


def code_of_visit(house: House, realm: Realm, path: str, **person: Any) -> str:
    """The code that the page gets, after somebody went to the provider by this address."""
    visitor = Visitor(house)
    back = realm.sign_in(visitor.leave(path), **ada(**WORK) | person)
    return told(visitor.open(f"/auth/google/callback?{back}"))["code"]


def exchange(house: House, code: str, token: str | None = None) -> TestResponse:
    return house.post("/auth/exchange", {"code": code}, token)


def linked(house: House, realm: Realm, access: str, **person: Any) -> None:
    answer = exchange(house, code_of_visit(house, realm, begun(house, access), **person), access)
    assert (answer.status_code, answer.get_data()) == (204, b"")


def providers(house: House, access: str) -> list[str]:
    found: list[str] = house.get("/profile", access).get_json()["oauth_providers"]
    return found


def test_the_session_that_began_it_makes_the_link_and_the_owner_is_told(house: House, realm: Realm, access: str) -> None:
    linked(house, realm, access)
    assert providers(house, access) == ["google"]
    assert mailed.subjects(house, ADA)[-1] == "a way to sign in was added"
    assert mailed.events(house, access).count("provider_linked") == 1
    code = told(Visitor(house).sign_in(realm, **ada(**WORK)))["code"]
    tokens = exchange(house, code).get_json()
    assert house.get("/profile", tokens["access_token"]).get_json()["username"] == "ada", "whatever address it tells"


@pytest.mark.parametrize("who", ["nobody", "another session", "another person"])
def test_nobody_else_makes_it(house: House, realm: Realm, access: str, who: str) -> None:
    house.account("bea", "bea@example.org")
    tokens = {"nobody": None, "another session": house.tokens()[0], "another person": house.tokens("bea")[0]}
    other = tokens[who]
    code = code_of_visit(house, realm, begun(house, access), sub="the victim's")
    with nothing_changes(house):
        assert said(exchange(house, code, other)) == (400, "invalid_token")
    assert providers(house, access) == []
    assert other is None or providers(house, other) == []


def test_a_code_for_a_link_signs_nobody_in_and_is_good_once(house: House, realm: Realm, access: str) -> None:
    code = code_of_visit(house, realm, begun(house, access))
    assert exchange(house, code, access).status_code == 204
    for token in (None, access):
        assert said(exchange(house, code, token)) == (400, "invalid_token")


def test_a_code_to_sign_in_makes_no_link(house: House, realm: Realm, access: str) -> None:
    """A page that still holds Ada's token exchanges the code of somebody else."""
    code = told(Visitor(house).sign_in(realm, **ada(sub="bea", email="bea@example.org")))["code"]
    assert exchange(house, code, access).get_json()["access_token"]
    assert house.get("/profile", access).get_json()["reason"] == "logout", "this was a sign-in, of somebody else"
    assert providers(house, house.tokens()[0]) == []


def test_an_ended_session_makes_no_link(house: House, realm: Realm, access: str) -> None:
    code = code_of_visit(house, realm, begun(house, access))
    house.post("/logout", token=access)
    assert said(exchange(house, code, access)) == (401, "session_ended")
    assert said(exchange(house, code)) == (400, "invalid_token")
    assert providers(house, house.tokens()[0]) == []


def test_a_change_of_password_voids_what_was_begun(house: House, realm: Realm, access: str) -> None:
    path, code = begun(house, access), code_of_visit(house, realm, begun(house, access))
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert said(Visitor(house).open(path)) == (400, "invalid_token")
    assert said(exchange(house, code, house.tokens("ada", FRESH_PASSWORD)[0])) == (400, "invalid_token")


def test_a_ticket_takes_one_browser_to_the_provider_within_a_minute(
    house: House, realm: Realm, access: str, clock: time_machine.Traveller
) -> None:
    first, late = begun(house, access), begun(house, access)
    assert Visitor(house).open(first).status_code == 302
    assert said(Visitor(house).open(first)) == (400, "invalid_token")
    clock.shift(61)
    assert said(Visitor(house).open(late)) == (400, "invalid_token")
    assert said(Visitor(house).open("/auth/google?ticket=none")) == (400, "invalid_token")


def test_a_code_for_a_link_is_good_for_a_minute(house: House, realm: Realm, access: str, clock: time_machine.Traveller) -> None:
    code = code_of_visit(house, realm, begun(house, access))
    clock.shift(61)
    assert said(exchange(house, code, access)) == (400, "invalid_token")
    assert providers(house, access) == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_linking_and_unlinking_want_a_recent_sign_in(
    house: House, realm: Realm, access: str, clock: time_machine.Traveller, method: str
) -> None:
    linked(house, realm, access)
    assert said(house.ask(method, LINK)) == (401, "authentication_required")
    clock.shift(601)
    answer = house.ask(method, LINK, token=access)
    assert said(answer) == (401, "reauthentication_required")
    assert answer.get_json()["methods"] == ["password", "email_otp"]
    assert providers(house, access) == ["google"]


def test_who_has_no_password_steps_up_by_mail(house: House, realm: Realm, clock: time_machine.Traveller) -> None:
    code = told(Visitor(house).sign_in(realm, **ada()))["code"]
    access = exchange(house, code).get_json()["access_token"]
    clock.shift(601)
    assert house.ask("DELETE", LINK, token=access).get_json()["methods"] == ["email_otp"]


def test_an_account_has_one_identity_of_a_provider(house: House, realm: Realm, access: str) -> None:
    path, code = begun(house, access), code_of_visit(house, realm, begun(house, access), sub="another")
    linked(house, realm, access)
    with nothing_changes(house):
        assert said(house.post(LINK, token=access)) == (409, "provider_already_linked")
        assert said(exchange(house, code, access)) == (409, "provider_already_linked")
    late = code_of_visit(house, realm, path, sub="a third")
    assert said(exchange(house, late, access)) == (409, "provider_already_linked")


def test_an_identity_opens_one_account(house: House, realm: Realm, access: str) -> None:
    linked(house, realm, access)
    house.account("bea", "bea@example.org")
    bea = house.tokens("bea")[0]
    code = code_of_visit(house, realm, begun(house, bea))
    with nothing_changes(house):
        assert said(exchange(house, code, bea)) == (409, "provider_already_linked")
    assert providers(house, bea) == []


def test_a_link_is_taken_away_and_the_owner_told(house: House, realm: Realm, access: str) -> None:
    linked(house, realm, access)
    answer = house.ask("DELETE", LINK, token=access)
    assert (answer.status_code, answer.get_data()) == (204, b"")
    assert providers(house, access) == []
    assert mailed.subjects(house, ADA)[-1] == "a way to sign in was removed"
    assert mailed.events(house, access)[0] == "provider_unlinked"
    code = told(Visitor(house).sign_in(realm, **ada(**WORK)))["code"]
    other = exchange(house, code).get_json()["access_token"]
    assert house.get("/profile", other).get_json()["username"] != "ada", "who signs in there is somebody else now"
    assert said(house.ask("DELETE", LINK, token=access)) == (404, "not_found")


def test_the_last_way_to_sign_in_stays(house: House, realm: Realm) -> None:
    code = told(Visitor(house).sign_in(realm, **ada()))["code"]
    access = exchange(house, code).get_json()["access_token"]
    with nothing_changes(house):
        assert said(house.ask("DELETE", LINK, token=access)) == (409, "last_sign_in_method")
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert house.ask("DELETE", LINK, token=house.tokens("ada", FRESH_PASSWORD)[0]).status_code == 204


def test_this_was_not_me_takes_the_link_away(house: House, realm: Realm, access: str) -> None:
    linked(house, realm, access, sub="the thief's", email="thief@example.org")
    button = mailed.newest(house, ADA, NOT_ME)
    assert house.post(button).status_code == 200
    assert mailed.reason_of(house, access) == "revoked_by_user"
    thief = exchange(house, told(Visitor(house).sign_in(realm, **ada(sub="the thief's", email="thief@example.org")))["code"])
    assert house.get("/profile", thief.get_json()["access_token"]).get_json()["username"] == "thief"
    assert mailed.reset(house, mailed.newest(house, ADA, mailed.RESET)).status_code == 200
    assert providers(house, house.tokens("ada", FRESH_PASSWORD)[0]) == []


@pytest.mark.parametrize("before", [False, True])
def test_undoing_a_change_of_address_takes_away_what_was_linked_since(
    house: House, realm: Realm, access: str, before: bool, clock: time_machine.Traveller
) -> None:
    if before:
        linked(house, realm, access)
        clock.shift(8 * 86400)  # past its probation
        access, _ = house.tokens()
    mailed.move(house, access)
    undo = mailed.newest(house, ADA, UNDO)
    if not before:
        clock.shift(5)
        linked(house, realm, access, sub="the thief's")
    assert house.post(undo).status_code == 200
    assert mailed.reset(house, mailed.newest(house, ADA, mailed.RESET)).status_code == 200
    assert providers(house, house.tokens("ada", FRESH_PASSWORD)[0]) == (["google"] if before else [])


def test_without_a_page_the_code_is_shown_to_the_browser(
    house: House, realm: Realm, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(house, monkeypatch, realm, frontend_url=None)
    visitor = Visitor(house)
    back = realm.sign_in(visitor.leave(begun(house, access)), **ada(**WORK))
    answer = visitor.open(f"/auth/google/callback?{back}")
    assert (answer.status_code, set(answer.get_json())) == (200, {"code", "message"})
    assert exchange(house, answer.get_json()["code"], access).status_code == 204


def test_the_notice_of_a_reset_names_the_providers_that_still_sign_in(house: House, realm: Realm, access: str) -> None:
    said_of_google = "Signing in with Google still works. If you did not set that up, sign in and remove it."
    assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
    assert "still works" not in house.mail_to(ADA)[-1].text
    linked(house, realm, house.tokens("ada", FRESH_PASSWORD)[0])
    assert mailed.reset(house, mailed.ask_for_reset(house), "purple-lanterns-nine").status_code == 200
    mail = house.mail_to(ADA)[-1]
    assert mail.subject == "Latchkey: your password was changed"
    for text in (mail.text, mail.html):
        assert f"Your password was changed. {said_of_google}" in text
    code = told(Visitor(house).sign_in(realm, **ada(**WORK)))["code"]
    tokens = exchange(house, code).get_json()
    assert house.get("/profile", tokens["access_token"]).get_json()["username"] == "ada", "which is why it is said"
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200
    code = told(Visitor(house).sign_in(realm, **ada(**WORK)))["code"]
    other = exchange(house, code).get_json()["access_token"]
    assert house.get("/profile", other).get_json()["username"] != "ada"
