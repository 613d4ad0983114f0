"""Addresses that can be taken back, notices' links and guesses go when nothing needs them, and not before."""

from datetime import timedelta

import time_machine
from sqlalchemy import delete, func, select, update

from database import Base, changed, rows, unit_of_work
from model import Attempt, HeldAddress, KnownDevice, RecoveryCode, Ticket, User
from services import attempts, clock, retention
from tests import mailed
from tests.mailed import ADA, FRESH_PASSWORD, NOT_ME, UNDO
from tests.people import PASSWORD, House


def count(table: type[Base]) -> int:
    return int(rows(select(func.count()).select_from(table))[0][0])


def purposes() -> list[str]:
    return sorted(row.purpose for row in rows(select(Ticket.purpose)))


def test_a_held_address_is_kept_as_long_as_it_can_be_taken_back(house: House) -> None:
    house.account()
    mailed.move(house, house.tokens()[0])
    undo, moved = mailed.newest(house, ADA, UNDO), clock.now()
    with time_machine.travel(moved + timedelta(days=7) - timedelta(seconds=10)):
        retention.clear_out()
        assert count(HeldAddress) == 1
        assert house.get(undo).status_code == 200
    with time_machine.travel(moved + timedelta(days=7, seconds=5)):
        retention.clear_out()
        assert count(HeldAddress) == 0


def test_links_of_notices_outlive_their_seven_days_by_seven(house: House) -> None:
    house.account()
    body = {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}
    house.post("/change-password", body, house.tokens()[0])
    link, told = mailed.newest(house, ADA, NOT_ME), clock.now()
    with time_machine.travel(told + timedelta(days=7) - timedelta(seconds=10)):
        retention.clear_out()
        assert house.get(link).status_code == 200
    with time_machine.travel(told + timedelta(days=13)):
        retention.clear_out()
        assert purposes() == ["not_me"]
    with time_machine.travel(told + timedelta(days=14, seconds=5)):
        retention.clear_out()
        assert purposes() == []


def test_a_count_of_guesses_is_kept_for_thirty_days_and_a_stop_for_ever(house: House) -> None:
    for name in ("nobody", "nowhere"):
        house.login(name)
    made = count(Attempt)
    stopped = rows(select(Attempt.subject).limit(1))[0].subject
    with time_machine.travel(clock.now() + timedelta(days=30) - timedelta(seconds=10)):
        retention.clear_out()
        assert count(Attempt) == made == 4
    _stop(stopped)
    with time_machine.travel(clock.now() + timedelta(days=30, seconds=5)):
        retention.clear_out()
        assert [row.subject for row in rows(select(Attempt.subject))] == [stopped]


def _stop(subject: str) -> None:
    with unit_of_work():
        changed(update(Attempt).where(Attempt.subject == subject).values(failures=attempts.STOP))


def test_what_belongs_to_an_account_goes_with_it(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    mailed.turn_mfa_on(house, access)
    mailed.move(house, access)
    house.deliver()
    assert min(count(table) for table in (RecoveryCode, HeldAddress, KnownDevice, Ticket)) >= 1
    with unit_of_work():
        changed(delete(User))
    assert [count(table) for table in (RecoveryCode, HeldAddress, KnownDevice, Ticket)] == [0] * 4
