"""How often one client may call one route, or one session all of them: fixed windows, counted in the storage of Flask-Limiter.

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
    """The limits of one route, as `5 per minute;50 per hour`; an empty text is no limit.

    `always`: for each client. `default`: for each client too, where no live session calls. `signed_in`: for each session
    instead, over all routes.
    """

    def __init__(self, storage: Storage, route: str, *, always: str = "", default: str = "", signed_in: str = "") -> None:
        self.storage = storage
        here = f"{{client}}/{route}"
        self.by_client = _shortest_first(_windows(here, always) | _windows(here, default))
        self.by_session = _shortest_first(_windows(here, always) | _windows("session {session}", signed_in))

    def count(self, client: str, session: str | None = None) -> Standing | None:
        """Counts one more call; one that a limit refuses is not held against longer limits. None where there is no limit."""
        told: tuple[str, int, RateLimitItem] | None = None
        for name, item in self.by_session if session else self.by_client:
            key = name.format(client=client, session=session)
            count = self.storage.incr(key, item.get_expiry())
            if told is None or count > item.amount:
                told = key, count, item
            if count > item.amount:
                break
        if told is None:
            return None
        key, count, item = told
        return Standing(item.amount, count, self.storage.get_expiry(key))


def _windows(whose: str, text: str) -> dict[str, RateLimitItem]:
    """Each limit of the text by its key."""
    found = parse_many(text) if text else []
    return {f"LIMITER/{whose}/{item.amount}/{item.multiples}/{item.GRANULARITY.name}": item for item in found}


def _shortest_first(windows: dict[str, RateLimitItem]) -> list[tuple[str, RateLimitItem]]:
    return sorted(windows.items(), key=lambda window: (window[1].get_expiry(), window[1].amount))
