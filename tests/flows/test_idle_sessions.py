"""A session without a call ends; activity is gathered in memory and written in batches."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, select

from database import db, rows
from model import Session
from services import activity, clock, sessions
from tests.people import House

PROMISED = timedelta(seconds=1200)
MARGIN = timedelta(seconds=30)


def test_a_session_without_a_call_is_refused_before_any_job_ran(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    with time_machine.travel(clock.now() + PROMISED + MARGIN + timedelta(seconds=5)):
        assert house.get("/profile", access).get_json()["reason"] == "idle"
        assert house.post("/refresh", token=refresh).get_json()["reason"] == "idle"


def test_a_call_keeps_the_session_and_every_answer_promises_how_long(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    with time_machine.travel(clock.now() + PROMISED - timedelta(seconds=60), tick=False):
        answer = house.get("/profile", access)
        promised = (clock.now() + PROMISED).isoformat(timespec="seconds").replace("+00:00", "Z")
        assert answer.headers["Session-Idle-Expires"] == promised
        assert house.put("/profile", {"first_name": 1}, access).headers["Session-Idle-Expires"] == promised
    with time_machine.travel(clock.now() + PROMISED + timedelta(seconds=300)):
        assert house.get("/profile", access).status_code == 200


def test_a_call_pays_no_write_and_a_flush_is_one_statement(house: House) -> None:
    house.account()
    access = [house.tokens()[0] for _ in range(5)]
    activity.flush()
    said: list[str] = []

    def listener(*given: Any) -> None:
        said.append(given[2])

    event.listen(db.engine, "before_cursor_execute", listener)
    try:
        for token in access:
            assert house.get("/profile", token).status_code == 200
        assert said == []
        activity.flush()
        assert [statement.split()[0] for statement in said if not statement.startswith("BEGIN")] == ["UPDATE"]
    finally:
        event.remove(db.engine, "before_cursor_execute", listener)


def test_a_failed_flush_keeps_its_entries(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.account()
    access, _ = house.tokens()
    activity.flush()  # also of what the tests before it have left
    house.get("/profile", access)
    before = dict(activity.memory().moments)
    with monkeypatch.context() as patch:
        patch.setattr(activity, "changed", _fail)
        with pytest.raises(RuntimeError):
            activity.flush()
    assert activity.memory().moments == before
    activity.flush()
    assert activity.memory().moments == {}
    assert rows(select(Session.last_activity))[0].last_activity == next(iter(before.values()))


def _fail(*given: object) -> int:
    raise RuntimeError


def test_the_idle_job_ends_idle_sessions_only_and_keeps_the_reason(house: House) -> None:
    house.account()
    idle, _ = house.tokens()
    with time_machine.travel(clock.now() + PROMISED):
        busy, _ = house.tokens()
        with time_machine.travel(clock.now() + MARGIN + timedelta(seconds=5)):
            assert sessions.end_idle() == 1
            assert sessions.end_idle() == 0
            assert house.get("/profile", busy).status_code == 200
            assert house.get("/profile", idle).get_json()["reason"] == "idle"


def test_a_late_flush_leaves_an_ended_session_as_it_ended(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    ended_with = rows(select(Session.last_activity))[0].last_activity
    with time_machine.travel(clock.now() + timedelta(seconds=60)):
        house.get("/profile", access)
        house.post("/logout", token=access)
        activity.flush()
        assert rows(select(Session.last_activity))[0].last_activity == ended_with
        assert house.get("/profile", access).get_json()["reason"] == "logout"
