"""Signed-in calls are counted by session, all others by address and route."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from werkzeug.test import TestResponse

from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.cookie_page import Page
from tests.resources.test_tokens import OTHER, parts, signed

Build = Callable[..., Door]
FEW = {"RATELIMIT_DEFAULT": "3 per hour", "RATELIMIT_SIGNED_IN": "6 per minute"}
WRONG = {"password": "wrong-horse-battery"}


def signed_in(build: Build, **changes: str) -> tuple[Door, str, str]:
    """The door, and ada's tokens; who signs up and in is not counted against what follows."""
    door = build(**FEW | changes)
    door.account()
    return door, *door.tokens()


def statuses(door: Door, count: int, token: str, path: str = "/profile", method: str = "GET") -> list[int]:
    return [door.ask(method, path, token=token).status_code for _ in range(count)]


def told(answer: TestResponse) -> tuple[str, str]:
    return answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]


def test_a_page_makes_its_six_hundred_calls_a_minute_by_the_defaults(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="200 per day;50 per hour", RATELIMIT_SIGNED_IN="600 per minute")
    door.account()
    access, _ = door.tokens()
    with time_machine.travel(datetime.now(UTC), tick=False):
        answers = Counter(statuses(door, 601, access))
    assert answers == {200: 600, 429: 1}


def test_a_session_has_one_limit_over_all_routes_whatever_its_address(build: Build) -> None:
    door, access, _ = signed_in(build)
    asked = ["/profile", "/sessions", "/mfa", "/profile", "/security-events", "/sessions", "/profile"]
    answers = [door.get(path, access, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}) for number, path in enumerate(asked)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    assert [told(answer) for answer in answers] == [("6", str(left)) for left in (5, 4, 3, 2, 1, 0, 0)]
    refused = answers[-1]
    assert refused.get_json()["code"] == "rate_limited"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    other = door.tokens()[0]
    assert door.get("/profile", other).status_code == 200, "another session of the same person goes on"


def test_a_session_and_everybody_else_at_its_address_leave_each_other_alone(build: Build) -> None:
    door, access, _ = signed_in(build)
    assert statuses(door, 4, "x") == [401, 401, 401, 429]
    assert statuses(door, 6, access) == [200] * 6
    assert statuses(door, 1, access) == [429]
    assert [door.get("/sessions").status_code for _ in range(4)] == [401, 401, 401, 429]


def bad_tokens(door: Door, access: str, refresh: str) -> dict[str, str]:
    header, claims = parts(access)
    ended, _ = door.tokens()
    door.post("/logout", token=ended)
    return {
        "empty": "",
        "garbage": "x",
        "forged": signed(OTHER)(header, claims),
        "a refresh token": refresh,
        "expired": signed()(header, claims | {"exp": 1000000000}),
        "of no session": signed()(header, claims | {"sid": "00000000-0000-4000-8000-000000000000"}),
        "from before a step-up": signed()(header, claims | {"auth_time": claims["auth_time"] - 1}),
        "ended": ended,
    }


def test_a_flood_of_bad_tokens_counts_by_address_and_uses_up_no_session(build: Build) -> None:
    door, access, refresh = signed_in(build)
    for number, (name, token) in enumerate(bad_tokens(door, access, refresh).items()):
        flood = [door.get("/profile", token, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}) for _ in range(5)]
        assert [answer.status_code for answer in flood] == [401, 401, 401, 429, 429], name
        assert told(flood[0]) == ("3", "2")
    assert statuses(door, 7, access) == [200] * 6 + [429]


def test_different_bad_tokens_from_one_address_share_its_limit(build: Build) -> None:
    door, access, refresh = signed_in(build)
    tokens = bad_tokens(door, access, refresh).values()
    assert [door.get("/profile", token).status_code for token in tokens] == [401] * 3 + [429] * (len(tokens) - 3)


def test_a_refresh_counts_by_its_session_and_a_spent_sessions_by_address(build: Build) -> None:
    door, _, refresh = signed_in(build)
    answers = []
    for _ in range(7):
        answers.append(door.post("/refresh", token=refresh))
        refresh = answers[-1].get_json().get("refresh_token", refresh)
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    access, ended = door.tokens()
    door.post("/logout", token=access)
    assert [door.post("/refresh", token=ended).status_code for _ in range(4)] == [401, 401, 401, 429]


def test_a_sensitive_route_has_its_limit_beside_that_of_the_session(build: Build) -> None:
    door, access, _ = signed_in(build, RATELIMIT_SENSITIVE="2 per minute")
    answers = [door.post("/reauthenticate", WRONG, access) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert [told(answer) for answer in answers] == [("2", "1"), ("2", "0"), ("2", "0")]
    assert statuses(door, 5, access) == [200] * 4 + [429], "two of its six were sensitive"
    other = door.tokens()[0]
    assert door.post("/reauthenticate", WRONG, other).status_code == 429, "the sensitive limit is the address's"


def test_a_sensitive_call_of_a_session_that_has_used_its_limit_up_is_refused(build: Build) -> None:
    door, access, _ = signed_in(build, RATELIMIT_SENSITIVE="100 per minute")
    assert statuses(door, 6, access) == [200] * 6
    refused = door.post("/send-otp", token=access)
    assert (refused.status_code, told(refused)) == (429, ("6", "0"))


def test_a_token_where_none_is_taken_changes_nothing(build: Build) -> None:
    """Else somebody with one session could sign thousands up, or try passwords."""
    door, access, _ = signed_in(build, RATELIMIT_DEFAULT="10 per hour")
    signups = [door.post("/signup", {}, access).status_code for _ in range(11)]
    assert signups == [422] * 9 + [429] * 2, "her own sign-up was the first"
    assert statuses(door, 1, access) == [200]


def test_an_empty_signed_in_limit_means_none(build: Build) -> None:
    door, access, _ = signed_in(build, RATELIMIT_SIGNED_IN="", RATELIMIT_SENSITIVE="2 per minute")
    answers = [door.get("/profile", access) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name, _ in answers[0].headers if name.startswith("X-RateLimit")]
    assert [door.post("/reauthenticate", WRONG, access).status_code for _ in range(3)] == [401, 401, 429]


def test_by_cookie_a_foreign_page_does_not_use_the_session_up(build: Build) -> None:
    """A browser sends the cookie with a call that another site makes; without its CSRF token it is nobody's."""
    door = build(**FEW, JWT_TOKEN_LOCATION="cookies")
    door.account()
    page = Page(door)
    page.sign_in()
    assert [page.ask("DELETE", "/sessions").status_code for _ in range(4)] == [401, 401, 401, 429]
    assert [page.ask("GET", "/profile").status_code for _ in range(7)] == [200] * 6 + [429]


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_the_answers_are_the_same_without_limits(build: Build, enabled: str) -> None:
    """What a token is worth is judged before the limits count, or where there are none, at the door."""
    door, access, refresh = signed_in(build, RATELIMIT_ENABLED=enabled, RATELIMIT_DEFAULT="99 per hour", RATELIMIT_SIGNED_IN="")
    codes = [door.get("/profile", token).get_json()["code"] for token in bad_tokens(door, access, refresh).values()]
    expected = [*["token_invalid"] * 4, "token_expired", "token_invalid", "token_expired"]
    assert codes == [*expected, "session_ended"]
    assert door.get("/profile", access).status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=2000), tick=False):
        assert door.post("/refresh", token=refresh).get_json()["reason"] == "idle"
    assert door.post("/login", {"username": "ada", "password": PASSWORD}).status_code == 200
