"""Honest people for a long time: what the workers hold of memory, descriptors and threads stays as it is after a while."""

import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.parts.load import looping
from tests.parts.service import Service
from tests.parts.smtp import MailServer

PEOPLE = 6
BUSY = 0.8
"""The share of the time in which each of them waits for an answer."""
EVERY_SECONDS = 2.0
MOST_MIB, MOST_DESCRIPTORS, MOST_THREADS = 6.0, 4, 2
"""By which a worker may differ at the end from what it was after the first third."""
PRODUCTION = {
    "FLASK_ENV": "production",
    "BCRYPT_LOG_ROUNDS": "10",
    "WEB_CONCURRENCY": "2",
    "RATELIMIT_DEFAULT": "10000000 per day",
}


@dataclass
class Held:
    """What a worker held, sample by sample."""

    mib: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def growth(self) -> tuple[float, float, float]:
        """From the third sixth of the time to the last."""
        return _growth(self.mib), _growth(self.descriptors), _growth(self.threads)


def _sixths(samples: list[float] | list[int]) -> list[float]:
    """The median of each sixth of the time."""
    return [statistics.median(samples[len(samples) * part // 6 : len(samples) * (part + 1) // 6]) for part in range(6)]


def _growth(samples: list[float] | list[int]) -> float:
    sixths = _sixths(samples)
    return sixths[5] - sixths[2]


@pytest.fixture
def door(in_production: Callable[..., Service]) -> Service:
    return in_production(**PRODUCTION)


@pytest.mark.timeout(5000)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc, which only Linux has")
def test_a_long_time_of_load_leaves_memory_and_descriptors_flat(
    door: Service, mail_server: MailServer, request: pytest.FixtureRequest
) -> None:
    seconds = 3600 if request.config.getoption("--long") else 300
    for number in range(PEOPLE):
        doors.account(door, mail_server, f"soak{number}")
    stop = threading.Event()
    people = [Person(door, f"soak{number}", stop) for number in range(PEOPLE)]
    workers = _workers(door.pid)
    with looping([person.live for person in people], stop):
        held = _watched(workers, people, seconds)
    assert [answer for person in people for answer in person.failed] == []
    for pid, one in held.items():
        mib, descriptors, threads = one.growth()
        print(f"\nworker {pid}: {mib:+.1f} MiB, {descriptors:+.0f} descriptors, {threads:+.0f} threads")
        print(f"MiB by sixths of the time: {', '.join(f'{part:.1f}' for part in _sixths(one.mib))}")
    print(f"{sum(person.calls for person in people)} calls in {seconds} s")
    assert _workers(door.pid) == workers, "a worker was replaced"
    grown = [one.growth() for one in held.values()]
    assert [one for one in grown if one[0] > MOST_MIB or one[1] > MOST_DESCRIPTORS or one[2] > MOST_THREADS] == []


def _workers(master: int) -> list[int]:
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [int(pid) for pid in children if b"multiprocessing" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _watched(workers: list[int], people: list["Person"], seconds: float) -> dict[int, Held]:
    """Ends early where somebody was refused: idle workers prove nothing."""
    held = {pid: Held() for pid in workers}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not any(person.failed for person in people):
        for pid, one in held.items():
            one.mib.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)
            one.descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))
            one.threads.append(len(os.listdir(f"/proc/{pid}/task")))
        time.sleep(EVERY_SECONDS)
    return held


@dataclass
class Person:
    """Signs in, looks around for a while, changes the profile, refreshes, signs out, and again."""

    door: Service
    name: str
    stop: threading.Event
    calls: int = 0
    failed: list[Answer] = field(default_factory=list)

    def live(self) -> None:
        while not self.stop.is_set() and not self.failed:
            answer = doors.login(self.door, self.name)
            if answer.status == 503 and answer.code == "busy":  # as it should be where six sign in at once
                self.stop.wait(float(answer.headers["Retry-After"]))
            elif answer.status == 200:
                self._stay(answer.json)
            else:
                self.failed.append(answer)

    def _stay(self, tokens: dict[str, str]) -> None:
        for turn in range(40):
            access = tokens["access_token"]
            for path in ("/profile", "/sessions", "/security-events", "/mfa"):
                self._ask("GET", path, token=access)
            self._ask("PUT", "/profile", {"first_name": f"Ada {turn}"}, access)
            answer = self._ask("POST", "/refresh", token=tokens["refresh_token"])
            if self.stop.is_set() or self.failed:
                return
            tokens = answer.json
        self._ask("POST", "/logout", token=tokens["access_token"])

    def _ask(self, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        began = time.monotonic()
        answer = call(self.door, method, path, body, token)
        self.calls += 1
        if answer.status >= 400:
            self.failed.append(answer)
        self.stop.wait((time.monotonic() - began) * (1 / BUSY - 1))
        return answer
