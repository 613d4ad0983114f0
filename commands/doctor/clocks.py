"""This machine's clock against others that answer anyway: the database server's, and the providers'."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from commands.doctor.findings import SECONDS, Finding, Findings, fault, ok, warning
from database import db
from errors import Refusal
from extensions import settings
from services import clock, provider_connections, provider_http, providers

CURE = "Let both machines take their time from NTP (chrony, systemd-timesyncd)."
ASK = {"postgresql": "SELECT CURRENT_TIMESTAMP", "mysql": "SELECT UTC_TIMESTAMP(6)"}
"""SQLite has no clock of its own."""
SUSPECT, WRONG = timedelta(seconds=5), timedelta(seconds=25)
"""Five seconds are the leeway of our tokens; half a minute is a step of the authenticator apps."""


def examined() -> Findings:
    compared = False
    for whose, moment, ours in _others():
        compared = True
        yield _judged(whose, moment - ours)
    if not compared:
        yield ok("clock", "not compared: SQLite shares this machine's clock, and no provider answered with a date")


def _judged(whose: str, off: timedelta) -> Finding:
    seconds = f"{off.total_seconds():+.1f} s"
    if abs(off) < SUSPECT:
        return ok("clock", f"{whose} says the same time as this machine ({seconds})")
    message = f"{whose} says another time than this machine ({seconds})"
    return (fault if abs(off) > WRONG else warning)("clock", message, CURE)


def _others() -> Iterator[tuple[str, datetime, datetime]]:
    """Whose clock it is, what it said, and what ours said then."""
    if ask := ASK.get(db.engine.dialect.name):
        with db.engines["reader"].connect() as connection:
            moment = connection.execute(text(ask)).scalar_one()
        yield "the database server", moment if moment.tzinfo else moment.replace(tzinfo=UTC), clock.now()
    for name in settings().oidc:
        try:
            with provider_connections.within(SECONDS):
                told = provider_http.date_of(providers.named(name))
        except Refusal:
            continue  # the provider's own check tells of it
        if told:
            yield f"the provider {name}", told, clock.now()
