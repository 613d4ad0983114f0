"""Rows go when nothing needs them, and not before."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

import database
from database import Base, rows
from model import Letter, Session, Ticket, User
from services import clock, retention
from tests.people import House


def count(table: type[Base]) -> int:
    return int(rows(select(func.count()).select_from(table))[0][0])


def test_an_ended_session_is_remembered_until_its_last_token_has_expired(house: House) -> None:
    house.account()
    _, refresh = house.tokens()
    house.post("/logout", token=refresh)
    with time_machine.travel(clock.now() + timedelta(seconds=86400)):
        retention.clear_out()
        assert count(Session) == 1
    with time_machine.travel(clock.now() + timedelta(seconds=86400 + 15)):
        retention.clear_out()
        assert count(Session) == 0
        assert house.post("/logout", token=refresh).get_json()["code"] == "token_expired"


def test_a_pending_sign_up_keeps_its_user_name_for_seven_days(house: House) -> None:
    house.sign_up()
    house.account("bea", "bea@example.org")
    with time_machine.travel(clock.now() + timedelta(days=7) - timedelta(seconds=5)):
        retention.clear_out()
        assert house.sign_up("ada", "new@example.org").status_code == 409
    with time_machine.travel(clock.now() + timedelta(days=7, seconds=5)):
        retention.clear_out()
        assert house.sign_up("ada", "new@example.org").status_code == 201
        assert house.login("bea").status_code == 200


def test_finished_letters_and_old_tickets_go_after_seven_days(house: House) -> None:
    house.account()
    with time_machine.travel(clock.now() + timedelta(days=6)):
        retention.clear_out()
        assert (count(Letter), count(Ticket)) == (1, 1)
    with time_machine.travel(clock.now() + timedelta(days=8, seconds=5)):
        retention.clear_out()
        assert (count(Letter), count(Ticket)) == (0, 0)


def test_everything_that_is_over_goes_in_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PIECE", 2)
    for number in range(5):
        house.sign_up(f"user{number}", f"user{number}@example.org")
    with time_machine.travel(clock.now() + timedelta(days=8)):
        assert retention.clear_out() == 5
    assert count(User) == 0
