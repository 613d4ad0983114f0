"""Somebody who never stops: refreshes on every door at once, uses what is minted, and keeps all of it."""

import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.attacks.doors import Answer, call
from tests.parts.service import Service


@dataclass(frozen=True)
class Minted:
    """A pair of tokens; the moments when it was asked for and answered, by `time.monotonic`."""

    access: str
    refresh: str
    asked: float
    answered: float


def refresh_until(
    doors: Sequence[Service], tokens: dict[str, Any], stop: threading.Event, keep: list[Minted] | None = None
) -> list[Minted]:
    """Refreshes from `tokens` on until `stop`, as one tab at each door does, and uses every access token elsewhere.

    Both tabs send the same refresh token at the same moment, so that the grace is in play too. A refusal ends nothing:
    the tokens that were good last are tried again and again, in the hope that one is taken after all.
    """
    minted = [] if keep is None else keep
    present = tokens["refresh_token"]
    with ThreadPoolExecutor(len(doors)) as tabs:
        while not stop.is_set():
            found = [pair for pair in tabs.map(lambda turn: _turn(doors, *turn), enumerate([present] * len(doors))) if pair]
            minted.extend(found)
            present = found[0].refresh if found else present
    return minted


def _turn(doors: Sequence[Service], index: int, token: str) -> Minted | None:
    asked = time.monotonic()
    answer = _asked(doors[index], "POST", "/refresh", token)
    if answer is None or answer.status != 200:
        return None
    pair = Minted(answer.json["access_token"], answer.json["refresh_token"], asked, time.monotonic())
    _asked(doors[index - 1], "GET", "/profile", pair.access)
    return pair


def _asked(door: Service, method: str, path: str, token: str) -> Answer | None:
    """None where the connection broke: what the tests stop and kill is no answer."""
    try:
        return call(door, method, path, token=token)
    except (OSError, http.client.HTTPException):
        return None


@contextmanager
def refreshing(doors: Sequence[Service], tokens: dict[str, Any], after: int) -> Iterator[list[Minted]]:
    """Runs the loop beside the body, which begins once `after` pairs were minted; the list grows meanwhile."""
    minted: list[Minted] = []
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        loop = pool.submit(refresh_until, doors, tokens, stop, minted)
        try:
            _wait_for(lambda: len(minted) >= after or loop.done())
            yield minted
        finally:
            stop.set()
            loop.result()


def _wait_for(reached: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"the loop did not get that far in {seconds} s"
        time.sleep(0.005)


def accepted_after(doors: Sequence[Service], minted: Iterable[Minted]) -> int:
    """How many of these tokens any door still takes; at best 0."""
    pairs = list(minted)
    access = {(door.port, pair.access): door for door in doors for pair in pairs}
    refresh = {(door.port, pair.refresh): door for door in doors for pair in pairs}
    with ThreadPoolExecutor(8) as pool:
        used = pool.map(lambda item: call(item[1], "GET", "/profile", token=item[0][1]), access.items())
        taken = sum(_is_taken(answer) for answer in used)
        renewed = pool.map(lambda item: call(item[1], "POST", "/refresh", token=item[0][1]), refresh.items())
        return taken + sum(_is_taken(answer) for answer in renewed)


def _is_taken(answer: Answer) -> bool:
    """A refusal must be one: a fault of the service proves nothing."""
    assert answer.status in (200, 401), answer
    return answer.status == 200
