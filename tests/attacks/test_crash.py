"""SIGKILL while forty sign-ups run: after the restart every accepted one gets its mail, and none is half made."""

import http.client
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks import doors
from tests.attacks.doors import call
from tests.parts.service import Service
from tests.parts.smtp import MailServer

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
SIGN_UPS = 40
AT_ONCE = 8
LEASE_SECONDS = 10  # ten times MAIL_TIMEOUT


@pytest.fixture
def moments(request: pytest.FixtureRequest) -> list[int]:
    """After how many accepted sign-ups the service is killed."""
    return list(range(1, 40, 3)) if request.config.getoption("--long") else [5, 25]


def test_no_accepted_sign_up_is_lost_or_half_made(
    uri: str, smtp: dict[str, str], mail_server: MailServer, kind: str, moments: list[int]
) -> None:
    mail_server.clear()
    with doors.service(uri, smtp, MAIL_TIMEOUT="1") as door:
        for number, moment in enumerate(moments):
            answers = _killed_while_signing_up(door, f"r{number}-", moment)
            door.start()
            accepted = [name for name, status in answers.items() if status == 201]
            kept = _kept(uri, f"r{number}-")
            again = {name: doors.sign_up(door, name, f"{name}@example.org").status for name in answers if name not in accepted}
            assert set(accepted) <= kept
            assert again == {name: 409 if name in kept else 201 for name in again}
            print(f"\n[{kind}] killed after {moment}: accepted {len(accepted)}, kept {len(kept)}, tried again {len(again)}")
        _check_mail(uri, mail_server, door, kind, SIGN_UPS * len(moments))


def _killed_while_signing_up(door: Service, prefix: str, moment: int) -> dict[str, int]:
    """The answer to each sign-up, 0 where none came."""
    accepted = threading.Semaphore(0)

    def attempt(name: str) -> int:
        try:
            status = doors.sign_up(door, name, f"{name}@example.org").status
        except (OSError, http.client.HTTPException):
            return 0
        accepted.release()
        return status

    names = [f"{prefix}{number}" for number in range(SIGN_UPS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(attempt, name) for name in names]
        for _ in range(moment):
            assert accepted.acquire(timeout=30)
        door.kill()
        answers = {name: future.result() for name, future in zip(names, running, strict=True)}
    assert 0 in answers.values(), "the service was killed while sign-ups ran"
    return answers


def _kept(uri: str, prefix: str) -> set[str]:
    return {row[0] for row in doors.look(uri, "SELECT username FROM users WHERE username LIKE :like", like=f"{prefix}%")}


def _check_mail(uri: str, mail: MailServer, door: Service, kind: str, count: int) -> None:
    doors.wait_until_mail_is_settled(uri, LEASE_SECONDS + 40)
    ids = defaultdict(list)
    links = {}
    for received in mail.messages:
        ids[received.recipients[0]].append(received.message["Message-ID"])
        links[received.recipients[0]] = received.links[0]
    lost = {f"{name}@example.org" for name in _kept(uri, "r")} - set(ids)
    doubled = {address: found for address, found in ids.items() if len(found) > 1}
    print(f"[{kind}] of {count} sign-ups: mails lost {len(lost)}, doubled {len(doubled)} (same Message-ID)")
    assert (lost, len(ids)) == (set(), count)
    assert all(len(set(found)) == 1 for found in doubled.values())
    assert doors.look(uri, "SELECT state, count(*) FROM letters GROUP BY state") == [("sent", count)]
    assert doors.look(uri, "SELECT count(*) FROM audit_facts WHERE kind = 'signed_up'") == [(count,)]
    assert {call(door, "POST", doors.path_of(link)).status for link in links.values()} == {200}


def test_mail_is_delivered_after_a_crash_in_the_middle_of_the_hand_over(
    uri: str, smtp: dict[str, str], mail_server: MailServer, kind: str
) -> None:
    mail_server.clear()
    mail_server.delay = 5.0
    try:
        with doors.service(uri, smtp, MAIL_TIMEOUT="1", SCHEDULER_ENABLED="false") as quiet:
            for name in ("ada", "bob"):
                assert doors.sign_up(quiet, name, f"{name}@example.org").status == 201
        with doors.service(uri, smtp, MAIL_TIMEOUT="1") as door:
            taken = mail_server.wait_for(1)
            door.kill()
            mail_server.delay = 0.0
            began = time.monotonic()
            door.start()
            doors.wait_until_mail_is_settled(uri, 2 * LEASE_SECONDS + 20)
            seconds = time.monotonic() - began
    finally:
        mail_server.delay = 0.0
    ids = {mail.message["Message-ID"] for mail in mail_server.messages}
    print(
        f"\n[{kind}] killed at the hand-over: {len(mail_server.messages)} mails, {len(ids)} ids, settled after {seconds:.0f} s"
    )
    assert len(taken) >= 1
    assert {mail.recipients[0] for mail in mail_server.messages} == {"ada@example.org", "bob@example.org"}
    assert len(ids) == 2


def test_a_confirmation_cut_off_by_a_crash_is_whole_or_not_at_all(
    uri: str, smtp: dict[str, str], mail_server: MailServer, kind: str
) -> None:
    mail_server.clear()
    with doors.service(uri, smtp, MAIL_TIMEOUT="1") as door:
        for number in range(SIGN_UPS):
            assert doors.sign_up(door, f"crash{number}", f"crash{number}@example.org").status == 201
        mails = mail_server.wait_for(SIGN_UPS, 30)
        links = {mail.recipients[0].split("@")[0]: doors.path_of(mail.links[0]) for mail in mails}
        answers = _killed_while(door, links, 10)
        # In one look: the server may still be at what the killed process had sent it.
        spent, owned, noted = doors.look(
            uri,
            "SELECT (SELECT count(*) FROM tickets WHERE purpose = 'confirm' AND spent_at IS NOT NULL),"
            " (SELECT count(*) FROM users WHERE email_confirmed_at IS NOT NULL),"
            " (SELECT count(*) FROM audit_facts WHERE kind = 'email_confirmed')",
        )[0]
        door.start()
        again = {call(door, "POST", links[name]).status for name, status in answers.items() if status != 200}
        logins = {doors.login(door, name).status for name in links}
    answered = list(answers.values()).count(200)
    print(f"\n[{kind}] killed while confirming: answered {answered}, confirmed {owned}, links spent {spent}")
    assert spent == owned == noted >= answered
    assert again <= {200, 400}
    assert logins == {200}


def _killed_while(door: Service, links: dict[str, str], moment: int) -> dict[str, int]:
    done = threading.Semaphore(0)

    def using(path: str) -> Callable[[], int]:
        def use() -> int:
            try:
                status = call(door, "POST", path).status
            except (OSError, http.client.HTTPException):
                return 0
            done.release()
            return status

        return use

    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {name: pool.submit(using(path)) for name, path in links.items()}
        for _ in range(moment):
            assert done.acquire(timeout=30)
        door.kill()
        return {name: future.result() for name, future in running.items()}
