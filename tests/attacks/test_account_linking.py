"""A provider whose word for an address is worth nothing: whoever controls it, or an identity there, takes no account.

Eve has an identity at the provider that it says is Ada's address: the provider lies, lets people change addresses without
proof, or gave an address that was freed to somebody else.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import event
from werkzeug.test import TestResponse

from database import db
from services import openid
from tests import factors, mailed
from tests.factors import nothing_changes, said
from tests.mailed import ADA, FRESH_PASSWORD
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import PASSWORD, House
from tests.resources.conftest import Door, door, standing_door
from tests.visitors import Visitor, ada, link_token, set_up, told

PAGE = "https://app.example.org"
EVE: dict[str, Any] = {"sub": "eve at the provider"}
WRONG = "wrong-horse-battery"
__all__ = ["door", "standing_door"]


@pytest.fixture
def house(door: Door) -> Door:
    """None of this depends on the engine."""
    return door


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture(params=[None, PAGE], ids=["callback", "exchange"])
def page(request: pytest.FixtureRequest) -> str | None:
    found: str | None = request.param
    return found


@pytest.fixture
def realm(google: Realm, house: House, monkeypatch: pytest.MonkeyPatch, page: str | None) -> Realm:
    openid._kept.clear()
    google.published.clear()
    google.claims = Realm.claims
    set_up(house, monkeypatch, google, frontend_url=page)
    return google


def arrive(visitor: Visitor, realm: Realm, name: str = "google", **person: Any) -> TestResponse:
    """What a sign-in at the provider gets: of the callback, or of the page's exchange."""
    answer = visitor.sign_in(realm, name, **ada(**person))
    return visitor.open("/auth/exchange", {"code": told(answer)["code"]}) if answer.status_code == 302 else answer


def profile(house: House, access: str) -> dict[str, Any]:
    found: dict[str, Any] = house.get("/profile", access).get_json()
    return found


def test_a_provider_that_vouches_for_anybody_opens_no_account(house: Door, realm: Realm) -> None:
    house.account()
    own = house.tokens()[0]
    opened = len(house.rows("sessions"))
    answers = [arrive(Visitor(house), realm, sub=f"eve {number}") for number in range(5)]
    print(f"\nAda's address in 5 foreign identities: sign-ins {sum(answer.status_code == 200 for answer in answers)}")
    assert {said(answer) for answer in answers} == {(401, "link_proof_required")}
    assert {*answers[0].get_json()} == {"type", "title", "status", "detail", "code", "request_id", "methods", "link_token"}
    assert len(house.rows("sessions")) == opened
    assert (house.rows("identities"), profile(house, own)["oauth_providers"]) == ([], [])


def test_guesses_count_with_those_at_login_and_do_not_spend_the_token(house: Door, realm: Realm) -> None:
    house.account()
    visitor = Visitor(house)
    asked = arrive(visitor, realm)
    seen = [said(visitor.prove(asked, WRONG)) for _ in range(3)] + [said(house.login("ada", WRONG)) for _ in range(2)]
    assert seen == [(401, "invalid_credentials")] * 5
    assert said(visitor.prove(asked, WRONG)) == (401, "invalid_credentials"), "the sixth begins the wait"
    waits = [visitor.prove(asked), arrive_and_prove(house, realm), house.login()]
    print(f"\nafter 6 guesses over two surfaces, the right password: {[answer.status_code for answer in waits]}")
    assert {said(answer) for answer in waits} == {(429, "too_many_attempts")}
    with house.app.app_context():
        house.forget_guesses()
    assert visitor.prove(asked).status_code == 200


def arrive_and_prove(house: House, realm: Realm) -> TestResponse:
    visitor = Visitor(house)
    return visitor.prove(arrive(visitor, realm, **EVE))


