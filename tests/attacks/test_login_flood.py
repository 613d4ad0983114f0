"""A hundred people sign in at once: hashing stays bounded, its processors stay busy, and everybody else is answered."""

import http.client
import os
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import bcrypt
import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.conftest import HASHPW
from tests.parts.service import Service
from tests.parts.smtp import MailServer

pytestmark = pytest.mark.alone
PEOPLE = 100
WORKERS = 2
SECONDS = 12.0
LEAST_GOODPUT = 0.65
"""The hundred callers run on the same processors: 0.73 to 0.87 was seen, by the pace of the machine."""
LONGEST_P99 = 1.0
PRODUCTION = {"FLASK_ENV": "production", "WEB_CONCURRENCY": str(WORKERS), "HASHING_CONCURRENCY": "1", "BCRYPT_LOG_ROUNDS": "12"}


@dataclass
class Flood:
    """When sign-ins came through, how many were told to come back, and how long `/healthz` took meanwhile."""

    done: list[float] = field(default_factory=list)
    busy: int = 0
    strange: list[Answer] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sign_in(self, door: Service, until: float, number: int) -> None:
        """Again and again, as patient people do: whoever is told to come back does so then, or a little later."""
        while time.monotonic() < until:
            answer = doors.login(door, "ada")
            with self.lock:
                if answer.status == 200:
                    self.done += [time.monotonic()] * (time.monotonic() < until)
                elif (answer.status, answer.code) == (503, "busy"):
                    self.busy += 1
                else:
                    self.strange.append(answer)
            if answer.status != 200:
                time.sleep(float(answer.headers.get("Retry-After", 1)) + 2 * number / PEOPLE)

    def look(self, door: Service, until: float) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            assert call(door, "GET", "/healthz").status == 200
            self.waits.append(time.monotonic() - began)
            time.sleep(0.05)


@pytest.fixture
def door(in_production: Callable[..., Service]) -> Service:
    return in_production(**PRODUCTION)


def _hash_seconds(at_once: int = 1) -> float:
    """What a hash takes where so many run at once, on processors that do nothing else."""

    def taken(_: int) -> list[float]:
        moments = [time.monotonic()]
        for _ in range(6):
            HASHPW(b"x" * 64, bcrypt.gensalt(12))
            moments.append(time.monotonic())
        return [later - earlier for earlier, later in pairwise(moments)]

    with ThreadPoolExecutor(at_once) as pool:
        return statistics.median(one for some in pool.map(taken, range(at_once)) for one in some)


def test_a_hundred_sign_ins_at_once_keep_hashing_busy_and_nobody_else_waiting(door: Service, mail_server: MailServer) -> None:
    """Once more where it is below, since other work in these seconds takes from the hashing and not from what it could do."""
    doors.account(door, mail_server, "ada")
    assert doors.login(door, "ada").status == 200
    goodput, p99 = _flooded(door)
    if goodput < LEAST_GOODPUT or p99 >= LONGEST_P99:
        goodput, p99 = _flooded(door)
    assert goodput >= LEAST_GOODPUT
    assert p99 < LONGEST_P99


def _flooded(door: Service) -> tuple[float, float]:
    """How much of what hashing could do came through, and the 99th percentile of the seconds that `/healthz` took."""
    at_once = min(len(os.sched_getaffinity(0)), WORKERS)
    before, flood, start = _hash_seconds(at_once), Flood(), time.monotonic()
    until = start + SECONDS
    with ThreadPoolExecutor(PEOPLE + 1) as pool:
        looking = pool.submit(flood.look, door, until)
        people = [pool.submit(flood.sign_in, door, until, number) for number in range(PEOPLE)]
    for one in (looking, *people):
        one.result()
    most = at_once / statistics.mean((before, _hash_seconds(at_once)))  # the machine's pace drifts
    # Up to the last that came through: what was half done at the end does not count against it.
    goodput = len(flood.done) / (max(flood.done) - start) / most
    p99 = sorted(flood.waits)[len(flood.waits) * 99 // 100]
    done = f"{len(flood.done)} signed in, {flood.busy} told to come back"
    print(f"\n{PEOPLE} at once: {done}; goodput {goodput:.2f} of {most:.1f}/s")
    print(f"/healthz meanwhile: p99 {p99 * 1000:.0f} ms of {len(flood.waits)}")
    assert flood.strange == []
    return goodput, p99


def test_a_password_of_a_megabyte_is_refused_before_it_is_hashed(door: Service) -> None:
    connection: http.client.HTTPConnection = doors.connected(door)
    began = time.monotonic()
    assert call(connection, "POST", "/login", {"username": "ada", "password": "x" * 2**20}).status == 413
    long = call(door, "POST", "/login", {"username": "ada", "password": "x" * 60000})
    taken = time.monotonic() - began
    print(f"\na password of 1 MB and one of 60 kB: {taken * 1000:.0f} ms")
    assert (long.status, long.code) == (422, "validation_failed")
    assert taken < _hash_seconds()
