"""One limit over four workers and a restart, by Redis; and what holds while Redis is gone."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from tests.attacks import doors
from tests.attacks.doors import Answer, at_once, call
from tests.conftest import refuse_or_skip
from tests.parts.load import looping
from tests.parts.missing import Missing
from tests.parts.redis import redis
from tests.parts.service import Service
from tests.parts.smtp import MailServer

WORKERS = 4
LIMIT = 20
PRODUCTION = {
    "FLASK_ENV": "production",
    "BCRYPT_LOG_ROUNDS": "10",
    "WEB_CONCURRENCY": str(WORKERS),
    "RATELIMIT_SENSITIVE": f"{LIMIT} per hour",
}


@contextmanager
def started(folder: Path, port: int | None = None) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(redis(folder, port))
        except Missing as missing:
            refuse_or_skip(missing)


@pytest.fixture
def serve(tmp_path: Path, smtp: dict[str, str]) -> Iterator[Callable[..., Service]]:
    """Starts four workers on SQLite."""
    with ExitStack() as stack:

        def start(**changes: str) -> Service:
            door = doors.service(f"sqlite:///{tmp_path / 'limits.db'}", smtp, **PRODUCTION | changes)
            stack.enter_context(door)
            time.sleep(1)  # the first worker answers before the others are there
            return door

        yield start


def served(door: Service, count: int, path: str = "/login") -> int:
    """How many of so many calls at once, each over a connection of its own, were not refused by the limit."""
    answers: list[Answer] = []
    while len(answers) < count:
        answers += at_once([door], lambda _, line: call(line, "POST", path), min(16, count - len(answers)))
    assert {answer.status for answer in answers} <= {422, 429}
    return sum(answer.status == 422 for answer in answers)


def test_four_workers_and_a_restart_share_one_limit(serve: Callable[..., Service], tmp_path: Path) -> None:
    apart = serve()
    alone = max(served(apart, 5 * LIMIT, path) for path in ("/login", "/send-otp", "/verify-otp", "/forgot-password"))
    apart.stop()
    with started(tmp_path) as uri:
        door = serve(RATELIMIT_STORAGE_URI=uri)
        before = served(door, LIMIT // 2)
        door.restart()
        after = served(door, 5 * LIMIT)
    print(f"\n{WORKERS} workers, limit {LIMIT}: each for itself {alone} served; with Redis {before}, after a restart {after}")
    assert alone > LIMIT, "the control: several workers were asked"
    assert before + after == LIMIT


def test_four_workers_count_a_session_together_and_a_flood_of_bad_tokens_does_not_touch_it(
    serve: Callable[..., Service], tmp_path: Path, mail_server: MailServer
) -> None:
    mail_server.clear()
    with started(tmp_path) as uri:
        door = serve(RATELIMIT_STORAGE_URI=uri, RATELIMIT_SIGNED_IN=f"{LIMIT} per hour", RATELIMIT_DEFAULT="30 per hour")
        doors.account(door, mail_server, "ada")
        access, other = (doors.login(door, "ada").json["access_token"] for _ in range(2))
        bad = ["x.y.z", access[:-2] + ("AA" if access[-2:] != "AA" else "BB")]
        flood = at_once([door], lambda index, line: call(line, "GET", "/profile", token=bad[index % 2]), 16)
        while len(flood) < 5 * LIMIT:
            flood += at_once([door], lambda index, line: call(line, "GET", "/profile", token=bad[index % 2]), 16)
        mine = [
            answer
            for _ in range(4)
            for answer in at_once([door], lambda _, line: call(line, "GET", "/profile", token=access), 16)
        ]
        refused = sum(answer.status == 401 for answer in flood)
        served = sum(answer.status == 200 for answer in mine)
        print(f"\nof {len(flood)} bad tokens {refused} were judged; of {len(mine)} calls of a session {served} were served")
        assert (refused, served) == (30, LIMIT)
        assert {answer.status for answer in flood + mine} == {200, 401, 429}
        assert call(door, "GET", "/sessions", token=other).status == 200, "the other session has its own"


@dataclass
class Load:
    """What came of calls that never stop: of each how long it took, and what it was answered."""

    door: Service
    taken: list[float] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            for method, path in (("POST", "/login"), ("GET", "/profile")):
                began = time.monotonic()
                status = call(self.door, method, path).status
                self.taken.append(time.monotonic() - began)
                self.statuses[path, status] += 1

    @property
    def logins(self) -> int:
        return self.statuses["/login", 422]

    @property
    def faults(self) -> int:
        return sum(count for (_, status), count in self.statuses.items() if status >= 500)


@contextmanager
def under_load(door: Service, callers: int = 4) -> Iterator[Load]:
    load = Load(door)
    with looping([load.run] * callers, load.stop):
        yield load


def seconds_until(door: Service, status: str) -> float:
    """How long until every worker says so: twenty answers one after another."""
    began, alike = time.monotonic(), 0
    while alike < 20:
        answer = call(door, "GET", "/readyz")
        assert answer.status == 200, answer.raw
        alike = alike + 1 if answer.json["status"] == status else 0
        assert time.monotonic() - began < 20, answer.raw
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.alone
def test_limits_hold_while_redis_is_gone_and_are_one_again_when_it_is_back(
    serve: Callable[..., Service], tmp_path: Path
) -> None:
    with started(tmp_path / "first") as uri:
        door = serve(RATELIMIT_STORAGE_URI=uri, WEB_THREADS="4")
        seconds_until(door, "ok")
        with under_load(door) as load:
            time.sleep(1)
            before = load.logins
            Redis.from_url(uri).shutdown(nosave=True)
            noticed = seconds_until(door, "degraded")
            elsewhere = served(door, 5 * WORKERS * LIMIT, "/send-otp")
            during = load.logins - before
            with started(tmp_path / "second", urlsplit(uri).port):
                back = seconds_until(door, "ok")
                again = served(door, 5 * LIMIT, "/forgot-password")
    print(
        f"\nlogins served before Redis stopped {before}, while it was gone {during}; of a fresh limit {elsewhere}; at /readyz"
        f" after {noticed:.1f} s, back after {back:.1f} s, then {again} in all; {len(load.taken)} calls, the slowest"
        f" {max(load.taken):.2f} s, faults {load.faults}"
    )
    assert (before, again) == (LIMIT, LIMIT)
    assert during == 0, "each worker knows what Redis had counted"
    assert load.logins <= 2 * LIMIT, "it came back empty, so the limit begins anew once"
    assert elsewhere <= WORKERS * LIMIT
    assert load.faults == 0
    assert "Redis does not answer" in door.output
    assert max(noticed, back) < 5
    assert max(load.taken) < 3


def test_an_ended_session_stays_ended_whatever_redis_forgets(
    serve: Callable[..., Service], tmp_path: Path, mail_server: MailServer
) -> None:
    mail_server.clear()
    with started(tmp_path) as uri:
        door = serve(RATELIMIT_STORAGE_URI=uri)
        doors.account(door, mail_server, "ada")
        ended, live = doors.login(door, "ada").json, doors.login(door, "ada").json
        assert call(door, "POST", "/logout", token=ended["access_token"]).status == 200
        Redis.from_url(uri).flushall()
        asked = [("GET", "/profile", "access_token"), ("POST", "/refresh", "refresh_token")] * 12
        accepted = sum(call(door, method, path, token=ended[kind]).status == 200 for method, path, kind in asked)
        print(f"\nan ended session's tokens, {len(asked)} times on {WORKERS} workers after FLUSHALL: accepted {accepted}")
        assert accepted == 0
        assert call(door, "GET", "/profile", token=live["access_token"]).status == 200
