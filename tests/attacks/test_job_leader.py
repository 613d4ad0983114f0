"""Several workers share the scheduled work, and the one that is at it is killed: each piece is done once, and soon."""

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from services import clock
from tests.attacks import doors, rows
from tests.parts.service import Service, copy_of_the_project
from tests.parts.smtp import MailServer

WORKERS = 4
PERIOD = 1.0
LEASE_SECONDS = 10  # ten times MAIL_TIMEOUT
SLACK = 4.0
"""Seconds that a busy machine may take on top."""
OVER = 20000
KEPT = 300
LETTERS = 8
HURRIED = """

# Added by the test: every turn comes within a second, and says when it begins and ends.
IDLE_SECONDS = CLEAR_OUT_SECONDS = 1
_quiet_run = _run


def _run(app, work):
    log.info("%s begins", work.__name__)
    _quiet_run(app, work)
    log.info("%s ends", work.__name__)
"""
PRODUCTION = {"FLASK_ENV": "production", "BCRYPT_LOG_ROUNDS": "10", "WEB_CONCURRENCY": str(WORKERS)}


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with jobs that come round every second."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("hurried") / "project")
    with (folder / "jobs.py").open("a") as file:
        file.write(HURRIED)
    return folder


@pytest.fixture
def workers(uri: str, smtp: dict[str, str], mail_server: MailServer, hurried: Path) -> Iterator[list[Service]]:
    mail_server.clear()
    changes = {"BASE_URL": "http://127.0.0.1:5000", "MAIL_TIMEOUT": "1", "SQLITE_SYNCHRONOUS": "NORMAL"}
    with ExitStack() as stack:
        started = [Service(doors.environment_of(uri, smtp) | changes, hurried) for _ in range(WORKERS)]
        yield [stack.enter_context(worker) for worker in started]


def test_the_work_of_a_killed_worker_is_taken_over_and_done_once(
    workers: list[Service], uri: str, mail_server: MailServer, kind: str
) -> None:
    engine, now = doors.engine_of(uri), clock.now()
    idle, over = now - timedelta(hours=2), now - timedelta(days=3)
    rows.people(engine, 100, now)
    rows.sessions(engine, KEPT, 100, now)
    rows.sessions(engine, KEPT, 100, now, now)  # ended, but its tokens have not expired yet
    counts = {
        "end_idle": lambda: _count(uri, "ended_at IS NULL AND last_activity <= :then", then=idle),
        "clear_out": lambda: _count(uri, "refreshed_at <= :then", then=over),
    }
    for job, ended in {"end_idle": None, "clear_out": over}.items():
        used = ended or idle
        left = _killed_in_the_midst(workers, lambda: rows.sessions(engine, OVER, 100, used, ended), counts[job])  # noqa: B023
        _check_taken_over(workers[1:], job, left, counts[job], kind)
        workers[0].start()
    engine.dispose()
    live, everything = _count(uri, "ended_at IS NULL"), _count(uri, "1 = 1")
    print(f"[{kind}] unexpired sessions ended {KEPT - live}, deleted {2 * KEPT + OVER - everything}")
    assert (live, everything) == (KEPT, 2 * KEPT + OVER)
    _check_letters(workers, uri, mail_server, kind)


def _killed_in_the_midst(workers: Sequence[Service], seed: Callable[[], None], left: Callable[[], int]) -> int:
    """Only the first worker is awake when the work appears, and it is killed at it; returns how much is left undone."""
    with _held_back(workers[1:]):
        seed()
        _until(lambda: 0 < left() < OVER)
        workers[0].kill()
        time.sleep(0.3)  # by now the database has committed or rolled back what it was sent last
        return left()


def _check_taken_over(workers: Sequence[Service], job: str, left: int, count: Callable[[], int], kind: str) -> None:
    began = time.monotonic()
    _until(lambda: count() < left)
    seconds = time.monotonic() - began
    _until(lambda: count() == 0)
    _until(lambda: _done(workers, job) >= left, 10)
    time.sleep(0.5)
    done, lost = _done(workers, job), sum(worker.output.count("a job ") for worker in workers)
    print(
        f"\n[{kind}] {job}: the worker at it killed with {left} of {OVER} left; taken over after {seconds:.1f} s"
        f" (period {PERIOD:.0f} s), the others did {done}; turns that met a fault {lost}"
    )
    assert done == left
    assert seconds < PERIOD + SLACK


def _done(workers: Sequence[Service], job: str) -> int:
    """How many rows these workers say they have changed."""
    return sum(int(number) for worker in workers for number in re.findall(rf" {job}: (\d+)", worker.output))


