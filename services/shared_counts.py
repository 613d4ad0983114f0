"""What the limits count, kept in Redis for all workers and machines; in this process's memory while Redis is gone.

Flask-Limiter has a fallback too. It answers 500 where a second request meets a Redis that the first one found gone, lets
requests wait for Redis again and again, and may look for up to half a minute past its return.
"""

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import TypeVar

from limits.storage import RedisStorage
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError
from redis.retry import Retry

from services.own_counts import SCHEME, Memory

ANSWER_SECONDS = 0.3
LOOK_AGAIN_SECONDS = 1.0
T = TypeVar("T")
log = logging.getLogger(__name__)


class SharedCounts(RedisStorage):
    """A storage of `limits`. The first requests that meet a silent Redis wait 0.3 s; later ones not, until it is back."""

    STORAGE_SCHEME = [f"{SCHEME}redis", f"{SCHEME}rediss"]  # noqa: RUF012 - the base has it so

    def __init__(self, uri: str, **options: float | str | bool) -> None:
        # Tried once more where a connection was cut, as by a restart in between; never where an answer did not come.
        retry = Retry(NoBackoff(), 1, supported_errors=(NoConnection,))
        patience = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS, "retry": retry}
        super().__init__(uri.removeprefix(SCHEME), **patience, **options)  # type: ignore[arg-type]
        self.memory = Memory()
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
