"""Scheduled work, each job one service call. Every job claims its work in the database: doubles are harmless."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from flask import Flask

from database import was_lost
from extensions import settings
from services import activity, clock, erasure, job_runs, metrics, outbox, pictures, retention, sessions

DELIVERY_SECONDS = 1
CATCH_UP_SECONDS = 15
IDLE_SECONDS = 300
CLEAR_OUT_SECONDS = 3600
FIRST_SECONDS = 60
"""After a start: a service that is started anew every hour must clear out too."""
PERIODS = {
    outbox.deliver_due.__name__: DELIVERY_SECONDS,
    outbox.hurry_stranded.__name__: CATCH_UP_SECONDS,
    retention.settle_expired.__name__: CATCH_UP_SECONDS,
    sessions.end_idle.__name__: IDLE_SECONDS,
    retention.clear_out.__name__: CLEAR_OUT_SECONDS,
    erasure.erase_due.__name__: CLEAR_OUT_SECONDS,
    erasure.shorten_addresses.__name__: CLEAR_OUT_SECONDS,
    pictures.sweep.__name__: CLEAR_OUT_SECONDS,
}
"""Seconds between the runs of what the jobs do, by the name under which its runs are noted."""
log = logging.getLogger(__name__)


class Every(BaseTrigger):  # type: ignore[misc]
    """So many seconds from now on. APScheduler's own interval counts every turn that a clock which stepped ahead left out."""

    def __init__(self, seconds: float) -> None:
        self.period = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + self.period


class JobStore(MemoryJobStore):  # type: ignore[misc]
    """Jobs whose next run is never further ahead than a period: one that is was planned before the clock stepped back."""

    def get_due_jobs(self, now: datetime) -> Any:
        for job in self.get_all_jobs():
            if job.next_run_time > now + job.trigger.period:
                job.modify(next_run_time=now)
        return super().get_due_jobs(now)


class Scheduler(BackgroundScheduler):  # type: ignore[misc]
    """Looks for due jobs every second at least, by monotonic time, wherever the clock is set.

    A run is never too late: where the clock stepped ahead between its turn and its start, it is as much needed.
    """

    def __init__(self) -> None:
        super().__init__(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})

    def _process_jobs(self) -> float:
        """Return the seconds to sleep, one at most.

        APScheduler reads the clock a second time to compute them. If it stepped back in between, the sleep would last as long.
        """
        seconds: float | None = super()._process_jobs()
        return DELIVERY_SECONDS if seconds is None else min(seconds, DELIVERY_SECONDS)


def start(app: Flask) -> BackgroundScheduler:
    """Starts this process's scheduled work, after any fork: the activity flush always, the jobs where they are enabled."""
    scheduler = Scheduler()
    scheduler.add_jobstore(JobStore())
    with app.app_context():
        scheduler.add_job(flush_activity, Every(activity.period()), [app], id="flush_activity")
        activity.memory().when_full = lambda: scheduler.modify_job("flush_activity", next_run_time=clock.now())
        if settings().scheduler_enabled:
            # Several at once, so that one slow recipient never holds up the rest.
            scheduler.add_job(deliver_mail, Every(DELIVERY_SECONDS), [app], max_instances=4)
            scheduler.add_job(catch_up, Every(CATCH_UP_SECONDS), [app])
            first = clock.now() + timedelta(seconds=min(FIRST_SECONDS, CLEAR_OUT_SECONDS))
            for work in (forget, clear_out):
                scheduler.add_job(work, Every(CLEAR_OUT_SECONDS), [app], next_run_time=first)
            scheduler.add_job(end_idle_sessions, Every(IDLE_SECONDS), [app])
    scheduler.start()
    return scheduler


def stop(app: Flask, scheduler: BackgroundScheduler) -> None:
    """Lets running jobs end, and writes the last activity."""
    if scheduler.running:
        scheduler.shutdown(wait=True)
    flush_activity(app)


def deliver_mail(app: Flask) -> None:
    """Sends every letter that is due."""
    _run(app, outbox.deliver_due)


def catch_up(app: Flask) -> None:
    """Keeps a clock that steps back from holding up letters, and from making good again what had expired."""
    for work in (outbox.hurry_stranded, retention.settle_expired):
        _run(app, work)


def flush_activity(app: Flask) -> None:
    """Writes this process's activity."""
    _run(app, activity.flush)


def end_idle_sessions(app: Flask) -> None:
    """Ends sessions without activity."""
    _run(app, sessions.end_idle)


def clear_out(app: Flask) -> None:
    """Removes rows that nothing needs any more."""
    _run(app, retention.clear_out)


def forget(app: Flask) -> None:
    """Erases deleted accounts whose time is over, shortens addresses, removes pictures without an owner."""
    for work in (erasure.erase_due, erasure.shorten_addresses, pictures.sweep):
        _run(app, work)


def _run(app: Flask, work: Callable[[], int | None]) -> None:
    """A fault costs one turn of the job, never the job. Says how many rows were changed, where any were."""
    with app.app_context():
        try:
            if changed := work():
                log.info("%s: %d", work.__name__, changed)
            job_runs.note(work.__name__)
            metrics.add("latchkey_job_runs_total", work.__name__, "done")
            metrics.latest("latchkey_job_last_success_timestamp_seconds", work.__name__, value=clock.now().timestamp())
        except Exception as error:
            if was_lost(error):
                log.warning("a job waits: the database does not answer")
            else:
                log.error("a job failed", exc_info=error)
                job_runs.note(work.__name__, type(error).__name__)
            metrics.add("latchkey_job_runs_total", work.__name__, "no_database" if was_lost(error) else "failed")
