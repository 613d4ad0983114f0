"""`/metrics` over four workers: one sum, whoever answers; a worker that is killed takes nothing with it."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import at_once, call, login
from tests.attacks.town import wait_for
from tests.parts.scrape import Scrape
from tests.parts.service import Service

WORKERS = 4
FOLDER = Path("/dev/shm")
PRODUCTION = {"FLASK_ENV": "production", "BCRYPT_LOG_ROUNDS": "10", "WEB_CONCURRENCY": str(WORKERS), "HASHING_CONCURRENCY": "1"}


@pytest.fixture
def door(tmp_path: Path, smtp: dict[str, str]) -> Iterator[Service]:
    with doors.service(f"sqlite:///{tmp_path / 'counted.db'}", smtp, **PRODUCTION) as started:
        yield started


def scrape(door: Service) -> Scrape:
    answer = call(door, "GET", "/metrics")
    assert answer.status == 200, answer.raw
    return Scrape(answer.raw.decode())


def asked(door: Service) -> float:
    return scrape(door).value("latchkey_requests_total", route="/profile")


def ask(door: Service, times: int) -> None:
    for _ in range(times // 16):
        at_once([door], lambda _, line: call(line, "GET", "/profile"))


def workers_of(door: Service) -> list[int]:
    children = Path(f"/proc/{door.pid}/task/{door.pid}/children").read_text(encoding="ascii")
    return [int(pid) for pid in children.split()]


def all_at_work(door: Service) -> bool:
    ask(door, 32)
    return scrape(door).value("latchkey_workers") == WORKERS


def test_all_workers_are_one_sum_and_a_killed_one_takes_nothing_with_it(door: Service) -> None:
    wait_for(lambda: all_at_work(door))
    before = asked(door)
    ask(door, 160)
    told = {asked(door) for _ in range(20)}
    assert told == {before + 160}, "whichever worker answers"
    for pid in workers_of(door)[:2]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(workers_of(door)) == WORKERS)
    after = {asked(door) for _ in range(20)}
    print(f"\n{WORKERS} workers, 160 calls: told {told}; after two workers were killed {after}")
    assert after == told
    wait_for(lambda: all_at_work(door))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no memory file system here")
def test_no_file_is_left_behind(door: Service) -> None:
    held = {link for pid in workers_of(door) for link in _files_of(pid) if "latchkey-" in link and str(FOLDER) in link}
    wait_for(lambda: all_at_work(door))
    held |= {link for pid in workers_of(door) for link in _files_of(pid) if "latchkey-" in link and str(FOLDER) in link}
    assert len(held) == 1
    file = Path(held.pop())
    assert file.stat().st_mode & 0o077 == 0
    assert door.stop() == 0
    assert not file.exists()


def _files_of(pid: int) -> list[str]:
    """What its descriptors are, but for those that it closes meanwhile."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return found


def test_a_storm_of_logins_is_seen_and_over_when_it_is_over(door: Service) -> None:
    wait_for(lambda: all_at_work(door))
    seen: list[tuple[float, float]] = []
    with ThreadPoolExecutor(32) as pool:
        storm = [pool.submit(login, door, f"nobody{number}", "not-the-password") for number in range(160)]
        while not all(one.done() for one in storm):
            found = scrape(door)
            seen.append((found.value("latchkey_hashes_running"), found.value("latchkey_hashes_waiting")))
    refused = sum(one.result().code == "busy" for one in storm)
    after = scrape(door)
    print(f"\n160 logins by 32 on {WORKERS} workers: running, waiting at most {max(seen)}, refused {refused}")
    assert max(running for running, _ in seen) >= 1
    assert after.value("latchkey_hashes_refused_total") == after.value("latchkey_refusals_total", code="busy") == refused
    assert (after.value("latchkey_hashes_running"), after.value("latchkey_hashes_waiting")) == (0, 0)
    outcomes = after.value("latchkey_sign_ins_total", route="/login")
    assert outcomes == 160
