"""The attacker is there first: what he prepared with the victim's address is worth nothing once its owner has come.

After Sudhodanan and Paverd, “Pre-hijacked accounts” (USENIX Security 2022): he signs up and waits, he keeps a session, he
links his identity at the provider first. The owner comes by each way that there is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from services import openid
from tests import factors, mailed
from tests.mailed import ADA, FRESH_PASSWORD
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.conftest import Door, door_with
from tests.visitors import Visitor, ada, settings_of

EVE, EVES = "eve@example.org", "eves-own-lantern-77"
EVE_THERE: dict[str, Any] = {"sub": "eve at the provider", "email": EVE, "email_verified": True}
LIES: tuple[dict[str, Any], ...] = (
    {},
    {"email": ADA},  # of an identity that is known by now
    {"sub": "eve once more", "email": ADA, "email_verified": False},
    {"sub": "eve again", "email": ADA, "email_verified": "true"},
)


@dataclass
class Stage:
    """The house, the provider, and what Eve holds: tokens of hers, and links that she was never mailed."""

    door: Door
    realm: Realm
    tokens: list[str] = field(default_factory=list)

    def at_provider(self, **person: Any) -> dict[str, str]:
        answer = Visitor(self.door).sign_in(self.realm, **person)
        found: dict[str, str] = answer.get_json()
        return found if answer.status_code == 200 else {}

    def keep(self, answer: dict[str, str]) -> None:
        self.tokens += [answer[name] for name in ("access_token", "refresh_token", "mfa_token") if name in answer]

    def tries(self) -> list[str]:
        """Access tokens that Eve gets by everything she has, now."""
        names = ("eve", "eve2", ADA, EVE, "ada")
        answers = [self.door.post("/login", {"username": name, "password": EVES}).get_json() for name in names]
        answers += [self.door.post("/refresh", token=token).get_json() for token in self.tokens]
        answers += [self.at_provider(**EVE_THERE | lie) for lie in LIES]
        self.door.post("/send-otp", {"email": ADA})
        answers.append(factors.verify(self.door, "000000", EVES).get_json())
        return self.tokens + [answer["access_token"] for answer in answers if "access_token" in answer]

    def inside(self, owner: str) -> int:
        """How many of these open the account of this access token."""
        mine = self.door.get("/profile", owner).get_json()["id"]
        seen = [self.door.get("/profile", token) for token in self.tries()]
        return sum(answer.status_code == 200 and answer.get_json()["id"] == mine for answer in seen)


def waits(stage: Stage) -> None:
    """She signs up with the victim's address, twice, and asks for every mail that there is."""
    for name in ("eve", "eve2"):
        assert stage.door.sign_up(name, ADA, password=EVES).status_code == 201
    for path in ("/resend-confirmation", "/forgot-password", "/send-otp"):
        stage.door.post(path, {"email": ADA})
    stage.keep(stage.door.post("/login", {"username": "eve", "password": EVES}).get_json())


def keeps_a_session(stage: Stage) -> None:
    """She has an account of her own, wants the victim's address for it, and stays signed in."""
    stage.door.account("eve", EVE, password=EVES)
    stage.keep(answer := stage.door.login("eve", EVES).get_json())
    assert stage.door.put("/profile", {"email": ADA}, answer["access_token"]).status_code == 200


def links_first(stage: Stage) -> None:
    """She comes by her own identity at the provider, which claims the victim's address too, and signs up with it."""
    assert stage.at_provider(**(EVE_THERE | {"email": ADA, "email_verified": False})) == {}
    stage.keep(answer := stage.at_provider(**EVE_THERE))
    assert stage.door.put("/profile", {"email": ADA}, answer["access_token"]).status_code == 200
    stage.door.sign_up("eve2", ADA, password=EVES)


def signs_up(stage: Stage) -> str:
    stage.door.sign_up("ada", ADA)
    link = mailed.newest(stage.door, ADA, mailed.CONFIRM)
    assert stage.door.post(link).status_code == 200
    return stage.door.tokens()[0]


