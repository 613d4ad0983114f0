"""The database goes away under load and comes back: 503 meanwhile, no token, nothing lost, and back by itself."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.conftest import start_database
from tests.parts.revivable import Revivable
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

pytestmark = pytest.mark.alone
CALLERS = 4
BACK_SECONDS = 5


@dataclass(frozen=True)
class Seen:
    """An answer, and when its call began and ended."""

    asked: float
    answered: float
    answer: Answer


def use(door: Service, name: str, stop: threading.Event) -> list[Seen]:
    """Reads, refreshes and signs in by turns; keeps the tokens of the last refresh that succeeded."""
    seen: list[Seen] = []
    tokens: dict[str, Any] = doors.login(door, name).json
    while not stop.is_set():
        for method, path, token, body in (
            ("GET", "/profile", tokens["access_token"], None),
            ("POST", "/refresh", tokens["refresh_token"], None),
            ("POST", "/login", None, {"username": name, "password": PASSWORD}),
        ):
            began = time.monotonic()
            answer = call(door, method, path, body, token)
            seen.append(Seen(began, time.monotonic(), answer))
            if path == "/refresh" and answer.status == 200:
                tokens = answer.json
    return seen


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_it_is_503_while_the_database_is_gone_and_back_at_once(
    kind: str, tmp_path: Path, smtp: dict[str, str], mail_server: MailServer, request: pytest.FixtureRequest
) -> None:
    mail_server.clear()
    gone_for = 30 if request.config.getoption("--long") else 5
    with ExitStack() as stack:
        uri = start_database(stack, kind, tmp_path)
        database = Revivable(kind, urlsplit(uri).port or 0)
        stack.callback(database.end)
        door = stack.enter_context(doors.service(uri, smtp, **doors.PRODUCTION, REFRESH_REUSE_SECONDS="120"))
        people = [f"caller{number}" for number in range(CALLERS)]  # a sign-in that breaks off counts as a guess
        for name in people:
            doors.account(door, mail_server, name)
        over = threading.Event()
        with ThreadPoolExecutor(CALLERS) as pool:
            loops = [pool.submit(use, door, name, over) for name in people]
            time.sleep(2)
            stopping = time.monotonic()
            database.stop()
            stopped = time.monotonic()
            time.sleep(gone_for)
            reviving = time.monotonic()
            database.revive()
            up = _when_up(database)
            time.sleep(BACK_SECONDS + 1)
            over.set()
            seen = [one for loop in loops for one in loop.result()]
        doors.account(door, mail_server, "late")
        assert doors.login(door, "late").status == 200
    _judged(kind, seen, (stopping, stopped, reviving, up))


def _when_up(database: Revivable) -> float:
    """The moment when it takes connections again."""
    while True:
        try:
            database._pid_file()
        except Exception:  # noqa: BLE001 - whatever the driver raises, it is not there yet
            time.sleep(0.02)
        else:
            return time.monotonic()


def _judged(kind: str, seen: list[Seen], moments: tuple[float, float, float, float]) -> None:
    stopping, stopped, reviving, up = moments
    during = [one.answer for one in seen if one.asked > stopped and one.answered < reviving]
    whole = [one for one in seen if one.answered < stopping or one.asked > up + BACK_SECONDS]
    slowest = max(one.answered - one.asked for one in seen)
    back = min(one.answered for one in seen if one.asked > reviving and one.answer.status == 200) - up
    last = max((one.answered for one in seen if one.answer.status == 503), default=up) - up
    print(
        f"\n[{kind}] gone for {reviving - stopped:.1f} s: {dict(Counter(answer.status for answer in during))}; first 200"
        f" {back:.2f} s and last 503 {last:.2f} s after it was up; of {len(seen)} calls the slowest {slowest:.2f} s"
    )
    assert len(during) > 20
    assert {(answer.status, answer.code) for answer in during} == {(503, "unavailable")}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in during)
    assert not [answer for answer in during if b"_token" in answer.raw or "Set-Cookie" in answer.headers]
    assert {one.answer.status for one in seen} == {200, 503}
    assert {one.answer.status for one in whole} == {200}
    assert back < BACK_SECONDS
