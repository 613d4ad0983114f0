"""How many mails an address can be made to get: five an hour of each kind, and the last one's link stays good."""

from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine

from services import clock
from tests import mailed
from tests.mailed import ADA, CONFIRM, FRESH_PASSWORD, NEW, NOT_ME, RESET
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

SPELLINGS = (ADA, "ADA@example.org", "Ada@Example.ORG")


@pytest.fixture
def house(door: Door) -> House:
    return door


@pytest.fixture
def access(house: House) -> str:
    house.account()
    return house.tokens()[0]


def test_five_reset_mails_go_to_an_address_in_an_hour_and_the_fifth_link_works(house: House, access: str) -> None:
    began = clock.now()
    answers = [house.post("/forgot-password", {"email": SPELLINGS[turn % 3]}) for turn in range(7)]
    assert {(answer.status_code, answer.get_data()) for answer in answers} == {(202, answers[0].get_data())}
    links = mailed.paths(house, ADA, RESET)
    assert len(links) == 5
    assert house.get(links[-1]).status_code == 200
    with time_machine.travel(began + timedelta(hours=1, seconds=10)):
        assert mailed.ask_for_reset(house) not in links


def test_a_mail_past_the_bound_does_not_void_the_link_before(house: House, access: str) -> None:
    for _ in range(6):
        house.post("/forgot-password", {"email": ADA})
    assert mailed.reset(house, mailed.paths(house, ADA, RESET)[-1]).status_code == 200
    assert house.login("ada", FRESH_PASSWORD).status_code == 200


def test_each_kind_of_mail_has_a_bound_of_its_own(house: House, access: str) -> None:
    for turn in range(6):
        house.post("/forgot-password", {"email": ADA})
        house.post("/send-otp", {"email": ADA})
        house.sign_up(f"user{turn}", ADA)
    assert len(mailed.paths(house, ADA, RESET)) == 5
    house.post("/change-password", {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}, access)
    mailed.ask_for_change(house, access)
    assert mailed.subjects(house, ADA)[-2:] == ["your password was changed", "a change of address was asked for"]


def test_five_notices_of_a_kind_go_to_an_address_in_an_hour(house: House, access: str) -> None:
    passwords = [PASSWORD, *(f"{FRESH_PASSWORD}-{turn}" for turn in range(7))]
    for current, new in pairwise(passwords):
        body = {"current_password": current, "new_password": new}
        assert house.post("/change-password", body, access).status_code == 200
        house.deliver()
    links = mailed.paths(house, ADA, NOT_ME)
    assert len(links) == 5
    assert house.post(links[-1]).status_code == 200


def test_five_confirmations_go_to_an_address_in_an_hour_whoever_wants_it(house: House, access: str) -> None:
    for turn in range(4):
        house.sign_up(f"user{turn}", NEW)
    link = mailed.ask_for_change(house, access)
    house.post("/resend-confirmation", {"email": NEW})
    house.put("/profile", {"email": NEW}, access)
    assert len(mailed.paths(house, NEW, CONFIRM)) == 5
    assert link in mailed.paths(house, NEW, CONFIRM)
