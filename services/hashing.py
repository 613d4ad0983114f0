"""Turns at the processor for password hashes: a flood of sign-ins never starves those who are signed in.

bcrypt releases the interpreter's lock, so without a bound as many hashes run as there are threads, and every other
answer waits. Here a few run at once, a few more wait for a moment, and the rest is refused in milliseconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import BoundedSemaphore, Lock

from flask import current_app

from errors import Busy
from extensions import settings
from services import metrics

QUEUE_PER_TURN = 3
"""Enough to hash for a second, after which those who were refused come back; and of eight threads, half are left."""
WAIT_SECONDS = 3.0
_has_turn: ContextVar[bool] = ContextVar("has_turn", default=False)


class Turns:
    """One process's: how many hashes may run, and how many callers wait."""

    def __init__(self, at_once: int) -> None:
        self.running = BoundedSemaphore(at_once)
        self.most_waiting = QUEUE_PER_TURN * at_once
        self.waiting = 0
        self.lock = Lock()

    def take(self) -> None:
        """Raises Busy where the queue is full, or the wait too long."""
        if self.running.acquire(blocking=False):
            return
        with self.lock:
            if self.waiting >= self.most_waiting:
                raise Busy
            self.waiting += 1
        metrics.add("latchkey_hashes_waiting")
        try:
            if not self.running.acquire(timeout=WAIT_SECONDS):
                raise Busy
        finally:
            metrics.add("latchkey_hashes_waiting", by=-1)
            with self.lock:
                self.waiting -= 1


@contextmanager
def turn() -> Iterator[None]:
    """Whoever hashes holds one; who counts a guess takes it before, so that none is counted that is not looked at."""
    if _has_turn.get():
        yield
        return
    turns = _turns()
    try:
        turns.take()
    except Busy:
        metrics.add("latchkey_hashes_refused_total")
        raise
    token = _has_turn.set(True)
    metrics.add("latchkey_hashes_running")
    try:
        yield
    finally:
        metrics.add("latchkey_hashes_running", by=-1)
        _has_turn.reset(token)
        turns.running.release()


def _turns() -> Turns:
    found: Turns = current_app.extensions.setdefault("hashing", Turns(concurrency()))
    return found


def concurrency() -> int:
    """As set, else half of this worker's share of the processors, so that the other half answers everybody else."""
    chosen = settings()
    return chosen.hashing_concurrency or max(1, chosen.share // 2)
