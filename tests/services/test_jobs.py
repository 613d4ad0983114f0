"""When the scheduled work is done."""

from collections.abc import Callable
from datetime import timedelta

import jobs
from services import clock
from tests.resources.conftest import Door


def test_every_job_runs_soon_after_a_start_so_that_frequent_restarts_lose_none(build: Callable[..., Door]) -> None:
    app = build(SCHEDULER_ENABLED="true").app
    scheduler = jobs.start(app)
    try:
        first = {job.name: job.next_run_time for job in scheduler.get_jobs()}
    finally:
        jobs.stop(app, scheduler)
    assert {"clear_out", "forget", "deliver_mail", "end_idle_sessions"} <= set(first)
    assert max(first.values()) <= clock.now() + timedelta(seconds=jobs.IDLE_SECONDS)
