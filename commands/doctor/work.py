"""Scheduled work: whether it is done at all, and whether mail gets away."""

from datetime import datetime, timedelta

import jobs
from commands.doctor.findings import Finding, Findings, fault, ok, warning
from services import clock, job_runs, outbox
from services.job_runs import Run

SLACK = timedelta(minutes=3)
"""A run is noted once a minute at most."""
LATE = timedelta(minutes=5)
CURE = "Is the service running, with SCHEDULER_ENABLED=true in one process?"


def jobs_examined() -> Findings:
    """By what the running processes noted, whichever they are."""
    runs = job_runs.last()
    for name, seconds in jobs.PERIODS.items():
        if name in runs:
            yield _job(name, runs[name], timedelta(seconds=seconds))
    if never := [name for name in jobs.PERIODS if name not in runs]:
        cure = f"{CURE} The first run of each comes within {jobs.IDLE_SECONDS // 60} minutes of a start."
        yield warning("jobs", f"never run: {', '.join(never)}", cure if runs else CURE)


def _job(name: str, run: Run, period: timedelta) -> Finding:
    since = clock.now() - run.ran_at
    if since > period + SLACK:
        return fault("jobs", f"{name} last ran {_said(since)} ago; it is due every {_said(period)}", CURE)
    if run.fault:
        succeeded = (
            f"it last succeeded {_said(clock.now() - run.succeeded_at)} ago" if run.succeeded_at else "it never succeeded"
        )
        return fault("jobs", f"{name} fails ({run.fault}); {succeeded}", "The log tells where.")
    return ok("jobs", f"{name} ran {_said(since)} ago")


def outbox_examined() -> Findings:
    state = outbox.state()
    if state.oldest_due and clock.now() - state.oldest_due > LATE:
        message = f"{state.waiting} letters wait, the oldest since {_when(state.oldest_due)}"
        yield fault("outbox", message, CURE)
    elif state.retried:
        message = f"{state.retried} letters were tried and not taken; the service goes on trying"
        yield warning("outbox", message, "Mend what is found under mail, then `flask --app app outbox retry`.")
    else:
        yield ok("outbox", f"{state.waiting} letters wait, none too long")
    if state.given_up:
        cure = "`flask --app app outbox list --all` shows them; the log says what the server answered."
        yield warning("outbox", f"{state.given_up} letters were given up in the last days", cure)


def _said(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def _when(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
