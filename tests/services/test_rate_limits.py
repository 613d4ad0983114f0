"""Counting calls: what is counted where, how much is remembered, what a client is told."""

import pytest
import time_machine
from limits import parse_many

from services import clock, own_counts
from services.own_counts import OwnCounts
from services.rate_limits import RouteLimits, Standing
from setting_kinds import LIMITS


def counted(limits: RouteLimits, client: str, session: str | None = None) -> Standing:
    standing = limits.count(client, session)
    assert standing is not None
    return standing


@pytest.fixture
def storage() -> OwnCounts:
    return OwnCounts("latchkey+memory://")


def test_the_shortest_window_is_told_until_another_refuses(storage: OwnCounts) -> None:
    limits = RouteLimits(storage, "profile", default="4 per day;2 per minute")
    with time_machine.travel(clock.now(), tick=False) as traveller:
        first, second, third = (counted(limits, "192.0.2.1") for _ in range(3))
        assert [(one.amount, one.is_exceeded) for one in (first, second, third)] == [(2, False), (2, False), (2, True)]
        traveller.shift(third.seconds_left)
        assert [counted(limits, "192.0.2.1").is_exceeded for _ in range(2)] == [False, False]
        traveller.shift(60)
        refused = counted(limits, "192.0.2.1")
        assert (refused.amount, refused.is_exceeded) == (4, True), "what the minute refused was not held against the day"
        assert 23 * 3600 < refused.seconds_left <= 24 * 3600 - 120
        assert not counted(limits, "192.0.2.2").is_exceeded
        assert not counted(RouteLimits(storage, "sessions", default="4 per day"), "192.0.2.1").is_exceeded


def test_so_many_clients_are_remembered_and_the_oldest_forgotten(storage: OwnCounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_counts, "MOST_KEYS", 3)
    limits = RouteLimits(storage, "profile", default="5 per hour")
    counts = [counted(limits, f"192.0.2.{number}").count for number in (1, 2, 3, 3, 4, 3, 1)]
    assert counts == [1, 1, 1, 2, 1, 3, 1]
    assert len(storage.memory.windows) == 3


def test_what_is_told_adds_up(storage: OwnCounts) -> None:
    limits = RouteLimits(storage, "profile", default="1 per hour")
    told = [dict(counted(limits, "192.0.2.1").headers) for _ in range(3)]
    assert [one["X-RateLimit-Remaining"] for one in told] == ["0", "0", "0"]
    assert len({one["X-RateLimit-Reset"] for one in told}) == 1
    assert 3590 < int(told[0]["X-RateLimit-Reset"]) - clock.now().timestamp() < 3602


def test_a_session_is_counted_over_all_routes_and_not_by_its_address(storage: OwnCounts) -> None:
    texts = {"always": "9 per minute", "default": "1 per hour", "signed_in": "3 per minute"}
    profile, sessions = RouteLimits(storage, "profile", **texts), RouteLimits(storage, "sessions", **texts)
    told = [counted(limits, "192.0.2.1", "s1") for limits in (profile, sessions, profile, sessions)]
    assert [(one.amount, one.count, one.is_exceeded) for one in told] == [
        (3, 1, False),
        (3, 2, False),
        (3, 3, False),
        (3, 4, True),
    ]
    assert not counted(profile, "192.0.2.1", "s2").is_exceeded
    first, second = counted(profile, "192.0.2.1"), counted(profile, "192.0.2.1")
    assert (first.amount, first.is_exceeded) == (9, False)
    assert (second.amount, second.is_exceeded) == (1, True)


def test_the_smaller_of_two_equally_long_limits_is_told(storage: OwnCounts) -> None:
    limits = RouteLimits(storage, "login", always="5 per minute", default="7 per minute", signed_in="600 per minute")
    assert [counted(limits, "192.0.2.1").amount, counted(limits, "192.0.2.1", "s").amount] == [5, 5]


def test_the_same_limit_twice_counts_once(storage: OwnCounts) -> None:
    limits = RouteLimits(storage, "login", always="2 per minute", default="2 per minute")
    assert [counted(limits, "192.0.2.1").is_exceeded for _ in range(3)] == [False, False, True]


def test_no_text_is_no_limit(storage: OwnCounts) -> None:
    assert RouteLimits(storage, "profile", default="1 per hour").count("192.0.2.1", "s") is None
    assert RouteLimits(storage, "profile", signed_in="1 per hour").count("192.0.2.1") is None


TEXTS = [
    *(
        "5 per minute",
        "5/minute",
        "1 per 2 hours",
        "5 per minute;50 per hour",
        " 5 per minute , 3 per day|9 / 1 year ",
        "05perday",
    ),
    *("5 PER MINUTE", "1 per month", "5 per 7 second", "5 per minute garbage", "fast", "5 per fortnight", ";", "5 minute"),
    *(
        "5 per minute;",
        "-5 per minute",
        "\u0665 per minute",
        "5 per",
        "per minute",
        "5,5",
        "5 per minutess",
        "5.5 per day",
        " ",
    ),
]
OF_NOTHING = ["0 per minute", "5 per 0 minutes", "5 per minute;0 per day", "99999999999 per day", "5 per 99999 years"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_setting_takes_the_limits_that_are_understood_later(text: str) -> None:
    try:
        understood = bool(parse_many(text))
    except ValueError:
        understood = False
    assert bool(LIMITS.fullmatch(text)) is understood


@pytest.mark.parametrize("text", OF_NOTHING)
def test_a_setting_takes_no_limit_that_refuses_all_or_cannot_be_counted(text: str) -> None:
    assert parse_many(text)
    assert not LIMITS.fullmatch(text)
