"""When the scheduled work is done."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import STATE_RUNNING

import jobs
from services import clock
from tests.resources.conftest import Door


def test_a_clock_that_steps_back_puts_no_job_off(build: Callable[..., Door]) -> None:
    app = build(SCHEDULER_ENABLED="true").app
    scheduler = jobs.start(app)
    try:
        scheduler.pause()
        before = {job.name for job in scheduler._jobstores["default"].get_due_jobs(clock.now() - timedelta(hours=2))}
        assert before == {job.name for job in scheduler.get_jobs()}
    finally:
        jobs.stop(app, scheduler)


def test_a_clock_that_steps_back_while_the_jobs_are_looked_through_puts_none_off(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    """APScheduler reads the clock before it looks for jobs and again to know how long it may sleep."""
    app = build(SCHEDULER_ENABLED="true").app
    scheduler = jobs.start(app)
    try:
        scheduler.pause()
        with time_machine.travel(clock.now() + timedelta(days=3653)) as traveller:
            looked_for = MemoryJobStore.get_next_run_time

            def step_back(store: MemoryJobStore) -> Any:
                moment = looked_for(store)
                traveller.shift(timedelta(days=-3653))
                return moment

            monkeypatch.setattr(MemoryJobStore, "get_next_run_time", step_back)
            scheduler.state = STATE_RUNNING  # its own thread still waits
            seconds = scheduler._process_jobs()
        assert 0 < seconds <= jobs.DELIVERY_SECONDS
    finally:
        jobs.stop(app, scheduler)


def test_a_clock_that_steps_ahead_owes_one_run_of_each_job() -> None:
    """APScheduler's own interval would count 315 million turns of the mail."""
    now = clock.now()
    assert jobs.Every(1).get_next_fire_time(now, now + timedelta(days=3653)) == now + timedelta(days=3653, seconds=1)


def test_every_job_runs_soon_after_a_start_so_that_frequent_restarts_lose_none(build: Callable[..., Door]) -> None:
    app = build(SCHEDULER_ENABLED="true").app
    scheduler = jobs.start(app)
    try:
        first = {job.name: job.next_run_time for job in scheduler.get_jobs()}
    finally:
        jobs.stop(app, scheduler)
    assert {"clear_out", "forget", "deliver_mail", "end_idle_sessions"} <= set(first)
    assert max(first.values()) <= clock.now() + timedelta(seconds=jobs.IDLE_SECONDS)
