"""Turns at the processor: few hash at once, few wait, the rest is refused at once; and nothing is counted that was refused."""

import threading
import time
from pathlib import Path

import pytest
from flask import Flask

from errors import Busy
from services import hashing, passwords
from tests.conftest import settings_with
from tests.resources.conftest import app_with


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return app_with(tmp_path / "never-opened.db", HASHING_CONCURRENCY="1")


def hold(turns: hashing.Turns, until: threading.Event) -> threading.Thread:
    """Somebody who has a turn until then; returns once it is taken."""
    taken = threading.Event()

    def hash_slowly() -> None:
        turns.take()
        taken.set()
        until.wait(10)
        turns.running.release()

    thread = threading.Thread(target=hash_slowly)
    thread.start()
    assert taken.wait(5)
    return thread


def take_and_give_back(turns: hashing.Turns) -> None:
    turns.take()
    turns.running.release()


def test_the_queue_is_short_and_the_rest_is_refused_at_once() -> None:
    turns, until = hashing.Turns(1), threading.Event()
    holder = hold(turns, until)
    waiting = [threading.Thread(target=take_and_give_back, args=[turns]) for _ in range(turns.most_waiting)]
    for thread in waiting:
        thread.start()
    while turns.waiting < turns.most_waiting:
        time.sleep(0.01)
    began = time.perf_counter()
    with pytest.raises(Busy):
        turns.take()
    assert time.perf_counter() - began < 0.5
    until.set()
    for thread in (holder, *waiting):
        thread.join(5)
    assert turns.waiting == 0
    turns.take()


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.05)
    turns, until = hashing.Turns(1), threading.Event()
    holder = hold(turns, until)
    with pytest.raises(Busy):
        turns.take()
    assert turns.waiting == 0
    until.set()
    holder.join(5)
    turns.take()


def test_a_turn_inside_a_turn_is_the_same_one(app: Flask) -> None:
    with app.app_context(), hashing.turn():
        assert passwords.matches(passwords.hashed("correct-horse-battery"), "correct-horse-battery")


def test_a_turn_is_given_back_also_after_a_fault(app: Flask) -> None:
    with app.app_context():
        for _ in range(3):
            with pytest.raises(ZeroDivisionError), hashing.turn():
                raise ZeroDivisionError
        passwords.hashed("correct-horse-battery")


@pytest.mark.parametrize(("cores", "workers", "turns"), [(1, 1, 1), (2, 1, 1), (2, 4, 1), (8, 1, 4), (16, 2, 4), (16, 3, 2)])
def test_half_of_a_workers_share_of_the_processors_hashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, workers: int, turns: int
) -> None:
    monkeypatch.setattr("config.processors", lambda: cores)
    with app_with(tmp_path / "never-opened.db", WEB_CONCURRENCY=str(workers)).app_context():
        assert hashing.concurrency() == turns


def test_the_setting_decides_where_it_is_given() -> None:
    assert settings_with(HASHING_CONCURRENCY="3").hashing_concurrency == 3
