"""A person sees what happened to the account, and nobody else's: on every engine, page by page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from tests.people import House


def pages(house: House, access: str, limit: int) -> list[list[dict[str, Any]]]:
    """Every page, by following `next` to its end."""
    found, query = [], f"?limit={limit}"
    while True:
        answer = house.get(f"/security-events{query}", access).get_json()
        found.append(answer["events"])
        if answer["next"] is None:
            return found
        assert answer["next"] == answer["events"][-1]["id"]
        query = f"?limit={limit}&before={answer['next']}"


def kinds(house: House, access: str) -> list[str]:
    return [event["kind"] for page in pages(house, access, 100) for event in page]


def test_the_list_tells_what_happened_the_latest_first(house: House) -> None:
    house.account()
    first, _ = house.tokens()
    assert house.login(password="wrong-horse-battery").status_code == 401
    access, _ = house.tokens()
    house.put("/profile", {"first_name": "Ada"}, access)
    house.ask("DELETE", "/sessions", token=access)
    assert house.get("/security-events", first).get_json()["code"] == "session_ended"
    assert kinds(house, access) == [
        "other_sessions_ended",
        "profile_changed",
        "signed_in",
        "sign_in_failed",
        "signed_in",
        "email_confirmed",
        "signed_up",
    ]


def test_nobody_sees_what_happened_to_others_or_to_nobody(house: House) -> None:
    house.account()
    house.account("eve", "eve@example.org")
    house.sign_up("ada2", "ada@example.org")
    for name in ("nobody", "eve", "nobody@example.org", "ada2"):
        house.login(name, "wrong-horse-battery")
    access, _ = house.tokens()
    assert kinds(house, access) == ["signed_in", "email_confirmed", "signed_up"]


def test_looking_is_no_event(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    assert kinds(house, access) == kinds(house, access)


def test_pages_skip_and_repeat_nothing_also_within_one_moment(house: House) -> None:
    """Three moments a microsecond apart, four events in each: pages end inside a moment, and at its end."""
    house.account()
    access, _ = house.tokens()
    now = datetime.now(UTC) + timedelta(seconds=1)
    for step in range(3):
        with time_machine.travel(now + timedelta(microseconds=step), tick=False):
            for _ in range(4):
                house.put("/profile", {"first_name": "Ada"}, access)
    whole = pages(house, access, 100)[0]
    assert len(whole) == 15
    assert [len({event["time"] for event in whole[start : start + 4]}) for start in (0, 4, 8)] == [1, 1, 1]
    assert len({event["time"] for event in whole[:12]}) == 3
    assert [event["time"] for event in whole] == sorted((event["time"] for event in whole), reverse=True)
    for limit in range(1, 16):
        cut = pages(house, access, limit)
        assert [event for page in cut for event in page] == whole
        assert [len(page) for page in cut] == [limit] * (15 // limit) + ([15 % limit] if 15 % limit else [])


def test_what_happens_between_two_pages_does_not_move_the_second(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    first = house.get("/security-events?limit=1", access).get_json()
    second = house.get(f"/security-events?limit=1&before={first['next']}", access).get_json()
    house.login(password="wrong-horse-battery")
    assert house.get(f"/security-events?limit=1&before={first['next']}", access).get_json() == second