def comes_by_the_provider(stage: Stage) -> str:
    return stage.at_provider(**ada())["access_token"]


def recovers(stage: Stage) -> str:
    """By a forgotten password: also where only somebody else's sign-up waits for this address."""
    if not mailed.paths(stage.door, ADA, mailed.RESET):
        stage.door.post("/forgot-password", {"email": ADA})
    stage.door.deliver()
    links = mailed.paths(stage.door, ADA, mailed.RESET)
    if not links:  # nothing waits for it
        return signs_up(stage)
    assert mailed.reset(stage.door, links[-1]).status_code == 200
    return stage.door.tokens(ADA, FRESH_PASSWORD)[0]


def confirms_then_recovers(stage: Stage) -> str:
    signs_up(stage)
    assert mailed.reset(stage.door, mailed.ask_for_reset(stage.door)).status_code == 200
    return stage.door.tokens("ada", FRESH_PASSWORD)[0]


def comes_then_recovers(stage: Stage) -> str:
    comes_by_the_provider(stage)
    assert mailed.reset(stage.door, mailed.ask_for_reset(stage.door)).status_code == 200
    return stage.door.tokens(ADA, FRESH_PASSWORD)[0]


EVES_WAYS: tuple[Callable[[Stage], None], ...] = (waits, keeps_a_session, links_first)
OWNERS_WAYS: tuple[Callable[[Stage], str], ...] = (
    signs_up,
    comes_by_the_provider,
    recovers,
    confirms_then_recovers,
    comes_then_recovers,
)


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


@pytest.fixture(scope="module")
def standing(google: Realm, tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Door:
    folder = tmp_path_factory.mktemp("hijack")
    return door_with(folder, mail_server, smtp, SQLITE_SYNCHRONOUS="NORMAL", **settings_of(google.discovery_url))


@pytest.fixture
def stage(standing: Door, google: Realm) -> Stage:
    standing.empty()
    openid._kept.clear()
    return Stage(standing, google)


def test_the_harness_sees_an_attacker_who_is_inside(stage: Stage) -> None:
    """The control: where Eve has the owner's own session and password, she is counted."""
    stage.door.account("ada", ADA, password=EVES)
    stage.keep(answer := stage.door.login("ada", EVES).get_json())
    inside = stage.inside(answer["access_token"])
    print(f"\ncontrol, an attacker who has session and password: counted {inside} times")
    assert inside >= 3


@pytest.mark.parametrize("prepare", EVES_WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("arrive", OWNERS_WAYS, ids=lambda way: way.__name__)
def test_who_was_there_first_is_outside_once_the_owner_came(
    stage: Stage, prepare: Callable[[Stage], None], arrive: Callable[[Stage], str]
) -> None:
    prepare(stage)
    stage.door.deliver()
    owner = arrive(stage)
    inside = stage.inside(owner)
    print(f"\nEve {prepare.__name__}; the owner {arrive.__name__}: logins of Eve afterwards {inside}")
    assert inside == 0
    assert stage.door.get("/profile", owner).get_json()["email"] == ADA
    late = [stage.door.post(path).status_code for path in mailed.paths(stage.door, ADA, mailed.CONFIRM)]
    assert set(late) <= {400}, "nor does any link that her sign-ups or wishes had mailed work now"
    assert stage.inside(owner) == 0


def test_a_password_of_hers_is_never_the_owners(stage: Stage) -> None:
    """Her sign-up is what the recovery finds; its password is replaced, its name remains."""
    waits(stage)
    owner = recovers(stage)
    profile = stage.door.get("/profile", owner).get_json()
    assert (profile["email"], profile["has_password"], profile["oauth_providers"]) == (ADA, True, [])
    assert profile["username"] in ("eve", "eve2")
    assert {factors.said(stage.door.login(name, EVES))[1] for name in (profile["username"], ADA)} == {"invalid_credentials"}
    assert stage.door.login(ADA, PASSWORD).status_code == 401
