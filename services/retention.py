"""What is removed once nothing needs it: in small pieces, so that nobody waits for it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from database import changed, rows, unit_of_work
from extensions import settings
from model import Attempt, HeldAddress, Letter, ProviderVisit, Session, Ticket, User
from services import attempts, clock

PIECE = 500
KEPT_DAYS = 7
"""How long a spent ticket and a finished letter can still be looked at."""
ATTEMPTS_DAYS = 30
"""After so long without a guess a count begins anew; one that reached its end stays."""


def clear_out() -> int:
    """Removes what is over; returns how many rows. The DELETE repeats the condition, so doubles are harmless."""
    return sum(_removed(key, over) for key, over in _rules())


def _rules() -> Iterator[tuple[InstrumentedAttribute[str], ColumnElement[bool]]]:
    now = clock.now()
    kept_since = now - timedelta(days=KEPT_DAYS)
    # An ended session answers `session_ended` until the last token that it covers would have expired.
    tokens_since = now - timedelta(seconds=settings().jwt_refresh_token_expires + settings().refresh_reuse_seconds)
    unconfirmed_since = now - timedelta(seconds=settings().unconfirmed_erase_seconds)
    yield Session.id, Session.refreshed_at < tokens_since
    yield Ticket.id, and_(Ticket.expires_at < kept_since, or_(Ticket.spent_at.is_(None), Ticket.spent_at < kept_since))
    yield Letter.id, Letter.finished_at < kept_since
    yield HeldAddress.email_key, HeldAddress.until < now
    yield ProviderVisit.id, ProviderVisit.expires_at < now
    yield Attempt.subject, and_(Attempt.last_at < now - timedelta(days=ATTEMPTS_DAYS), Attempt.failures < attempts.STOP)
    yield User.id, and_(User.email_confirmed_at.is_(None), User.created_at < unconfirmed_since)


def _removed(key: InstrumentedAttribute[Any], over: ColumnElement[bool]) -> int:
    total = 0
    while found := [row[0] for row in rows(select(key).where(over).limit(PIECE))]:
        with unit_of_work():
            total += changed(delete(key.class_).where(key.in_(found), over))
    return total
