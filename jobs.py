"""Scheduled work, each job one service call. Every job claims its work in the database: doubles are harmless."""

import logging
from collections.abc import Callable
from datetime import timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from database import was_lost
from extensions import new_scheduler, settings
from services import activity, clock, erasure, job_runs, metrics, outbox, pictures, retention, sessions

DELIVERY_SECONDS = 1
IDLE_SECONDS = 300
CLEAR_OUT_SECONDS = 3600
FIRST_SECONDS = 60
"""After a start: a service that is started anew every hour must clear out too."""
PERIODS = {
    outbox.deliver_due.__name__: DELIVERY_SECONDS,
    sessions.end_idle.__name__: IDLE_SECONDS,
    retention.clear_out.__name__: CLEAR_OUT_SECONDS,
    erasure.erase_due.__name__: CLEAR_OUT_SECONDS,
    erasure.shorten_addresses.__name__: CLEAR_OUT_SECONDS,
    pictures.sweep.__name__: CLEAR_OUT_SECONDS,
}
"""Seconds between the runs of what the jobs do, by the name under which its runs are noted."""
log = logging.getLogger(__name__)


def start(app: Flask) -> BackgroundScheduler:
    """Starts this process's scheduled work, after any fork: the activity flush always, the jobs where they are enabled."""
    scheduler = new_scheduler()
    with app.app_context():
        scheduler.add_job(flush_activity, "interval", [app], seconds=activity.period(), id="flush_activity")
        activity.memory().when_full = lambda: scheduler.modify_job("flush_activity", next_run_time=clock.now())
        if settings().scheduler_enabled:
            # Several at once, so that one slow recipient never holds up the rest.
            scheduler.add_job(deliver_mail, "interval", [app], seconds=DELIVERY_SECONDS, max_instances=4)
            first = clock.now() + timedelta(seconds=min(FIRST_SECONDS, CLEAR_OUT_SECONDS))
            for work in (forget, clear_out):
                scheduler.add_job(work, "interval", [app], seconds=CLEAR_OUT_SECONDS, next_run_time=first)
            scheduler.add_job(end_idle_sessions, "interval", [app], seconds=IDLE_SECONDS)
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
