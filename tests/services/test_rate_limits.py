"""Counting calls: what is counted where, how much is remembered, what a client is told."""

import pytest
import time_machine

from services import clock, own_counts
from services.own_counts import OwnCounts
from services.rate_limits import RouteLimits


@pytest.fixture
def storage() -> OwnCounts:
    return OwnCounts("latchkey+memory://")


def test_the_shortest_window_is_told_until_another_refuses(storage: OwnCounts) -> None:
    limits = RouteLimits(storage, "profile", "4 per day;2 per minute")
    with time_machine.travel(clock.now(), tick=False) as traveller:
        first, second, third = (limits.count("192.0.2.1") for _ in range(3))
        assert [(one.amount, one.is_exceeded) for one in (first, second, third)] == [(2, False), (2, False), (2, True)]
        traveller.shift(third.seconds_left)
        assert [limits.count("192.0.2.1").is_exceeded for _ in range(2)] == [False, False]
        traveller.shift(60)
        refused = limits.count("192.0.2.1")
        assert (refused.amount, refused.is_exceeded) == (4, True), "what the minute refused was not held against the day"
        assert 23 * 3600 < refused.seconds_left <= 24 * 3600 - 120
        assert not limits.count("192.0.2.2").is_exceeded
        assert not RouteLimits(storage, "sessions", "4 per day").count("192.0.2.1").is_exceeded


def test_so_many_clients_are_remembered_and_the_oldest_forgotten(storage: OwnCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_counts, "MOST_KEYS", 3)
    limits = RouteLimits(storage, "profile", "5 per hour")
    counts = [limits.count(f"192.0.2.{number}").count for number in (1, 2, 3, 3, 4, 3, 1)]
    assert counts == [1, 1, 1, 2, 1, 3, 1]
    assert len(storage.memory.windows) == 3


def test_what_is_told_adds_up(storage: OwnCounts) -> None:
    limits = RouteLimits(storage, "profile", "1 per hour")
    told = [dict(limits.count("192.0.2.1").headers) for _ in range(3)]
    assert [one["X-RateLimit-Remaining"] for one in told] == ["0", "0", "0"]
    assert len({one["X-RateLimit-Reset"] for one in told}) == 1
    assert 3590 < int(told[0]["X-RateLimit-Reset"]) - clock.now().timestamp() < 3602
