"""Sixteen clients at the same moment, on two processes: one winner, no 5xx, no honest session lost."""

import base64
import http.client
import json
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.attacks import doors
from tests.attacks.doors import CLIENTS, Answer, at_once, call, freed
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
SPELLINGS = ("ada{}@example.org", "ADA{}@example.org", "Ada{}@EXAMPLE.org", " ada{}@Example.Org ")


@pytest.fixture
def pair(uri: str, smtp: dict[str, str], mail_server: MailServer) -> Iterator[list[Service]]:
    mail_server.clear()
    with doors.services(uri, smtp) as started:
        yield started


def test_the_harness_sees_several_winners_of_read_then_update(uri: str, kind: str, rounds: int) -> None:
    engine = doors.engine_of(uri)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE control (id INTEGER PRIMARY KEY, spent INTEGER NOT NULL)"))
    wrong = [_winners(engine, number, _read_then_update) for number in range(rounds)]
    right = [_winners(engine, rounds + number, _conditional_update) for number in range(rounds)]
    engine.dispose()
    print(f"\n[{kind}] winners of 16, control: read-then-update {wrong}, conditional update {right}")
    # A MariaDB from 11.8 on refuses the stale writer by itself (innodb_snapshot_isolation).
    assert max(wrong) > 1 or kind == "mariadb"
    assert right == [1] * rounds


def _winners(engine: Engine, number: int, attempt: Callable[[Engine, int], bool]) -> int:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO control (id, spent) VALUES (:id, 0)"), {"id": number})

    def ready(index: int) -> Callable[[], bool]:
        return lambda: attempt(engine, number)

    return sum(freed(CLIENTS, ready))


def _read_then_update(engine: Engine, number: int) -> bool:
    try:
        with engine.begin() as connection:
            spent = connection.execute(text("SELECT spent FROM control WHERE id = :id"), {"id": number}).scalar_one()
            if not spent:
                connection.execute(text("UPDATE control SET spent = 1 WHERE id = :id"), {"id": number})
            return not spent
    except DBAPIError:
        return False


def _conditional_update(engine: Engine, number: int) -> bool:
    with engine.begin() as connection:
        done = connection.execute(text("UPDATE control SET spent = 1 WHERE id = :id AND spent = 0"), {"id": number})
        return done.rowcount == 1


def test_one_confirmation_link_is_spent_once(
    pair: list[Service], mail_server: MailServer, uri: str, kind: str, rounds: int
) -> None:
    for number in range(rounds):
        assert doors.sign_up(pair[0], f"ada{number}", f"ada{number}@example.org").status == 201
    for number in range(rounds):
        path = doors.path_of(mail_server.wait_to(f"ada{number}@example.org")[0].links[0])
        answers = at_once(pair, lambda _, door, path=path: call(door, "POST", path))  # type: ignore[misc]
        assert Counter(answer.status for answer in answers) == {200: 1, 400: CLIENTS - 1}
    assert doors.look(uri, "SELECT count(*) FROM audit_facts WHERE kind = 'email_confirmed'") == [(rounds,)]
    print(f"\n[{kind}] one confirm link x {CLIENTS}: one winner in {rounds}/{rounds} rounds")


def test_many_sign_ups_of_one_address_end_as_one_account(
    pair: list[Service], mail_server: MailServer, uri: str, kind: str, rounds: int
) -> None:
    for number in range(rounds):
        assert _statuses(_sign_ups_of_one_address(pair, number)) == {201: CLIENTS}
    doors.wait_until_mail_is_settled(uri)
    mailed = []
    for number in range(rounds):
        mails = [mail for mail in mail_server.messages if mail.recipients[0].lower() == f"ada{number}@example.org"]
        paths = [doors.path_of(link) for mail in mails for link in mail.links]
        answers = at_once(pair, lambda i, door, paths=paths: call(door, "POST", paths[i]), len(paths))  # type: ignore[misc]
        assert _statuses(answers) == {200: 1, 400: len(paths) - 1}
        mailed.append(len(mails))
    owned = doors.look(uri, "SELECT owned_email_key, count(*) FROM users WHERE owned_email_key IS NOT NULL GROUP BY 1")
    print(f"\n[{kind}] 16 sign-ups of one address: 1 account in {len(owned)}/{rounds} rounds; mails a round {mailed}")
    assert sorted(owned) == sorted((f"ada{number}@example.org", 1) for number in range(rounds))
    assert max(mailed) <= 5, "mails to one address are bounded, also where two workers count them"


def _sign_ups_of_one_address(pair: list[Service], number: int) -> list[Answer]:
    def send(index: int, door: http.client.HTTPConnection) -> Answer:
        email = SPELLINGS[index % len(SPELLINGS)].format(number)
        return doors.sign_up(door, f"r{number}-c{index}", email, password=f"{PASSWORD}-{index}")

    return at_once(pair, send)