def test_codes_are_guessed_five_times_an_hour_over_all_links(house: Door, realm: Realm) -> None:
    house.account()
    visitors = [Visitor(house) for _ in range(3)]
    asked = [arrive(visitor, realm, sub=f"eve {number}") for number, visitor in enumerate(visitors)]
    for visitor, answer in zip(visitors, asked, strict=True):
        visitor.open("/auth/link/code", {"link_token": link_token(answer)})
    wrong = factors.another(factors.newest_code(house))
    seen = [said(visitors[turn % 3].prove(asked[turn % 3], otp_code=wrong)) for turn in range(8)]
    print(f"\n8 guessed codes over 3 links: {[status for status, _ in seen].count(401)} were looked at")
    assert seen == [(401, "invalid_otp")] * 5 + [(429, "too_many_attempts")] * 3


def test_a_code_is_good_for_the_link_that_it_was_asked_for_alone(house: Door, realm: Realm) -> None:
    """Eve has Ada's mailbox told a code, and asks Ada for it; Ada's own code does not help Eve's link either."""
    house.account()
    owner, eve = Visitor(house), Visitor(house)
    own, eves = arrive(owner, realm), arrive(eve, realm, **EVE)
    owner.open("/auth/link/code", {"link_token": link_token(own)})
    code = factors.newest_code(house)
    login_code = factors.login_code(house)
    assert said(eve.prove(eves, otp_code=code)) == (401, "invalid_otp")
    assert said(eve.prove(eves, otp_code=login_code)) == (401, "invalid_otp")
    assert said(factors.verify(house, code)) == (401, "invalid_otp")
    answer = owner.prove(own, otp_code=code)
    assert factors.amr(answer) == ["fed", "email"]
    assert profile(house, answer.get_json()["access_token"])["username"] == "ada"


def test_a_link_token_is_tied_to_the_browser_and_good_once(house: Door, realm: Realm) -> None:
    house.account()
    visitor = Visitor(house)
    token = link_token(asked := arrive(visitor, realm))
    for stranger in (Visitor(house), Visitor(house, {"latchkey_visit": "a" * 43})):
        with nothing_changes(house):
            assert said(stranger.open("/auth/link", {"link_token": token, "password": PASSWORD})) == (400, "invalid_token")
            assert said(stranger.open("/auth/link/code", {"link_token": token})) == (400, "invalid_token")
    assert visitor.prove(asked).status_code == 200
    for path, proof in (("/auth/link", {"password": PASSWORD}), ("/auth/link/code", {})):
        assert said(visitor.open(path, {"link_token": token} | proof)) == (400, "invalid_token")


def test_a_link_token_lasts_ten_minutes(house: Door, realm: Realm, standing_clock: time_machine.Traveller) -> None:
    house.account()
    early, late = Visitor(house), Visitor(house)
    first, second = arrive(early, realm), arrive(late, realm, **EVE)
    standing_clock.shift(590)
    assert early.prove(first).status_code == 200
    standing_clock.shift(11)
    assert said(late.prove(second)) == (400, "invalid_token")


@pytest.mark.parametrize("recovery", ["reset", "not me"])
def test_a_recovery_voids_what_waits_for_proof(house: Door, realm: Realm, recovery: str) -> None:
    house.account()
    eve, helped = Visitor(house), Visitor(house)
    waiting, linked = arrive(eve, realm, **EVE), arrive(helped, realm)
    assert helped.prove(linked).status_code == 200
    if recovery == "not me":
        assert house.post(mailed.newest(house, ADA, mailed.NOT_ME)).status_code == 200
        link = mailed.newest(house, ADA, mailed.RESET)
    else:
        link = mailed.ask_for_reset(house)
    assert mailed.reset(house, link).status_code == 200
    assert said(eve.prove(waiting, FRESH_PASSWORD)) == (400, "invalid_token")


@pytest.mark.parametrize("page", [PAGE], indirect=True)
@pytest.mark.parametrize("how", ["unlinked", "erased from the table"])
def test_an_identity_taken_away_before_the_exchange_opens_nothing(house: Door, realm: Realm, how: str) -> None:
    """The code is there when the owner takes Eve's link away; that does not void codes by itself."""
    house.account()
    owner = house.tokens()[0]
    eve = Visitor(house)
    assert eve.prove(arrive(eve, realm, **EVE)).status_code == 200
    code = told(eve.sign_in(realm, **ada(**EVE)))["code"]
    if how == "unlinked":
        assert house.ask("DELETE", "/auth/google/link", token=owner).status_code == 204
    else:
        identities_gone(house)
    with nothing_changes(house):
        assert said(eve.open("/auth/exchange", {"code": code})) == (400, "invalid_token")


