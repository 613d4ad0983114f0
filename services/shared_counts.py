"""What the limits count: in Redis for all workers and machines, or in this process's memory, also while Redis is gone.

Flask-Limiter has a fallback too. It answers 500 where a second request meets a Redis that the first one found gone, lets
requests wait for Redis again and again, and may look for up to half a minute past its return. The memory of `limits` has
no bound, and a thread looks through all of it a hundred times a second.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TypeVar

from limits.storage import RedisStorage, Storage
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError
from redis.retry import Retry

from services import clock

SCHEME = "latchkey+"
ANSWER_SECONDS = 0.3
LOOK_AGAIN_SECONDS = 1.0
MOST_KEYS = 100_000
"""In memory; beyond that the oldest are forgotten."""
T = TypeVar("T")
log = logging.getLogger(__name__)


def address(uri: str) -> str:
    """What Flask-Limiter is told, so that it finds the storages of this module."""
    return f"{SCHEME}{uri}"


@dataclass
class _Window:
    """`ends`: seconds since 1970."""

    count: int
    ends: float


class _Memory:
    """Counts of this process. While Redis answers they follow what it said, so that its loss gives nobody a new limit."""

    def __init__(self) -> None:
        self.windows: OrderedDict[str, _Window] = OrderedDict()
        self.lock = Lock()

    def add(self, key: str, expiry: int, amount: int) -> int:
        with self.lock:
            window = self._window(key) or self._begin(key, expiry)
            window.count += amount
            return window.count

    def follow(self, key: str, expiry: int, amount: int, count: int) -> None:
        """`count`: what Redis has, `amount` of it just now; where that is all, its window has just begun."""
        with self.lock:
            window = self._window(key) if count > amount else None
            (window or self._begin(key, expiry)).count = count

    def count(self, key: str) -> int:
        with self.lock:
            window = self._window(key)
            return window.count if window else 0

    def end(self, key: str) -> float:
        """When the key's window ends, seconds since 1970; now, where there is none."""
        with self.lock:
            window = self._window(key)
            return window.ends if window else clock.now().timestamp()

    def forget(self, key: str | None = None) -> None:
        """One key, or all."""
        with self.lock:
            for one in [key] if key else list(self.windows):
                self.windows.pop(one, None)

    def _window(self, key: str) -> _Window | None:
        window = self.windows.get(key)
        return window if window and window.ends > clock.now().timestamp() else None

    def _begin(self, key: str, expiry: int) -> _Window:
        self.windows.pop(key, None)
        while len(self.windows) >= MOST_KEYS:
            self.windows.popitem(last=False)
        self.windows[key] = _Window(0, clock.now().timestamp() + expiry)
        return self.windows[key]


class OwnCounts(Storage):
    """A storage of `limits` in this process's memory."""

    STORAGE_SCHEME = [f"{SCHEME}memory"]  # noqa: RUF012 - the base has it so

    def __init__(self, uri: str, **options: float | str | bool) -> None:
        super().__init__(uri, **options)  # type: ignore[arg-type]
        self.memory = _Memory()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self.memory.add(key, expiry, amount)

    def get(self, key: str) -> int:
        return self.memory.count(key)

    def get_expiry(self, key: str) -> float:
        return self.memory.end(key)

    def clear(self, key: str) -> None:
        self.memory.forget(key)

    def reset(self) -> int | None:
        self.memory.forget()
        return None

    def check(self) -> bool:
        return True


class SharedCounts(RedisStorage):
    """A storage of `limits`. The first requests that meet a silent Redis wait 0.3 s; later ones not, until it is back."""

    STORAGE_SCHEME = [f"{SCHEME}redis", f"{SCHEME}rediss"]  # noqa: RUF012 - the base has it so

    def __init__(self, uri: str, **options: float | str | bool) -> None:
        # Tried once more where a connection was cut, as by a restart in between; never where an answer did not come.
        retry = Retry(NoBackoff(), 1, supported_errors=(NoConnection,))
        patience = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS, "retry": retry}
        super().__init__(uri.removeprefix(SCHEME), **patience, **options)  # type: ignore[arg-type]
        self.memory = _Memory()
        self.gone = False
        self.lock = Lock()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        def shared() -> int:
            count = super(SharedCounts, self).incr(key, expiry, amount)
            self.memory.follow(key, expiry, amount, count)
            return count

        return self._either(shared, lambda: self.memory.add(key, expiry, amount))

    def get(self, key: str) -> int:
        return self._either(lambda: super(SharedCounts, self).get(key), lambda: self.memory.count(key))

    def get_expiry(self, key: str) -> float:
        return self._either(lambda: super(SharedCounts, self).get_expiry(key), lambda: self.memory.end(key))

    def clear(self, key: str) -> None:
        self.memory.forget(key)
        self._either(lambda: super(SharedCounts, self).clear(key), lambda: None)

    def reset(self) -> int | None:
        self.memory.forget()
        return self._either(super().reset, lambda: None)

    def check(self) -> bool:
        """Whether limits are shared at this moment."""
        return self._either(self._counts, lambda: False)

    def _counts(self) -> bool:
        """A PING would also be answered by a Redis that is full, or read-only."""
        return super().incr("check", 60) > 0

    def _either(self, shared: Callable[[], T], ours: Callable[[], T]) -> T:
        if self.gone:
            return ours()
        try:
            return shared()
        except RedisError as error:
            self._lose(error)
            return ours()

    def _lose(self, error: RedisError) -> None:
        with self.lock:
            if self.gone:
                return
            self.gone = True
        log.warning("Redis does not answer (%s): this process counts for itself until it does", type(error).__name__)
        Thread(target=self._look_again, name="look for Redis", daemon=True).start()

    def _look_again(self) -> None:
        while self.gone:
            time.sleep(LOOK_AGAIN_SECONDS)
            try:
                self.gone = not self._counts()
            except RedisError:
                continue
        log.warning("Redis answers again: limits are shared")
