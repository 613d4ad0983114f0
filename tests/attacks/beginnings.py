"""How a hijack begins: an owner with an account of a month, and a hijacker with its password and a session."""

import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services import clock
from tests.attacks.hijack import CONFIRM, Link, Person, World
from tests.people import PASSWORD

FORMER, ADA, ADAS_OTHER = "ada@former.example.org", "ada@example.org", "ada@other.example.org"
MALLORYS = ("mallory@example.org", "mallory@second.example.org")
BEGINNINGS = ("by password", "by a stolen token", "despite a factor", "beside a provider", "after a move")
DAY = 86400


@dataclass
class Beginning:
    """The moment before the hijack, to begin from again and again."""

    written: dict[str, list[dict[str, Any]]]
    at: float
    account_id: str
    links: list[Link]
    theirs: tuple[str, ...]
    owner: Person
    hijacker: Person


@dataclass
class Stage:
    """One service for all runs, and what is counted."""

    world: World
    beginnings: dict[str, Beginning] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    def prepare(self) -> None:
        moment = clock.now().timestamp()
        for name in BEGINNINGS:
            self.world.time.move_to(moment)
            self.beginnings[name] = _prepared(self.world, name)

    def begin(self, name: str) -> tuple[Beginning, Person, Person]:
        """Both as they were; what one does in this run is forgotten with it."""
        chosen, world = self.beginnings[name], self.world
        world.time.move_to(chosen.at)
        world.restore(chosen.written)
        world.account_id, world.slow_since = chosen.account_id, None
        world.links, world.codes = list(chosen.links), []
        memo = {id(world): world}
        return chosen, copy.deepcopy(chosen.owner, memo), copy.deepcopy(chosen.hijacker, memo)


def _prepared(world: World, name: str) -> Beginning:
    world.restore({table: [] for table in world.rows()})
    world.links, world.codes = [], []
    owner = Person(world, "owner", (ADA, FORMER, ADAS_OTHER), "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")
    hijacker = Person(world, "hijacker", MALLORYS, "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0.0.0")
    _account(world, owner, FORMER if name == "after a move" else ADA)
    if name == "despite a factor":
        owner.turns_factor_on()
    if name == "beside a provider":
        owner.links_provider()
        assert owner.is_linked
    world.deliver()
    world.wait(27 * DAY)
    world.links.clear()
    if name == "after a move":
        owner.asks_for_address(ADA)
        world.deliver()
        assert owner.uses(world.links_to(ADA, kinds=(CONFIRM,))[-1]).status_code == 200
        world.deliver()
    world.wait(3 * DAY)
    list(owner.sign_ins())
    _hand_over(owner, hijacker, name)
    world.deliver()
    assert world.account().email == ADA
    theirs = (ADA, FORMER) if name == "after a move" else (ADA,)
    return Beginning(world.rows(), clock.now().timestamp(), world.account_id, list(world.links), theirs, owner, hijacker)


def _hand_over(owner: Person, hijacker: Person, name: str) -> None:
    """What was phished: the password, some recovery codes where there are any, and the owner's tokens or a sign-in."""
    hijacker.passwords = [*owner.passwords]
    if name == "despite a factor":
        hijacker.phones = copy.deepcopy(owner.phones)
        hijacker.phones[0].secret = ""
        del hijacker.phones[0].recovery_codes[3:], owner.phones[0].recovery_codes[:3]
    if name == "by a stolen token":
        hijacker.access, hijacker.refresh = [*owner.access[-1:]], [*owner.refresh[-1:]]
    else:
        assert next(hijacker.sign_ins())


def _account(world: World, owner: Person, email: str) -> None:
    owner.passwords = [PASSWORD]
    answer = owner.ask("POST", "/signup", {"username": "ada", "email": email, "password": PASSWORD})
    owner.proofs = [{"signup_token": answer.get_json().get("signup_token", "")}]
    world.deliver()
    assert owner.uses(world.links_to(email)[-1]).status_code == 200
    token = next(owner.sign_ins())
    world.account_id = owner.ask("GET", "/profile", token=token).get_json()["id"]
    owner.proofs = []
