"""Client addresses become networks, sign-ups that nobody confirmed go, and mail keeps nothing once it was delivered."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select, update

from database import db, rows, unit_of_work
from model import AuditFact, Letter, Session, User
from services import clock, erasure, retention
from tests.people import House

ADDRESSES = {
    "203.0.113.77": "203.0.113.0/24",
    "2001:db8:1234:5678:9abc:def0:1234:5678": "2001:db8:1234::/48",
    "::1": "::/48",
    "unknown": "",
    "": "",
}


@pytest.fixture
def signed_in(house: House) -> tuple[House, str]:
    """`ada`, whose session and record come from one address; the session lasts long enough to see it shortened."""
    house.account()
    access, _ = house.tokens()
    return house, access


def said(house: House, access: str) -> set[str]:
    """Every address that the owner is shown."""
    listed = house.get("/sessions", access).get_json()
    events = house.get("/security-events?limit=100", access).get_json()["events"]
    export = house.get("/profile/export", access).get_json()
    return {one["ip"] for one in (*listed, *events, *export["sessions"], *export["security_events"])}


def age(days: int) -> None:
    """As if everything had been written so long ago."""
    moment = clock.now() - timedelta(days=days)
    with unit_of_work():
        db.session.execute(update(Session).values(created_at=moment))
        db.session.execute(update(AuditFact).values(time=moment))


def test_addresses_become_networks_after_a_month_wherever_they_are_shown(signed_in: tuple[House, str]) -> None:
    house, access = signed_in
    assert said(house, access) == {"127.0.0.1"}
    age(29)
    assert erasure.shorten_addresses() == 0
    assert said(house, access) == {"127.0.0.1"}
    age(31)
    count = rows(select(func.count()).select_from(AuditFact))[0][0] + 1
    assert erasure.shorten_addresses() == count
    assert said(house, access) == {"127.0.0.0/24"}
    assert erasure.shorten_addresses() == 0
    house.put("/profile", {"first_name": "Ada"}, access)
    assert said(house, access) == {"127.0.0.0/24", "127.0.0.1"}, "what is new is whole"


@pytest.mark.parametrize("address", ADDRESSES)
def test_four_parts_lose_the_last_and_six_keep_the_network(signed_in: tuple[House, str], address: str) -> None:
    for table in (Session, AuditFact):
        with unit_of_work():
            db.session.execute(update(table).values(ip=address))
    age(31)
    assert erasure.shorten_addresses() > 0
    for table in (Session, AuditFact):
        found = {(row.ip, row.ip_shortened) for row in rows(select(table.ip, table.ip_shortened))}
        assert found == {(ADDRESSES[address], True)}


def test_two_workers_shorten_each_address_once(
    signed_in: tuple[House, str], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "PIECE", 2)
    age(31)
    total = rows(select(func.count()).select_from(AuditFact))[0][0] + 1

    def work(_: int) -> int:
        with app.app_context():
            return erasure.shorten_addresses()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, range(2))) == total
    assert {row.ip for row in rows(select(AuditFact.ip))} == {"127.0.0.0/24"}


def test_two_workers_erase_each_account_once(house: House, app: Flask) -> None:
    for number in range(5):
        house.account(f"user{number}", f"user{number}@example.org")
    with unit_of_work():
        db.session.execute(update(User).values(deleted_at=clock.now() - timedelta(days=8)))

    def work(_: int) -> int:
        with app.app_context():
            return erasure.erase_due()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(work, range(2))) == 5
    facts = [row.user_id for row in rows(select(AuditFact.user_id).where(AuditFact.kind == "account_erased"))]
    assert len(facts) == len(set(facts)) == 5


def test_a_sign_up_that_nobody_confirmed_is_erased_after_a_week(house: House) -> None:
    house.sign_up("pending", "pending@example.org", first_name="Pen", phone_number="+441632960961")
    house.account()
    with time_machine.travel(clock.now() + timedelta(days=7, seconds=5)):
        retention.clear_out()
        assert [row.username for row in rows(select(User.username))] == ["ada"]


def test_a_mail_keeps_nothing_once_it_was_delivered(house: House) -> None:
    house.sign_up()
    assert [bool(row.content) for row in rows(select(Letter.content))] == [True]
    house.deliver()
    assert [(row.state, row.content) for row in rows(select(Letter.state, Letter.content))] == [("sent", None)]
    with time_machine.travel(clock.now() + timedelta(days=7, seconds=5)):
        retention.clear_out()
        assert rows(select(Letter.id)) == []
