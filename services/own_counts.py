"""What the limits count, in this process's memory: where there is no Redis, and while it is gone.

The memory of `limits` has no bound, and a thread looks through all of it up to a hundred times a second.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from limits.storage import Storage

from services import clock

SCHEME = "latchkey+"
"""What tells these storages from those of `limits`."""
MOST_KEYS = 100_000
"""Beyond that the oldest are forgotten."""


@dataclass
class _Window:
    """`ends`: seconds since 1970. `length`: in seconds."""

    count: int
    ends: float
    length: int


class Memory:
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
        """A window that ends later than one that begins now would: the clock has stepped back since, and it is over."""
        window = self.windows.get(key)
        return window if window and 0 < window.ends - clock.now().timestamp() <= window.length else None

    def _begin(self, key: str, expiry: int) -> _Window:
        self.windows.pop(key, None)
        while len(self.windows) >= MOST_KEYS:
            self.windows.popitem(last=False)
        self.windows[key] = _Window(0, clock.now().timestamp() + expiry, expiry)
        return self.windows[key]


class OwnCounts(Storage):
    """A storage of `limits` in this process's memory."""

    STORAGE_SCHEME = [f"{SCHEME}memory"]  # noqa: RUF012 - the base has it so

    def __init__(self, uri: str, **options: float | str | bool) -> None:
        super().__init__(uri, **options)  # type: ignore[arg-type]
        self.memory = Memory()

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