def test_an_identity_taken_away_before_the_second_factor_opens_nothing(house: Door, realm: Realm) -> None:
    access, phone = factors.protected(house)
    eve = Visitor(house)
    waiting = eve.prove(arrive(eve, realm, **EVE)).get_json()["mfa_token"]
    assert factors.second(house, waiting, phone.code()).status_code == 200
    half = arrive(eve, realm, **EVE)
    assert said(half) == (401, "mfa_required")
    assert house.ask("DELETE", "/auth/google/link", token=access).status_code == 204
    answer = factors.second(house, half.get_json()["mfa_token"], phone.recovery_codes[0])
    assert said(answer) == (401, "invalid_credentials")
    assert profile(house, access)["oauth_providers"] == []


@pytest.mark.parametrize("page", [None], indirect=True)
def test_an_identity_taken_away_while_the_callback_runs_opens_nothing(house: Door, realm: Realm) -> None:
    """Right after the callback has found whose it is, somebody else takes it away and commits."""
    house.account()
    eve = Visitor(house)
    assert eve.prove(arrive(eve, realm, **EVE)).status_code == 200
    opened = len(house.rows("sessions"))
    back = realm.sign_in(eve.leave(), **ada(**EVE))
    taken: list[str] = []

    def take_away(*given: Any) -> None:
        if "FROM identities" in given[2] and not taken:
            taken.append(given[2])
            identities_gone(house)

    with house.app.app_context():
        reader = db.engines["reader"]
    event.listen(reader, "after_cursor_execute", take_away)
    try:
        answer = eve.open(f"/auth/google/callback?{back}")
    finally:
        event.remove(reader, "after_cursor_execute", take_away)
    assert taken
    print(f"\nidentity removed between look-up and session: {said(answer)}")
    assert said(answer) == (401, "link_proof_required"), "as for an identity that nobody has linked"
    assert len(house.rows("sessions")) == opened


def identities_gone(house: Door) -> None:
    with house.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM identities")


@pytest.mark.parametrize("page", [PAGE], indirect=True)
@pytest.mark.parametrize(
    ("trusted", "email", "outcome"),
    [
        ("google:example.org", ADA, 200),
        ("google:example.org", "ADA@EXAMPLE.org", 200),
        ("example:example.org", ADA, 401),
        ("google:org", ADA, 401),
        ("google:new.example.org", ADA, 401),
        ("google:example.com", ADA, 401),
    ],
)
def test_only_a_provider_trusted_for_exactly_this_domain_links_by_its_word(
    house: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, page: str | None, trusted: str, email: str, outcome: int
) -> None:
    set_up(house, monkeypatch, realm, frontend_url=page, oidc_trusted_for=(trusted,))
    house.account()
    house.deliver()
    house.mail_server.clear()
    answer = arrive(Visitor(house), realm, email=email)
    assert answer.status_code == outcome
    assert len(house.rows("identities")) == (outcome == 200)
    assert mailed.subjects(house, ADA).count("a way to sign in was added") == (outcome == 200), "the owner is told"


def test_a_trusted_provider_links_nothing_before_the_second_factor(
    house: Door, realm: Realm, monkeypatch: pytest.MonkeyPatch, page: str | None
) -> None:
    set_up(house, monkeypatch, realm, frontend_url=page, oidc_trusted_for=("google:example.org",))
    access, phone = factors.protected(house)
    half = arrive(Visitor(house), realm)
    assert said(half) == (401, "mfa_required")
    assert profile(house, access)["oauth_providers"] == []
    assert factors.second(house, half.get_json()["mfa_token"], phone.code()).status_code == 200
    assert profile(house, access)["oauth_providers"] == ["google"]


