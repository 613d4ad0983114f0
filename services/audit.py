"""The record of what happened to an account, and its owner's view of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select

from database import db, note, rows
from errors import ValidationFailed
from model import AuditFact
from services import clock, mint
from services.client import Client

Kind = Literal[
    # Signing up and in
    "signed_up",
    "email_confirmed",
    "signed_in",
    "new_device",
    "sign_in_failed",
    "sign_in_refused",
    "sign_in_wants_factor",
    "code_failed",
    "reauthenticated",
    "reauthentication_failed",
    # Sessions
    "signed_out",
    "session_ended",
    "other_sessions_ended",
    "token_reused",
    # The account's own data
    "profile_changed",
    "password_changed",
    "password_reset",
    "email_change_asked",
    "email_changed",
    "email_change_undone",
    "not_me",
    "account_deleted",
    "account_restored",
    "account_erased",
    "provider_linked",
    "provider_unlinked",
    # Second factors
    "mfa_enabled",
    "mfa_disabled",
    "recovery_code_used",
    "recovery_codes_renewed",
    # By the operator
    "unlocked",
    "account_activated",
    "account_deactivated",
    "signed_out_by_operator",
    "made_admin",
    "admin_revoked",
    "everybody_signed_out",
]
"""What can happen; clients are told to tolerate kinds that they do not know, so the list may grow."""
OF_REFUSALS = ("sign_in_failed", "sign_in_refused", "sign_in_wants_factor", "code_failed", "reauthentication_failed")
"""Kept although the call is refused. All others tell of what was done, and are undone with it."""
UNKNOWN_EVENT = "Give the id of one of your own events: `next` of the page before holds it."


@dataclass(frozen=True, slots=True)
class Event:
    """A fact as the account's owner sees it. `kind` may be one that a newer version of the service wrote."""

    id: str
    time: datetime
    kind: str
    ip: str
    user_agent: str


def record(kind: Kind, client: Client, *, user_id: str | None = None, session_id: str | None = None, **details: str) -> None:
    """Notes a fact in the caller's unit of work; one of a refusal outlives it. `details`: nothing secret or personal."""
    fact = AuditFact(
        id=mint.identifier(),
        time=clock.now(),
        kind=kind,
        user_id=user_id,
        session_id=session_id,
        ip=client.ip,
        ip_shortened=False,
        user_agent=client.user_agent,
        details=details,
    )
    if kind in OF_REFUSALS:
        note(fact)
    else:
        db.session.add(fact)


def of(user_id: str, limit: int, before: str | None = None) -> tuple[list[Event], str | None]:
    """The user's own events, the latest first, and the id to give as `before` for the next page; None on the last one.

    Raises ValidationFailed where `before` is no event of theirs, whether or not it is somebody else's.
    """
    wanted = select(AuditFact.id, AuditFact.time, AuditFact.kind, AuditFact.ip, AuditFact.user_agent).where(
        AuditFact.user_id == user_id
    )
    if before is not None:
        wanted = wanted.where(_earlier_than(user_id, before))
    # One more than asked for tells whether there is a next page.
    found = rows(wanted.order_by(AuditFact.time.desc(), AuditFact.id.desc()).limit(limit + 1))
    events = [Event(*row) for row in found[:limit]]
    return events, events[-1].id if len(found) > limit else None


def all_of(user_id: str) -> list[dict[str, Any]]:
    """Everything recorded about the user, the earliest first."""
    columns = (AuditFact.id, AuditFact.time, AuditFact.kind, AuditFact.ip, AuditFact.user_agent, AuditFact.details)
    found = rows(select(*columns).where(AuditFact.user_id == user_id).order_by(AuditFact.time, AuditFact.id))
    return [dict(row._mapping) for row in found]


def _earlier_than(user_id: str, event_id: str) -> ColumnElement[bool]:
    """Keyset paging: events that share a moment are told apart by id, so that none is skipped or shown twice."""
    found: list[Any] = rows(select(AuditFact.time).where(AuditFact.id == event_id, AuditFact.user_id == user_id))
    if not found:
        raise ValidationFailed({"before": [UNKNOWN_EVENT]})
    moment = found[0].time
    # The first condition is implied by the second, but is the one that an index can use.
    return and_(AuditFact.time <= moment, or_(AuditFact.time < moment, AuditFact.id < event_id))
