"""What is removed once nothing needs it: in small pieces, so that nobody waits for it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from database import PIECE, changed, in_pieces, rows, unit_of_work
from extensions import settings
from model import Attempt, AuditFact, HeldAddress, Letter, ProviderVisit, Session, Ticket, User
from services import attempts, audit, clock

KEPT_DAYS = 7
"""How long a spent ticket and a finished letter can still be looked at."""
ATTEMPTS_DAYS = 30
"""After so long without a guess a count begins anew; one that reached its end stays."""
SETTLED_WITHIN = timedelta(days=1)
"""So that a run looks at the day's tickets and not at all."""
NOBODYS_DAYS = 90
"""How long the record keeps what strangers did that concerned no account: for looking into an attack."""
BY_STRANGERS = ("signed_up", *audit.OF_REFUSALS)
Rule = tuple[ColumnElement[bool], *tuple[InstrumentedAttribute[Any], ...]]


def settle_expired() -> int:
    """What has expired stays so where the clock steps back: a ticket's end moves to its beginning. Returns how many moved."""
    now = clock.now()
    lately = Ticket.expires_at.between(now - SETTLED_WITHIN, now)
    expired = and_(lately, Ticket.expires_at > Ticket.created_at, Ticket.spent_at.is_(None))
    return in_pieces(update(Ticket).values(expires_at=Ticket.created_at), expired, Ticket.expires_at)


def clear_out() -> int:
    """Removes what is over; returns how many rows. The DELETE repeats the condition, so doubles are harmless."""
    return _drop_pending() + sum(in_pieces(delete(index[-1].class_), over, *index) for over, *index in _rules())


def _drop_pending() -> int:
    """Removes sign-ups that nobody confirmed in time; what they were recorded by is about nobody from then on."""
    since = clock.now() - timedelta(seconds=settings().unconfirmed_erase_seconds)
    over = and_(User.email_confirmed_at.is_(None), User.erased_at.is_(None), User.created_at < since)
    oldest = select(User.id).where(over).order_by(User.email_confirmed_at, User.created_at).limit(PIECE)
    total = 0
    while found := [row.id for row in rows(oldest)]:
        with unit_of_work():
            total += changed(delete(User).where(User.id.in_(found), case((over, 1), else_=0) == 1))
            gone = AuditFact.user_id.not_in(select(User.id).where(User.id.in_(found)))
            theirs = update(AuditFact).where(AuditFact.user_id.in_(found), AuditFact.kind.in_(BY_STRANGERS), gone)
            changed(theirs.values(user_id=None))
    return total


def _rules() -> Iterator[Rule]:
    """Which rows are over, and the columns of the index that finds them."""
    now = clock.now()
    kept_since = now - timedelta(days=KEPT_DAYS)
    # An ended session answers `session_ended` until the last token that it covers would have expired.
    tokens_since = now - timedelta(seconds=settings().jwt_refresh_token_expires + settings().refresh_reuse_seconds)
    nobodys = and_(AuditFact.user_id.is_(None), AuditFact.kind.in_(BY_STRANGERS))
    unspent = or_(Ticket.spent_at.is_(None), Ticket.spent_at < kept_since)
    given_up = and_(Attempt.last_at < now - timedelta(days=ATTEMPTS_DAYS), Attempt.failures < attempts.STOP)
    yield Session.refreshed_at < tokens_since, Session.refreshed_at
    yield and_(Ticket.expires_at < kept_since, unspent), Ticket.expires_at
    yield Letter.finished_at < kept_since, Letter.finished_at
    yield HeldAddress.until < now, HeldAddress.until
    yield ProviderVisit.expires_at < now, ProviderVisit.expires_at
    yield given_up, Attempt.last_at
    yield and_(nobodys, AuditFact.time < now - timedelta(days=NOBODYS_DAYS)), AuditFact.user_id, AuditFact.time
    yield User.erased_at < tokens_since, User.erased_at  # an empty shell, kept for its sessions
