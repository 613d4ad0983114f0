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
        assert (count(Letter), count(Ticket)) == (1, 2), "the link, and the page's own proof"
    with time_machine.travel(clock.now() + timedelta(days=8, seconds=5)):
        retention.clear_out()
        assert (count(Letter), count(Ticket)) == (0, 0)


def test_what_has_expired_stays_so_where_the_clock_steps_back(house: House) -> None:
    house.account()
    house.post("/forgot-password", {"email": "ada@example.org"})
    link = house.mail_to("ada@example.org")[-1].links[0].removeprefix(house.app.extensions["settings"].address)
    with time_machine.travel(clock.now() + timedelta(minutes=29)):
        assert retention.settle_expired() == 0
    with time_machine.travel(clock.now() + timedelta(minutes=31)):
        assert (retention.settle_expired(), retention.settle_expired()) == (1, 0)
    for moved in (timedelta(), timedelta(minutes=2), -timedelta(hours=1)):
        with time_machine.travel(clock.now() + moved):
            assert house.post(link, {"password": "nine-purple-lanterns"}).status_code == 400


def test_what_was_made_in_the_future_is_not_good(house: House) -> None:
    """A skew between the clocks of two workers is no future."""
    house.account()
    for ahead, status in ((timedelta(days=3653), 400), (timedelta(minutes=2), 400), (timedelta(seconds=50), 200)):
        with time_machine.travel(clock.now() + ahead):
            house.post("/forgot-password", {"email": "ada@example.org"})
            link = house.mail_to("ada@example.org")[-1].links[0].removeprefix(house.app.extensions["settings"].address)
        assert house.post(link, {"password": "nine-purple-lanterns"}).status_code == status


def test_everything_that_is_over_goes_in_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PIECE", 2)
    for number in range(5):
        house.sign_up(f"user{number}", f"user{number}@example.org")
    with time_machine.travel(clock.now() + timedelta(days=8)):
        assert retention.clear_out() == 5
    assert count(User) == 0
