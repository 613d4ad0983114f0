"""Sixteen clients at the same moment, on two processes: a visit, a code and a new identity are each used once."""

import http.client
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.attacks import doors
from tests.attacks.conftest import new_database
from tests.attacks.doors import CLIENTS, Answer, at_once, call
from tests.parts.hostile_provider import TOKEN, Realm, hostile_provider
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.visitors import ada, settings_of

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
PAGE = "https://app.example.org"
HOST = {"Host": "127.0.0.1:5000"}


@dataclass
class World:
    pair: list[Service]
    realm: Realm
    uri: str
    mail: MailServer

    def mailed_code(self, address: str) -> str:
        """The code in the first mail that arrives there."""
        return re.findall(r"^\d{6}\b", self.mail.wait_to(address)[-1].text, re.MULTILINE)[0]  # type: ignore[no-any-return]

    def count(self, table: str, people: str) -> int:
        """How many rows these people have, whose addresses begin alike."""
        wanted = f"SELECT id FROM users WHERE email LIKE '{people}%'"
        column = "id" if table == "users" else "user_id"
        return int(doors.look(self.uri, f"SELECT count(*) FROM {table} WHERE {column} IN ({wanted})")[0][0])

    def back(self, **person: Any) -> tuple[str, dict[str, str]]:
        """The path and the headers with which a browser comes back."""
        left = call(self.pair[0], "GET", "/auth/google", headers=HOST)
        cookie = left.headers["Set-Cookie"].partition(";")[0]
        query = self.realm.sign_in(left.headers["Location"], **ada(**person))
        return f"/auth/google/callback?{query}", HOST | {"Cookie": cookie}


@pytest.fixture(scope="module")
def world(
    kind: str, database_server: str, smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One pair of processes for all these races; each has people of its own."""
    uri = new_database(kind, database_server, tmp_path_factory.mktemp("provider"))
    with hostile_provider() as provider:
        realm = provider.realm()
        settings = {"FRONTEND_URL": PAGE, "SQLITE_SYNCHRONOUS": "NORMAL"}
        with doors.services(uri, smtp, **settings | settings_of(realm.discovery_url)) as pair:  # type: ignore[arg-type]
            yield World(pair, realm, uri, mail_server)


def outcome(answer: Answer) -> str:
    """What the page is told: `code`, or which error."""
    fragment = answer.headers.get("Location", "").partition("#")[2]
    return "code" if fragment.startswith("code=") else f"{answer.status} {fragment}"


def code(answers: list[Answer]) -> str:
    return next(a.headers["Location"].partition("#code=")[2] for a in answers if outcome(a) == "code")


def test_one_visit_ends_once(world: World, kind: str, rounds: int) -> None:
    call(world.pair[1], "GET", "/auth/google", headers=HOST)
    for number in range(rounds):
        path, headers = world.back(sub=f"visit{number}", email=f"visit{number}@example.org")
        world.realm.asked.clear()
        answers = at_once(world.pair, lambda _, door, p=path, h=headers: call(door, "GET", p, headers=h))  # type: ignore[misc]
        assert Counter(map(outcome, answers)) == {"code": 1, "302 error=oauth_failed": CLIENTS - 1}
        assert world.realm.asked[TOKEN] == 1, "the provider is asked by the winner only"
    assert world.count("users", "visit") == rounds
    print(f"\n[{kind}] one state x {CLIENTS}: one winner in {rounds}/{rounds} rounds")


def test_one_code_is_exchanged_once(world: World, kind: str, rounds: int) -> None:
    for number in range(rounds):
        path, headers = world.back(sub=f"code{number}", email=f"code{number}@example.org")
        secret = code([call(world.pair[0], "GET", path, headers=headers)])
        body = {"code": secret}
        answers = at_once(world.pair, lambda _, door, b=body: call(door, "POST", "/auth/exchange", b))  # type: ignore[misc]
        assert Counter(answer.status for answer in answers) == {200: 1, 400: CLIENTS - 1}
    assert world.count("sessions", "code") == rounds
    print(f"\n[{kind}] one code x {CLIENTS}: one winner in {rounds}/{rounds} rounds")


@pytest.mark.parametrize("proof", ["password", "otp_code"])
def test_one_link_token_links_and_signs_in_once(world: World, kind: str, rounds: int, proof: str) -> None:
    """With the right proof, in sixteen hands."""
    for number in range(rounds):
        name = f"proof-{proof[:3]}{number}"
        doors.account(world.pair[0], world.mail, name)
        world.mail.clear()
        path, headers = world.back(sub=name, email=f"{name}@example.org")
        secret = code([call(world.pair[0], "GET", path, headers=headers)])
        asked = call(world.pair[0], "POST", "/auth/exchange", {"code": secret}).json
        body = {"link_token": asked["link_token"], "password": PASSWORD}
        if proof == "otp_code":
            assert call(world.pair[1], "POST", "/auth/link/code", {"link_token": asked["link_token"]}).status == 202
            body = {"link_token": asked["link_token"], "otp_code": world.mailed_code(f"{name}@example.org")}
        answers = at_once(world.pair, lambda _, door, b=body: call(door, "POST", "/auth/link", b))  # type: ignore[misc]
        statuses = Counter(answer.status for answer in answers)
        assert statuses[200] == 1, statuses
        assert {*statuses} <= {200, 400, 401, 429}, statuses
    people = f"proof-{proof[:3]}"
    assert (world.count("identities", people), world.count("sessions", people)) == (rounds, rounds)
    print(f"\n[{kind}] one link_token x {CLIENTS}, right {proof}: one winner in {rounds}/{rounds} rounds")


@pytest.mark.parametrize("people", ["one identity", "one address", "one user name"])
def test_first_sign_ins_at_once_make_one_account_for_each(world: World, kind: str, rounds: int, people: str) -> None:
    """Of one person in two tabs; of an address that two identities claim; of people who would be called alike."""
    seen: Counter[str] = Counter()
    for number in range(rounds):
        two = [_person(people, number, index) for index in range(4 if people == "one user name" else 2)]
        visits = [world.back(**person) for person in two]

        def send(index: int, door: http.client.HTTPConnection, visits: Any = visits) -> Answer:
            return call(door, "GET", visits[index][0], headers=visits[index][1])

        answers = at_once(world.pair, send, len(two))
        seen += Counter(map(outcome, answers))
    accounts, identities = (world.count(table, people.replace(" ", "-")) for table in ("users", "identities"))
    print(f"\n[{kind}] first sign-ins at once, {people}: {dict(seen)}; accounts {accounts} in {rounds} rounds")
    each = 4 if people == "one user name" else 1
    assert (accounts, identities) == (each * rounds, each * rounds)
    failed = seen["302 error=provider_already_linked"]
    assert failed == (rounds if people == "one address" else 0), "two identities of one provider do not open one account"
    assert seen["code"] == seen.total() - failed


def _person(people: str, number: int, index: int) -> dict[str, str]:
    name = f"{people.replace(' ', '-')}{number}"
    if people == "one identity":
        return {"sub": name, "email": f"{name}@example.org"}
    if people == "one address":
        return {"sub": f"{name}/{index}", "email": f"{name}@example.org"}
    return {"sub": f"{name}/{index}", "email": f"{name}@{index}.example.org"}
