"""What threads share of providers: one semaphore for each, and documents that are whole."""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BoundedSemaphore, BrokenBarrierError
from typing import Any, TypeVar

import pytest

from services import openid, provider_http

Made = TypeVar("Made")
THREADS = 16


def at_once(call: Callable[[int], Made]) -> list[Made]:
    """What each of the threads was answered, all let loose together."""
    start = Barrier(THREADS)

    def run(number: int) -> Made:
        start.wait(10)
        return call(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def slow_semaphores() -> Callable[[int], BoundedSemaphore]:
    """Makes none before every thread wants one, so that all are first. (One that comes alone waits in vain, a while.)"""
    all_here = Barrier(THREADS)

    def make(places: int) -> BoundedSemaphore:
        with suppress(BrokenBarrierError):
            all_here.wait(2)
        return BoundedSemaphore(places)

    return make


def test_threads_that_are_first_together_share_one_semaphore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_http, "_askers", {})
    monkeypatch.setattr(provider_http, "BoundedSemaphore", slow_semaphores())
    assert len({id(found) for found in at_once(lambda _: provider_http._askers_of("google"))}) == 1


def test_a_dictionary_that_makes_its_own_would_give_them_several() -> None:
    """The control: as it was."""
    make = slow_semaphores()
    askers: defaultdict[str, BoundedSemaphore] = defaultdict(lambda: make(4))
    assert len({id(found) for found in at_once(lambda _: askers["google"])}) > 1


def test_a_document_is_whole_whichever_thread_fetched_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid, "_kept", {})

    def remembered(number: int) -> dict[str, Any]:
        return openid._remembered(("google", "here"), 300, lambda: {"first": number, "second": number})

    for _ in range(200):
        openid._kept.clear()
        seen = at_once(remembered)
        assert [one for one in seen if one["first"] != one["second"]] == []
        assert remembered(-1) in seen, "what stays is one of them"
