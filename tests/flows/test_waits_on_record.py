"""Guesses that have to wait are on the record, and nobody can fill it with them: on every engine."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

import jobs
from database import rows
from model import AuditFact
from services import clock, retention
from tests.factors import WRONG_PASSWORD, said
from tests.people import House

MANY = (429, "too_many_attempts")


def waits() -> list[tuple[str | None, str]]:
    found = rows(select(AuditFact.user_id, AuditFact.details).where(AuditFact.kind == "too_many_attempts"))
    return [(row.user_id, row.details["method"]) for row in found]


def test_however_many_come_at_once_there_is_one_fact(house: House) -> None:
    """Step-up codes cost no hash, so that all of these are refused for the wait and none for want of a turn."""
    house.account()
    access, _ = house.tokens()
    for _ in range(5):
        house.post("/verify-otp", {"otp_code": "000000"}, access)
    assert waits() == []
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: said(house.post("/verify-otp", {"otp_code": "000000"}, access)), range(16))
        assert Counter(answers) == {MANY: 16}
    assert waits() == [(house.get("/profile", access).get_json()["id"], "email")]


@pytest.mark.usefixtures("standing_clock")
def test_what_is_about_nobody_goes_after_ninety_days(house: House) -> None:
    for _ in range(9):
        house.login("nobody", WRONG_PASSWORD)
    house.sign_up("pen", "pen@example.org")
    for _ in range(7):
        house.login("pen", WRONG_PASSWORD)
    pending = rows(select(AuditFact.user_id).where(AuditFact.kind == "signed_up"))[0][0]
    assert sorted(waits(), key=str) == sorted([(pending, "pwd"), (None, "pwd")], key=str)
    for days in (8, retention.NOBODYS_DAYS + 8):
        with time_machine.travel(clock.now() + timedelta(days=days), tick=False):
            jobs.clear_out(house.app)
            assert len(waits()) == (2 if days == 8 else 0)
