"""When each piece of scheduled work ran last, and how: told by every process, so that an operator sees when none does it."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from database import changed, db, rows, unit_of_work
from model import JobRun
from services import clock

EVERY = timedelta(seconds=60)
"""One process notes one job so often at most, while it goes as it went before."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """The last run of a job, of any process. `fault`: the kind of its exception, empty where it succeeded."""

    ran_at: datetime
    succeeded_at: datetime | None
    fault: str


def note(name: str, fault: str = "") -> None:
    """Remembers that the job ran now. What cannot be written is left out: the next run tells."""
    noted: dict[str, tuple[datetime, str]] = current_app.extensions.setdefault("job_runs", {})
    now = clock.now()
    moment, before = noted.get(name, (now - EVERY, fault))
    if fault == before and abs(now - moment) < EVERY:  # a clock that stepped back must not silence it
        return
    noted[name] = (now, fault)
    values = {"ran_at": now, "fault": fault} | ({} if fault else {"succeeded_at": now})
    try:
        with unit_of_work():
            if not changed(update(JobRun).where(JobRun.name == name).values(values)):
                db.session.add(JobRun(name=name, **values))
    except DBAPIError as error:
        log.info("the run of a job was not noted: %s", type(error).__name__)


def last() -> dict[str, Run]:
    """The last run of each job that ever ran, by its name."""
    found = rows(select(JobRun.name, JobRun.ran_at, JobRun.succeeded_at, JobRun.fault))
    return {row.name: Run(row.ran_at, row.succeeded_at, row.fault) for row in found}