def _check_letters(workers: Sequence[Service], uri: str, mail: MailServer, kind: str) -> None:
    """Killed in the middle of a hand-over: the letters that wait go within a period, the held one after its lease."""
    mail.delay = 0.5
    with _held_back(workers[1:]):
        for number in range(LETTERS):
            assert doors.sign_up(workers[0], f"ada{number}", f"ada{number}@example.org").status == 201
        mail.wait_for(3)
        workers[0].kill()
        mail.delay = 0.0
        held = doors.look(uri, "SELECT count(*) FROM letters WHERE lease_id IS NOT NULL")[0][0]
    began, arrived = time.monotonic(), len(mail.messages)
    _until(lambda: len(mail.messages) > arrived)
    first = time.monotonic() - began
    doors.wait_until_mail_is_settled(uri, LEASE_SECONDS + 40)
    last = time.monotonic() - began
    print(
        f"[{kind}] mail: {held} letters held when killed; the next went after {first:.1f} s, the held ones by {last:.1f} s"
        f" (lease {LEASE_SECONDS} s); {_told(mail)}"
    )
    _check_sent_once(uri, mail, LETTERS, held)
    assert held >= 1
    assert first < PERIOD + SLACK
    assert last < LEASE_SECONDS + PERIOD + SLACK


def _check_sent_once(uri: str, mail: MailServer, count: int, held: int) -> None:
    """Each letter once; one twice only where it was held, and then under the same id."""
    ids = {(received.recipients[0], received.message["Message-ID"]) for received in mail.messages}
    arrived = Counter(received.recipients[0] for received in mail.messages)
    assert len(arrived) == len(ids) == count
    assert sum(arrived.values()) - count <= held
    assert doors.look(uri, "SELECT state, count(*) FROM letters GROUP BY state") == [("sent", count)]
    assert doors.look(uri, "SELECT count(*) FROM tickets WHERE purpose = 'confirm'") == [(count,)]


def _told(mail: MailServer) -> str:
    arrived = Counter(received.recipients[0] for received in mail.messages)
    return f"arrived {len(arrived)}, handed over twice {sum(arrived.values()) - len(arrived)}"


@contextmanager
def _held_back(workers: Sequence[Service]) -> Iterator[None]:
    """Puts these workers to sleep, each between two turns, when it holds no lock."""
    try:
        for worker in workers:
            while not _asleep(worker):
                os.kill(worker.pid, signal.SIGCONT)
                time.sleep(0.05)
        yield
    finally:
        for worker in workers:
            os.kill(worker.pid, signal.SIGCONT)


def _asleep(worker: Service) -> bool:
    """Whether it was stopped outside of its turns."""
    os.kill(worker.pid, signal.SIGSTOP)
    time.sleep(0.05)  # the signal takes effect a little later
    said = worker.output
    return said.count(" begins") == said.count(" ends") > 0


def _until(reached: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"it did not come to that in {seconds} s"
        time.sleep(0.005)


def _count(uri: str, condition: str, **values: object) -> int:
    return int(doors.look(uri, f"SELECT count(*) FROM sessions WHERE {condition}", **values)[0][0])


def test_gunicorn_replaces_a_killed_worker_and_no_letter_is_lost(
    smtp: dict[str, str], mail_server: MailServer, tmp_path: Path
) -> None:
    mail_server.clear()
    mail_server.delay = 0.5
    uri = f"sqlite:///{tmp_path / 'gunicorn.db'}"
    with doors.service(uri, smtp, **PRODUCTION, MAIL_TIMEOUT="1") as door:
        for number in range(LETTERS):
            assert doors.sign_up(door, f"bea{number}", f"bea{number}@example.org").status == 201
        mail_server.wait_for(2)
        before = _children(door.pid)
        began = time.monotonic()
        os.kill(min(before), signal.SIGKILL)
        mail_server.delay = 0.0
        held = doors.look(uri, "SELECT count(*) FROM letters WHERE lease_id IS NOT NULL")[0][0]
        _until(lambda: len(_children(door.pid) - before) == 1)
        seconds = time.monotonic() - began
        doors.wait_until_mail_is_settled(uri, LEASE_SECONDS + 40)
        statuses = {doors.sign_up(door, f"bea{number}", "bea@example.org").status for number in range(2 * WORKERS)}
    print(f"\none of {WORKERS} gunicorn workers killed: replaced in {seconds:.2f} s; {_told(mail_server)}")
    assert len(before) == WORKERS
    assert statuses == {409}
    _check_sent_once(uri, mail_server, LETTERS, held)


def _children(process: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()}
