"""Counted guesses: the waits to the second, the ends, the windows, and whom a count belongs to."""

from collections.abc import Callable

import pytest
import time_machine
from sqlalchemy import select

from database import rows, unit_of_work
from errors import TooManyAttempts
from model import Attempt
from services import attempts
from services.attempts import LOGIN_CODE, PASSWORD, RECOVERY_CODE, STEP_UP_CODE, TOTP, Factor
from services.client import Client
from tests.conftest import SECRETS
from tests.people import House
from tests.resources.conftest import Door

NOBODY = Client("", "")
WAITS = [0] * 5 + [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
NEWER = "bmV3ZXItcGVwcGVyLW9mLXRoaXJ0eS10d28tYnl0ZXM="
PEPPER = SECRETS["PASSWORD_PEPPER"]


def refused_for(factor: Factor, *whom: str) -> int:
    """How long to wait, as the refusal says; 0 where the guess was counted."""
    try:
        attempts.claim(factor, NOBODY, None, *whom)
    except TooManyAttempts as refusal:
        return int(refusal.headers["Retry-After"])
    return 0


def cleared(factor: Factor, *whom: str) -> None:
    with unit_of_work():
        attempts.clear(factor, *whom)


def counts() -> list[int]:
    return sorted(row.failures for row in rows(select(Attempt.failures)))


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("factor", [PASSWORD, TOTP, RECOVERY_CODE], ids=lambda factor: factor.name)
def test_each_failure_has_its_wait(factor: Factor, standing_clock: time_machine.Traveller) -> None:
    for wait in WAITS:
        assert refused_for(factor, "account ada") == 0
        if wait:
            assert refused_for(factor, "account ada") == wait
            standing_clock.shift(wait - 0.001)
            assert refused_for(factor, "account ada") == 1
            standing_clock.shift(0.001)
    assert counts() == [len(WAITS)]


@pytest.mark.usefixtures("house")
def test_a_refused_guess_is_not_counted_and_prolongs_nothing(standing_clock: time_machine.Traveller) -> None:
    for _ in range(6):
        assert refused_for(PASSWORD, "account ada") == 0
    for passed in range(30):
        assert refused_for(PASSWORD, "account ada") == 30 - passed
        standing_clock.shift(1)
    assert counts() == [6]
    assert refused_for(PASSWORD, "account ada") == 0


@pytest.mark.parametrize(
    ("factor", "stops"), [(PASSWORD, True), (TOTP, True), (RECOVERY_CODE, False)], ids=["password", "totp", "recovery"]
)
def test_a_hundred_failures_in_a_row_are_the_end_where_there_is_one(
    door: Door, standing_clock: time_machine.Traveller, factor: Factor, stops: bool
) -> None:
    with door.app.app_context():
        for _ in range(100):
            assert refused_for(factor, "account ada") == 0
            standing_clock.shift(3600)
        standing_clock.shift(86400 * 365)
        assert refused_for(factor, "account ada") == (3600 if stops else 0)
        cleared(factor, "account ada")
        assert refused_for(factor, "account ada") == 0


@pytest.mark.usefixtures("house")
def test_login_codes_have_five_tries_an_hour(standing_clock: time_machine.Traveller) -> None:
    for _ in range(5):
        assert refused_for(LOGIN_CODE, "account ada") == 0
        standing_clock.shift(600)
    assert refused_for(LOGIN_CODE, "account ada") == 3000
    standing_clock.shift(2999)
    assert refused_for(LOGIN_CODE, "account ada") == 1
    standing_clock.shift(1)
    assert [refused_for(LOGIN_CODE, "account ada") for _ in range(6)] == [0] * 5 + [3600]


@pytest.mark.usefixtures("house")
def test_step_up_codes_have_five_tries_and_no_window(standing_clock: time_machine.Traveller) -> None:
    assert [refused_for(STEP_UP_CODE, "a session") for _ in range(6)] == [0] * 5 + [3600]
    standing_clock.shift(86400)
    assert refused_for(STEP_UP_CODE, "a session") == 3600
    assert refused_for(STEP_UP_CODE, "another session") == 0


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("step", [7200, 3653 * 86400])
def test_a_clock_that_steps_back_prolongs_no_wait_and_forgives_no_guess(
    standing_clock: time_machine.Traveller, step: int
) -> None:
    for _ in range(6):
        assert refused_for(PASSWORD, "account ada") == 0
    standing_clock.shift(-step)
    assert [refused_for(PASSWORD, "account ada") for _ in range(2)] == [0, 60], "the seventh, and its wait"
    assert counts() == [7]


@pytest.mark.usefixtures("house")
def test_a_clock_that_steps_back_makes_no_window_longer(standing_clock: time_machine.Traveller) -> None:
    for _ in range(5):
        assert refused_for(LOGIN_CODE, "account ada") == 0
    standing_clock.shift(-3653 * 86400)
    assert [refused_for(LOGIN_CODE, "account ada") for _ in range(6)] == [0] * 5 + [3600]


@pytest.mark.usefixtures("house")
def test_workers_whose_clocks_differ_a_little_give_no_guess_away(standing_clock: time_machine.Traveller) -> None:
    for _ in range(6):
        attempts.claim(PASSWORD, NOBODY, None, "account ada")
    for _ in range(5):
        attempts.claim(LOGIN_CODE, NOBODY, None, "account ada")
    standing_clock.shift(-59)
    assert refused_for(PASSWORD, "account ada") == 89
    assert refused_for(LOGIN_CODE, "account ada") == 3600


@pytest.mark.usefixtures("house")
def test_a_count_belongs_to_one_factor_and_one_subject(standing_clock: time_machine.Traveller) -> None:
    for _ in range(6):
        attempts.claim(PASSWORD, NOBODY, None, "account ada")
    for _ in range(3):
        attempts.claim(TOTP, NOBODY, None, "account ada")
        attempts.claim(PASSWORD, NOBODY, None, "account eve")
    cleared(PASSWORD, "account eve")
    assert counts() == [0, 3, 6]
    assert refused_for(PASSWORD, "account ada") == 30
    cleared(PASSWORD, "account ada")
    assert counts() == [0, 0, 3]


@pytest.mark.usefixtures("house")
def test_a_guess_at_two_is_refused_for_the_sake_of_one_and_then_counted_at_none() -> None:
    for _ in range(6):
        attempts.claim(PASSWORD, NOBODY, None, "name ada", "account ada")
    assert counts() == [6, 6]
    for other in ("name ada@example.org", "a", "z", "name ADA"):
        assert refused_for(PASSWORD, other, "account ada") > 0
    assert counts() == [0] * 4 + [6, 6]


@pytest.mark.usefixtures("house")
def test_a_guess_is_counted_though_the_unit_of_work_around_it_fails() -> None:
    def fails() -> None:
        with unit_of_work():
            attempts.claim(PASSWORD, NOBODY, None, "account ada")
            attempts.clear(PASSWORD, "account ada")
            raise ZeroDivisionError

    for expected in (1, 2):
        with pytest.raises(ZeroDivisionError):
            fails()
        assert counts() == [expected]


@pytest.mark.usefixtures("house")
def test_what_was_never_guessed_at_is_cleared_without_a_trace() -> None:
    cleared(PASSWORD, "account ada")
    assert counts() == []


def test_only_a_keyed_digest_of_the_subject_is_kept(house: House) -> None:
    house.login("Ada.Lovelace@example.org")
    kept = [row.subject for row in rows(select(Attempt.subject))]
    assert [len(subject) for subject in kept] == [64, 64]
    assert len(set(kept)) == 2


def test_counts_survive_a_restart_and_are_one_over_all_processes(build: Callable[..., Door]) -> None:
    one, other = build(), build()
    one.account()
    for turn in range(6):
        assert (one, other)[turn % 2].login("ada", "wrong-horse-battery").status_code == 401
    restarted = build()
    assert [door.login().status_code for door in (one, other, restarted)] == [429] * 3


def test_a_new_pepper_forgives_no_guess(build: Callable[..., Door], standing_clock: time_machine.Traveller) -> None:
    with build(PASSWORD_PEPPER=PEPPER).app.app_context():
        for _ in range(7):
            attempts.claim(PASSWORD, NOBODY, None, "account ada")
            standing_clock.shift(30)
    rotated = build(PASSWORD_PEPPER=f"{NEWER},{PEPPER}").app
    with rotated.app_context():
        assert refused_for(PASSWORD, "account ada") == 30
        standing_clock.shift(30)
        assert refused_for(PASSWORD, "account ada") == 0
        assert refused_for(PASSWORD, "account ada") == 120
    with build(PASSWORD_PEPPER=NEWER).app.app_context():
        assert refused_for(PASSWORD, "account ada") == 120


def test_what_is_cleared_under_a_new_pepper_does_not_come_back(build: Callable[..., Door]) -> None:
    with build(PASSWORD_PEPPER=PEPPER).app.app_context():
        for _ in range(6):
            attempts.claim(PASSWORD, NOBODY, None, "account ada")
    with build(PASSWORD_PEPPER=f"{NEWER},{PEPPER}").app.app_context():
        cleared(PASSWORD, "account ada")
        assert [refused_for(PASSWORD, "account ada") for _ in range(6)] == [0] * 6