@pytest.mark.parametrize("state", ["inactive", "deleted"])
def test_a_closed_account_is_told_after_the_proof_only_and_gets_no_link(house: Door, realm: Realm, state: str) -> None:
    house.account()
    house.change("users", **({"is_active": False} if state == "inactive" else {"deleted_at": house.user()["created_at"]}))
    visitor = Visitor(house)
    asked = arrive(visitor, realm)
    assert said(visitor.prove(asked, WRONG)) == (401, "invalid_credentials")
    assert said(visitor.prove(asked)) == (403, "account_inactive")
    assert house.rows("identities") == []


AGES: dict[str, tuple[object, bool]] = {
    "now": (0, True),
    "nine minutes ago": (-540, True),
    "eleven minutes ago": (-660, False),
    "a month ago": (-30 * 86400, False),
    "a minute ahead, by the provider's clock": (30, True),
    "far ahead": (86400, False),
    "not told": (None, False),
    "the epoch": ("0", False),
    "text": ("now", False),
    "true": (True, False),
    "no number": (float("nan"), False),
    "endless": (10**400, False),
}


@pytest.mark.parametrize("page", [None], indirect=True)
@pytest.mark.parametrize("age", AGES)
def test_a_session_is_as_fresh_as_the_one_at_the_provider(
    house: Door, realm: Realm, standing_clock: time_machine.Traveller, age: str
) -> None:
    """Whoever finds a computer that is signed in at the provider has proved nothing a moment ago."""
    value, fresh = AGES[age]

    def lie(honest: dict[str, Any]) -> dict[str, Any]:
        told = {"0": 0, "now": "now"}.get(str(value), value)
        moment = honest["iat"] + value if type(value) is int and abs(value) < 10**9 else told
        return {name: found for name, found in (honest | {"auth_time": moment}).items() if found is not None}

    realm.claims = lie
    answer = arrive(Visitor(house), realm)
    access = answer.get_json()["access_token"]
    call = house.get("/profile/export", access)
    assert said(call) == ((200, "ok") if fresh else (401, "reauthentication_required"))
    is_known = type(value) is int and -(10**9) < value < 60
    assert ("auth_time" in factors.claims(access)) == is_known
    renewed = house.post("/refresh", token=answer.get_json()["refresh_token"]).get_json()["access_token"]
    assert said(house.get("/profile/export", renewed)) == said(call), "a refresh makes nothing fresh"
    if not fresh:
        assert call.get_json()["methods"] == ["email_otp"]
        proved = house.post("/verify-otp", {"otp_code": factors.step_up_code(house, renewed)}, renewed)
        assert house.get("/profile/export", proved.get_json()["access_token"]).status_code == 200


def test_a_second_factor_does_not_make_an_old_sign_in_fresh(house: Door, realm: Realm) -> None:
    _, phone = factors.protected(house)
    visitor = Visitor(house)
    wanted = visitor.prove(arrive(visitor, realm)).get_json()["mfa_token"]
    first = factors.second(house, wanted, phone.code()).get_json()["access_token"]
    assert house.get("/profile/export", first).status_code == 200, "the password was shown a moment ago"
    realm.claims = lambda honest: {name: value for name, value in honest.items() if name != "auth_time"}
    half = arrive(visitor, realm).get_json()["mfa_token"]
    tokens = factors.second(house, half, phone.recovery_codes[0]).get_json()
    assert said(house.get("/profile/export", tokens["access_token"])) == (401, "reauthentication_required")


def test_an_unknown_time_is_stored_as_one_long_past(house: Door, realm: Realm) -> None:
    """So that an older release of the service, which knows of no unknown time, does not take it for fresh."""
    realm.claims = lambda honest: {name: value for name, value in honest.items() if name != "auth_time"}
    assert arrive(Visitor(house), realm).status_code == 200
    (session,) = house.rows("sessions")
    access = arrive(Visitor(house), realm).get_json()["access_token"]
    proved = house.post("/verify-otp", {"otp_code": factors.step_up_code(house, access)}, access).get_json()["access_token"]
    told_of = house.get("/profile/export", proved).get_json()["sessions"]
    assert [row["auth_time"] is None for row in told_of] == [True, False], "and is told as unknown"
    assert session["auth_time"] - datetime(1970, 1, 1, tzinfo=session["auth_time"].tzinfo) == timedelta(0)
