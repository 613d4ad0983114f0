"""Several workers deliver from one outbox; and a slow mail server is no concern of those who call."""

import time
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import at_once, call
from tests.parts.service import Service
from tests.parts.smtp import MailServer

LETTERS = 30


def test_two_workers_send_each_letter_once(uri: str, smtp: dict[str, str], mail_server: MailServer, kind: str) -> None:
    mail_server.clear()
    people = [f"worker{number}@example.org" for number in range(LETTERS)]
    mail_server.delay = 0.1  # so that one worker cannot have sent all before the other wakes
    try:
        with doors.services(uri, smtp, count=2) as pair:
            signed_up = at_once(pair, lambda i, door: doors.sign_up(door, f"worker{i}", people[i]), LETTERS)
            doors.wait_until_mail_is_settled(uri)
            time.sleep(1.5)
            workers = sum("was sent" in door.output for door in pair)
            faults = [line for door in pair for line in door.output.splitlines() if "ERROR" in line or "not answer" in line]
    finally:
        mail_server.delay = 0.0
    assert {answer.status for answer in signed_up} == {201}
    arrived = [mail.recipients[0] for mail in mail_server.messages]
    print(f"\n[{kind}] {LETTERS} letters by {workers} workers: arrived {len(set(arrived))}, doubled {len(arrived) - LETTERS}")
    assert sorted(arrived) == sorted(people)
    assert (faults, workers) == ([], 2)
    assert doors.look(uri, "SELECT state, count(*) FROM letters GROUP BY state") == [("sent", LETTERS)]


@pytest.mark.alone
def test_a_slow_mail_server_slows_nobody_down(smtp: dict[str, str], mail_server: MailServer, tmp_path: Path) -> None:
    mail_server.clear()
    mail_server.delay = 3.0
    try:
        with doors.service(f"sqlite:///{tmp_path / 'slow.db'}", smtp) as door:
            assert doors.sign_up(door, "ada", "ada@example.org").status == 201
            taken = [_resend(door, ("ada", "nobody")[number % 2]) for number in range(100)]
            arrived = len(mail_server.messages)
    finally:
        mail_server.delay = 0.0
    p99 = sorted(taken)[98]
    print(f"\nresend while SMTP takes 3 s a letter: p99 {p99 * 1000:.0f} ms, slowest {max(taken) * 1000:.0f} ms")
    assert p99 < 0.3
    assert arrived < 100


def _resend(door: Service, name: str) -> float:
    began = time.perf_counter()
    assert call(door, "POST", "/resend-confirmation", {"email": f"{name}@example.org"}).status == 202
    taken = time.perf_counter() - began
    time.sleep(0.03)
    return taken


def test_resends_from_two_workers_stay_bounded(uri: str, smtp: dict[str, str], mail_server: MailServer, kind: str) -> None:
    """Five an hour to one address, also where two workers count at the same moment."""
    mail_server.clear()
    with doors.services(uri, smtp, count=2) as pair:
        assert doors.sign_up(pair[0], "ada", "ada@example.org").status == 201
        for _ in range(2):
            at_once(pair, lambda _, door: call(door, "POST", "/resend-confirmation", {"email": "ada@example.org"}))
        doors.wait_until_mail_is_settled(uri)
    print(f"\n[{kind}] 33 mails to one address asked for, two workers: {len(mail_server.messages)} sent")
    assert len(mail_server.messages) <= 5
