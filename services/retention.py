"""What is removed once nothing needs it: in small pieces, so that nobody waits for it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, update
from sqlalchemy.orm import InstrumentedAttribute

from database import in_pieces
from extensions import settings
from model import Attempt, HeldAddress, Letter, ProviderVisit, Session, Ticket, User
from services import attempts, clock

KEPT_DAYS = 7
"""How long a spent ticket and a finished letter can still be looked at."""
ATTEMPTS_DAYS = 30
"""After so long without a guess a count begins anew; one that reached its end stays."""
SETTLED_WITHIN = timedelta(days=1)
"""So that a run looks at the day's tickets and not at all."""
Rule = tuple[ColumnElement[bool], *tuple[InstrumentedAttribute[Any], ...]]


def settle_expired() -> int:
    """What has expired stays so where the clock steps back: a ticket's end moves to its beginning. Returns how many moved."""
    now = clock.now()
    lately = Ticket.expires_at.between(now - SETTLED_WITHIN, now)
    expired = and_(lately, Ticket.expires_at > Ticket.created_at, Ticket.spent_at.is_(None))
    return in_pieces(update(Ticket).values(expires_at=Ticket.created_at), expired, Ticket.expires_at)


def clear_out() -> int:
    """Removes what is over; returns how many rows. The DELETE repeats the condition, so doubles are harmless."""
    return sum(in_pieces(delete(index[-1].class_), over, *index) for over, *index in _rules())


def _rules() -> Iterator[Rule]:
    """Which rows are over, and the columns of the index that finds them."""
    now = clock.now()
    kept_since = now - timedelta(days=KEPT_DAYS)
    # An ended session answers `session_ended` until the last token that it covers would have expired.
    tokens_since = now - timedelta(seconds=settings().jwt_refresh_token_expires + settings().refresh_reuse_seconds)
    unconfirmed_since = now - timedelta(seconds=settings().unconfirmed_erase_seconds)
    unspent = or_(Ticket.spent_at.is_(None), Ticket.spent_at < kept_since)
    given_up = and_(Attempt.last_at < now - timedelta(days=ATTEMPTS_DAYS), Attempt.failures < attempts.STOP)
    unproved = and_(User.email_confirmed_at.is_(None), User.erased_at.is_(None), User.created_at < unconfirmed_since)
    yield Session.refreshed_at < tokens_since, Session.refreshed_at
    yield and_(Ticket.expires_at < kept_since, unspent), Ticket.expires_at
    yield Letter.finished_at < kept_since, Letter.finished_at
    yield HeldAddress.until < now, HeldAddress.until
    yield ProviderVisit.expires_at < now, ProviderVisit.expires_at
    yield given_up, Attempt.last_at
    yield unproved, User.email_confirmed_at, User.created_at
    yield User.erased_at < tokens_since, User.erased_at  # an empty shell, kept for its sessions
