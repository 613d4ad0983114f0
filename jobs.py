"""Scheduled work, each job one service call. Every job claims its work in the database: doubles are harmless."""

import logging

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from database import was_lost
from extensions import new_scheduler
from services import outbox

DELIVERY_SECONDS = 1
log = logging.getLogger(__name__)


def start(app: Flask) -> BackgroundScheduler:
    """Starts the jobs in this process, after any fork; stop with `scheduler.shutdown()`."""

    def deliver_mail() -> None:
        with app.app_context():
            try:
                outbox.deliver_due()
            except Exception as error:
                if not was_lost(error):
                    raise
                log.warning("mail waits: the database does not answer")

    scheduler = new_scheduler()
    # Several at once, so that one slow recipient never holds up the rest.
    scheduler.add_job(deliver_mail, "interval", seconds=DELIVERY_SECONDS, max_instances=4, id="deliver_mail")
    scheduler.start()
    return scheduler
