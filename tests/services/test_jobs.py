"""When the scheduled work is done."""

from collections.abc import Callable
from datetime import timedelta

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
