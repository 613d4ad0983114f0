"""Visits to a provider: good once, for ten minutes of any clock."""

from datetime import timedelta

import pytest
import time_machine

from database import unit_of_work
from errors import OauthFailed
from services import clock, provider_visits


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("ahead", [timedelta(days=3653), timedelta(minutes=2)])
def test_a_visit_that_began_in_the_future_is_not_good(ahead: timedelta) -> None:
    with time_machine.travel(clock.now() + ahead), unit_of_work():
        state = provider_visits.depart("google", "a browser", {"nonce": "n"})
    with pytest.raises(OauthFailed):
        provider_visits.end("google", "a browser", state)


@pytest.mark.usefixtures("house")
def test_a_visit_that_began_at_a_worker_whose_clock_is_ahead_ends_well() -> None:
    with time_machine.travel(clock.now() + timedelta(seconds=50)), unit_of_work():
        state = provider_visits.depart("google", "a browser", {"nonce": "n"})
    assert provider_visits.end("google", "a browser", state) == {"nonce": "n"}