def test_one_user_name_is_given_once(pair: list[Service], uri: str, kind: str, rounds: int) -> None:
    for number in range(rounds):
        names = [f"Taken{number}", f"taken{number}", f"TAKEN{number}", f"tAKEN{number}"]
        answers = at_once(
            pair,
            lambda i, door, names=names: doors.sign_up(door, names[i % 4], f"c{i}@example.org"),  # type: ignore[misc]
        )
        assert _statuses(answers) == {201: 1, 409: CLIENTS - 1}
        assert {answer.code for answer in answers if answer.status == 409} == {"username_taken"}
    assert doors.look(uri, "SELECT count(*) FROM users") == [(rounds,)]
    assert doors.look(uri, "SELECT count(*) FROM letters") == [(rounds,)]
    print(f"\n[{kind}] one user name x {CLIENTS}: one 201, rest 409 in {rounds}/{rounds} rounds")


def test_parallel_refreshes_get_the_same_successor(
    pair: list[Service], mail_server: MailServer, uri: str, kind: str, rounds: int
) -> None:
    doors.account(pair[0], mail_server, "ada")
    refresh = doors.login(pair[0], "ada").json["refresh_token"]
    for _ in range(rounds):
        answers = at_once(pair, lambda _, door, token=refresh: call(door, "POST", "/refresh", token=token))  # type: ignore[misc]
        assert _statuses(answers) == {200: CLIENTS}
        assert len({_jti(answer.json["refresh_token"]) for answer in answers}) == 1
        assert len({_jti(answer.json["access_token"]) for answer in answers}) == 1
        assert all(call(door, "GET", "/profile", token=answers[0].json["access_token"]).status == 200 for door in pair)
        refresh = answers[0].json["refresh_token"]
    assert doors.look(uri, "SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(1,)]
    assert doors.look(uri, "SELECT count(*) FROM audit_facts WHERE kind = 'token_reused'") == [(0,)]
    print(f"\n[{kind}] {CLIENTS} parallel refreshes: one successor in {rounds}/{rounds} rounds, honest sessions lost 0")


def test_a_token_before_the_parent_ends_the_session_once(
    pair: list[Service], mail_server: MailServer, uri: str, kind: str, rounds: int
) -> None:
    doors.account(pair[0], mail_server, "ada")
    for _ in range(rounds):
        stolen = doors.login(pair[0], "ada").json["refresh_token"]
        second = call(pair[0], "POST", "/refresh", token=stolen).json["refresh_token"]
        third = call(pair[1], "POST", "/refresh", token=second).json
        answers = at_once(pair, lambda _, door, token=stolen: call(door, "POST", "/refresh", token=token))  # type: ignore[misc]
        assert _statuses(answers) == {401: CLIENTS}
        assert {answer.code for answer in answers} <= {"token_reused", "session_ended"}
        assert all(call(door, "GET", "/profile", token=third["access_token"]).code == "session_ended" for door in pair)
    reused = doors.look(uri, "SELECT count(*) FROM audit_facts WHERE kind = 'token_reused'")[0][0]
    ended = doors.look(uri, "SELECT count(*) FROM sessions WHERE end_reason = 'token_reused'")
    print(f"\n[{kind}] reused token x {CLIENTS}: sessions ended {ended[0][0]}/{rounds}, audit rows {reused}")
    assert ended == [(rounds,)]
    assert reused == rounds, "one audit row for each session that ended"


def test_a_storm_of_logins_meets_no_fault(pair: list[Service], mail_server: MailServer, kind: str, rounds: int) -> None:
    """Each caller means somebody else: guesses at one account have to wait for each other."""
    people = [f"ada{number}" for number in range(CLIENTS // 2)]
    for name in people:
        doors.account(pair[0], mail_server, name)
    seen: Counter[int] = Counter()
    for number in range(rounds):
        names = [*people, *(f"nobody{number}-{index}" for index in range(len(people)))]
        seen += _statuses(at_once(pair, lambda index, door, names=names: doors.login(door, names[index])))  # type: ignore[misc]
    print(f"\n[{kind}] login storm: {dict(seen)}")
    assert seen == {200: rounds * 8, 401: rounds * 8}


def test_right_passwords_of_one_account_at_once_meet_no_fault(
    pair: list[Service], mail_server: MailServer, uri: str, kind: str, rounds: int
) -> None:
    """Guesses are counted before they are checked, so some have to wait; none counts as wrong, and a later one comes in."""
    doors.account(pair[0], mail_server, "ada")
    seen: Counter[int] = Counter()
    for _ in range(rounds):
        answers = at_once(pair, lambda index, door: doors.login(door, ("ada", "ADA@example.org")[index % 2]))
        seen += _statuses(answers)
        assert _statuses(answers)[200] >= 1
        doors.forget_guesses(uri)
    failed = doors.look(uri, "SELECT count(*) FROM audit_facts WHERE kind = 'sign_in_failed'")
    print(f"\n[{kind}] right logins of one account x {CLIENTS}: {dict(seen)}")
    assert set(seen) <= {200, 429}
    assert failed == [(0,)]


def _statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def _jti(token: str) -> str:
    payload = token.split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims["jti"]
