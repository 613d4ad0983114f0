"""How often one client may call one route: fixed windows, each counted in the storage that Flask-Limiter holds.

Flask-Limiter's own check reads the limits anew for every call, which took a fifth of a signed-in one, and rounds
Retry-After down, so that who keeps to it comes back a moment too early.
"""

import math
from dataclasses import dataclass

from limits import RateLimitItem, parse_many
from limits.storage import Storage

from services import clock


@dataclass(frozen=True, slots=True)
class Standing:
    """What a client is told of one limit: the shortest, or the one that refused it. `ends`: seconds since 1970."""

    amount: int
    count: int
    ends: float

    @property
    def is_exceeded(self) -> bool:
        return self.count > self.amount

    @property
    def seconds_left(self) -> int:
        """Until the window ends, rounded up."""
        return max(1, math.ceil(self.ends - clock.now().timestamp()))

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [
            ("X-RateLimit-Limit", str(self.amount)),
            ("X-RateLimit-Remaining", str(max(0, self.amount - self.count))),
            ("X-RateLimit-Reset", str(int(self.ends + 1))),
        ]


class RouteLimits:
    """The limits of one route. `text`: as `5 per minute;50 per hour`."""

    def __init__(self, storage: Storage, route: str, text: str) -> None:
        self.storage = storage
        self.windows = [(f"{route}/{_spelt(item)}", item) for item in sorted(parse_many(text))]

    def count(self, client: str) -> Standing:
        """Counts one more call of this client; a call that one limit refuses is not held against the longer ones."""
        told: tuple[str, int, RateLimitItem] | None = None
        for name, item in self.windows:
            key = f"LIMITER/{client}/{name}"
            count = self.storage.incr(key, item.get_expiry())
            if told is None or count > item.amount:
                told = key, count, item
            if count > item.amount:
                break
        assert told is not None  # noqa: S101 - nobody makes limits of no text
        key, count, item = told
        return Standing(item.amount, count, self.storage.get_expiry(key))


def _spelt(item: RateLimitItem) -> str:
    return f"{item.amount}/{item.multiples}/{item.GRANULARITY.name}"
