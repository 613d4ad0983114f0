"""The record of what happened to an account, and its owner's view of it.

Each fact is also one line of the log, written once the fact is committed, so that a copy can leave the machine.
"""

import hashlib
import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, insert, or_, select, true
from sqlalchemy.exc import IntegrityError

from database import afterwards, db, note, rows, transaction_apart
from errors import ValidationFailed
from model import AuditFact
from services import clock, mint, names
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
    "too_many_attempts",
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
OF_REFUSALS = (
    *("sign_in_failed", "sign_in_refused", "sign_in_wants_factor"),
    *("code_failed", "reauthentication_failed", "too_many_attempts"),
)
"""Kept although the call is refused. All others tell of what was done, and are undone with it."""
AT_A_TIME = 500
"""Rows of a long record that are in memory at once."""
UNKNOWN_EVENT = "Give the id of one of your own events: `next` of the page before holds it."
log = logging.getLogger(__name__)


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
    values = _values(mint.identifier(), kind, client, user_id, details) | {"session_id": session_id}
    fact = AuditFact(**values)
    if kind in OF_REFUSALS:
        note(fact, lambda: _tell(values))
    else:
        db.session.add(fact)
        afterwards(if_kept=lambda: _tell(values))


def record_once(occasion: str, kind: Kind, client: Client, *, user_id: str | None = None, **details: str) -> None:
    """Keeps a fact at once, in a transaction of its own; does nothing where one of this kind and occasion is kept.

    The fact's id is derived from both, so the database refuses a second one, also of two calls at the same time.
    """
    digest = hashlib.sha256(f"{kind}:{occasion}".encode()).digest()
    fact_id = str(uuid.UUID(bytes=digest[:16], version=4))
    if rows(select(AuditFact.id).where(AuditFact.id == fact_id)):
        return
    values = _values(fact_id, kind, client, user_id, details)
    with suppress(IntegrityError):
        with transaction_apart() as connection:
            connection.execute(insert(AuditFact).values(values))
        _tell(values)


def methods(amr: Iterable[str]) -> str:
    """How somebody proved who they are, as facts say it: `amr`, with a recovery code by its name in place of `mfa`."""
    words = tuple(amr)
    proofs = [word for word in words if word != "mfa"]
    return " ".join([*proofs, "recovery_code"] if "mfa" in words and "otp" not in words else proofs)


def _values(fact_id: str, kind: Kind, client: Client, user_id: str | None, details: dict[str, str]) -> dict[str, Any]:
    return {
        "id": fact_id,
        "time": clock.now(),
        "kind": kind,
        "user_id": user_id,
        "ip": client.ip,
        "ip_shortened": False,
        "user_agent": client.user_agent,
        "details": details | client.identifiers(),
    }


def _tell(values: dict[str, Any]) -> None:
    """Logs the fact, with a network in place of address and user agent: the log may outlive what is kept of them."""
    details = {name: text for name, text in values["details"].items() if name != "request_id"}
    told = {"event": values["kind"], "event_id": values["id"], "event_time": values["time"].isoformat()}
    told |= {"user_id": values["user_id"], "session_id": values.get("session_id")}
    told |= {"network": names.network(values["ip"]) or None, "details": details}
    more = "".join(f", {name}: {text}" for name, text in details.items())
    whose, where = told["user_id"] or "nobody", told["network"] or "none"
    log.info("event %s, account: %s, network: %s%s", told["event"], whose, where, more, extra=told)


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


def all_of(user_id: str) -> Iterator[list[dict[str, Any]]]:
    """Everything recorded about the user, the earliest first, in pieces: a long record never lies in memory as a whole."""
    columns = (AuditFact.id, AuditFact.time, AuditFact.kind, AuditFact.ip, AuditFact.user_agent, AuditFact.details)
    wanted = select(*columns).where(AuditFact.user_id == user_id).order_by(AuditFact.time, AuditFact.id).limit(AT_A_TIME)
    later: ColumnElement[bool] = true()
    while found := rows(wanted.where(later)):
        yield [dict(row._mapping) for row in found]
        last = found[-1]
        later = and_(AuditFact.time >= last.time, or_(AuditFact.time > last.time, AuditFact.id > last.id))


def recorded(user_id: str, kinds: tuple[Kind, ...], since: datetime, until: datetime) -> list[Any]:
    """The facts of these kinds about the user in a span of time; its end belongs to it, its beginning does not."""
    columns = (AuditFact.session_id, AuditFact.ip, AuditFact.user_agent, AuditFact.details)
    mine = (AuditFact.user_id == user_id, AuditFact.kind.in_(kinds), AuditFact.time > since, AuditFact.time <= until)
    return list(rows(select(*columns).where(*mine)))


def _earlier_than(user_id: str, event_id: str) -> ColumnElement[bool]:
    """Keyset paging: events that share a moment are told apart by id, so that none is skipped or shown twice."""
    found: list[Any] = rows(select(AuditFact.time).where(AuditFact.id == event_id, AuditFact.user_id == user_id))
    if not found:
        raise ValidationFailed({"before": [UNKNOWN_EVENT]})
    moment = found[0].time
    # The first condition is implied by the second, but is the one that an index can use.
    return and_(AuditFact.time <= moment, or_(AuditFact.time < moment, AuditFact.id < event_id))
