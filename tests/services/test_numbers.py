"""Numbers that processes share: each adds, all are seen, and what dies leaves its counts to the next."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from services import metrics, numbers
from services.numbers import BLOCK, Numbers
from tests.parts.scrape import Scrape

SERIES = ("latchkey_example_total", "a")
CONTEXT = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = tmp_path / "numbers"
    numbers.make_room(str(made), 4)
    return str(made)


def told(mine: Numbers) -> list[tuple[float, bool]]:
    return [(value, lives) for series, value, lives in mine.every() if series == SERIES]


class Process:
    """Another process with a block of its own, which does what it is told."""

    def __init__(self, path: str, *, before: Callable[[Numbers], None]) -> None:
        self.pipe, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_obey, args=(path, theirs, before), daemon=True)
        self.process.start()
        assert self.pipe.recv() == "ready"

    def kill(self) -> None:
        assert self.process.pid
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def _obey(path: str, pipe: Any, before: Callable[[Numbers], None]) -> None:
    metrics._mine = None  # as `metrics` does in a fork
    metrics._mine = mine = Numbers(path)
    metrics.end_what_was_left(mine)
    before(mine)
    pipe.send("ready")
    signal.pause()


def add(amount: float) -> Callable[[Numbers], None]:
    return lambda mine: mine.add(SERIES, amount)


def test_processes_add_up_and_what_dies_leaves_its_count_to_the_next(path: str) -> None:
    mine = Numbers(path)
    mine.add(SERIES, 1)
    first, second = (Process(path, before=add(amount)) for amount in (10, 100))
    assert sorted(told(mine)) == [(1, True), (10, True), (100, True)]
    assert mine.living() == 3
    first.kill()
    assert sorted(told(mine)) == [(1, True), (10, False), (100, True)]
    third = Process(path, before=add(1000))
    assert sorted(told(mine)) == [(1, True), (100, True), (1010, True)], "it goes on where the dead one ended"
    second.kill()
    third.kill()
    assert sum(value for value, _ in told(mine)) == 1111
    assert mine.living() == 1


def test_one_too_many_counts_by_itself(path: str) -> None:
    four = [Process(path, before=add(1)) for _ in range(4)]
    mine = Numbers(path)
    mine.add(SERIES, 5)
    assert told(mine) == [(5, True)]
    for process in four:
        process.kill()


def test_threads_lose_nothing(path: str) -> None:
    mine = Numbers(path)

    def add_often(_: int) -> None:
        for _ in range(2000):
            mine.add(SERIES, 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_often, range(8)))
    assert told(mine) == [(16000, True)]


@pytest.mark.parametrize("shared", [True, False])
def test_a_full_block_takes_no_more_series_and_spoils_none(path: str, shared: bool) -> None:
    mine = Numbers(path if shared else None)
    for number in range(BLOCK // 32):
        mine.add((f"latchkey_{number}_total", "ä" * 20), number)
    found = {series: value for series, value, _ in mine.every()}
    assert 1000 < len(found) < BLOCK // 32
    assert all(value == float(series[0].split("_")[1]) for series, value in found.items())
    mine.add(("latchkey_7_total", "ä" * 20), 1)
    assert {series: value for series, value, _ in mine.every()}[("latchkey_7_total", "ä" * 20)] == 8


def test_without_room_nothing_is_shared(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        numbers.make_room(str(tmp_path / "nowhere" / "numbers"), 4)


def hashes_running() -> float:
    return Scrape(metrics.text({})).value("latchkey_hashes_running")


def test_what_a_killed_process_was_doing_is_over(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count would stay, but nobody hashes there any more; nor does its successor."""

    def hash_for_ever(mine: Numbers) -> None:
        metrics.add("latchkey_hashes_running")

    monkeypatch.setattr(metrics, "_mine", Numbers(path))
    before = hashes_running()
    busy = Process(path, before=hash_for_ever)
    assert hashes_running() == before + 1
    busy.kill()
    assert hashes_running() == before
    successor = Process(path, before=add(0))
    assert hashes_running() == before
    successor.kill()
