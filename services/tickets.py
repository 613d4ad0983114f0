"""Single-use secrets by purpose. Only a hash is kept; one conditional UPDATE spends it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update

from database import changed, db, rows
from errors import InvalidToken
from model import Ticket
from services import clock, keys, mint, users, vault

CONFIRM = "confirm"
CHANGE_EMAIL = "change_email"
RESET = "reset"
SIGN_IN = "sign_in"
LOGIN_CODE = "login_code"
STEP_UP_CODE = "step_up_code"
UNDO_DELETION = "undo_deletion"
NOT_ME = "not_me"
LINK = "link"
EXCHANGE = "exchange"
EXCHANGE_UNPROVED = "exchange_unproved"
"""Codes of sign-ins whose identity is not linked to the account. Of a purpose of their own: an older release takes none."""
EXTERNAL_SIGN_IN = "external_sign_in"
LINK_PROOF, LINK_CODE = "link_proof", "link_code"
REAUTHENTICATE, EXCHANGE_STEP_UP = "reauthenticate", "exchange_step_up"
UNDO_EMAIL = "undo_email"
SIGN_UP = "sign_up"
OF_PROVIDERS = (
    *(LINK, EXCHANGE, EXCHANGE_UNPROVED, EXTERNAL_SIGN_IN),
    *(LINK_PROOF, LINK_CODE, REAUTHENTICATE, EXCHANGE_STEP_UP),
)
OF_CREDENTIALS = (RESET, SIGN_IN, LOGIN_CODE, STEP_UP_CODE, CHANGE_EMAIL, *OF_PROVIDERS)
"""What a change of password or address makes void."""
RECOVERY = (NOT_ME, UNDO_EMAIL, UNDO_DELETION)
"""What `services.lockout` gives an account back by."""

USE_INSTEAD = {
    CONFIRM: "If you have confirmed your address already, just sign in. Otherwise request a new link at /resend-confirmation.",
    RESET: "Request a new link at /forgot-password; only the newest one works.",
    NOT_ME: "If somebody else may be in your account, set a new password by /forgot-password, and look at your sessions.",
    UNDO_EMAIL: "Use the newest mail about this change. If the seven days are over, ask the operator of this service.",
}
"""What to do where a link is used or expired, by the first of its purposes."""


@dataclass(frozen=True, slots=True)
class Found:
    """A ticket that is good now, and what it is about. `moment`: of the event that it tells of."""

    id: str
    purpose: str
    user_id: str
    about: Any
    moment: datetime


def issue(purpose: str, user_id: str, seconds: int, about: Any = None, moment: datetime | None = None) -> str:
    """A fresh secret of 256 bits, good once for `seconds`. `moment`: of the event that it tells of, if that is not now."""
    secret = mint.secret()
    _keep(mint.identifier(), purpose, keys.fingerprint(secret), user_id, seconds, about=about, moment=moment)
    return secret


def issue_code(purpose: str, user_id: str, seconds: int, session_id: str | None = None) -> str:
    """A fresh code of six digits, kept as a keyed hash; void are the older ones of its kind."""
    older = (Ticket.user_id == user_id, Ticket.purpose == purpose, _of_session(session_id), Ticket.spent_at.is_(None))
    changed(update(Ticket).where(*older).values(spent_at=clock.now()))
    code, ticket_id = mint.digits(6), mint.identifier()
    digest = keys.digest("mailed code", f"{ticket_id}:{code}")
    _keep(ticket_id, purpose, digest, user_id, seconds, session_id=session_id)
    return code


def _keep(ticket_id: str, purpose: str, digest: str, user_id: str, seconds: int, **more: Any) -> None:
    now, about = clock.now(), more.get("about")
    db.session.add(
        Ticket(
            id=ticket_id,
            purpose=purpose,
            digest=digest,
            user_id=user_id,
            session_id=more.get("session_id"),
            about=vault.seal("ticket", ticket_id, about) if about is not None else None,
            created_at=more.get("moment") or now,
            expires_at=now + timedelta(seconds=seconds),
        )
    )


def find(secret: str, *purposes: str) -> Found:
    """The ticket of a secret, unspent; raises InvalidToken where it is unknown, used, expired, or of a key that is gone."""
    found = rows(_good().where(Ticket.digest == keys.fingerprint(secret), Ticket.purpose.in_(purposes)))
    if not found:
        raise InvalidToken(_not_good(purposes[0]))
    row = found[0]
    try:
        about = vault.reveal("ticket", row.id, row.about) if row.about else None
    except vault.VaultRefused as refused:
        raise InvalidToken from refused
    return Found(row.id, row.purpose, row.user_id, about, row.created_at)


def owner_of(secret: str, purpose: str) -> str | None:
    """Whose secret this is, unspent; None where it is unknown, used or expired."""
    found = rows(_good().where(Ticket.digest == keys.fingerprint(secret), Ticket.purpose == purpose))
    return found[0].user_id if found else None


def find_code(purpose: str, user_id: str, code: str, session_id: str | None = None) -> str | None:
    """The id of the newest code of its kind, where this is it."""
    newest = _good().where(Ticket.purpose == purpose, Ticket.user_id == user_id, _of_session(session_id))
    found = rows(newest.order_by(Ticket.created_at.desc()).limit(1))
    fits = found and found[0].digest in keys.digests("mailed code", f"{found[0].id}:{code}")
    return found[0].id if fits else None


def _good() -> Any:
    columns = (Ticket.id, Ticket.purpose, Ticket.user_id, Ticket.about, Ticket.digest, Ticket.created_at)
    return select(*columns).where(*_lives())


def _lives() -> tuple[ColumnElement[bool], ...]:
    """Unspent and unexpired. What was made before the clock stepped back is not good: it may have expired before that too."""
    now = clock.now()
    return Ticket.spent_at.is_(None), Ticket.expires_at > now, Ticket.created_at <= now + clock.SKEW


def _of_session(session_id: str | None) -> ColumnElement[bool]:
    return Ticket.session_id == session_id if session_id else Ticket.session_id.is_(None)


def may_recover(user_id: str) -> bool:
    """Whether a recovery link of the account is still good."""
    return bool(rows(select(Ticket.id).where(Ticket.user_id == user_id, Ticket.purpose.in_(RECOVERY), *_lives()).limit(1)))


def use_up(ticket_id: str) -> bool:
    """Spends it; false where somebody else has, or it expired. Decides between those who found it at the same time."""
    return changed(update(Ticket).where(Ticket.id == ticket_id, *_lives()).values(spent_at=clock.now())) == 1


def spend(secret: str, *purposes: str) -> Found:
    """Finds it and uses it up; raises InvalidToken. The account is locked."""
    found = find(secret, *purposes)
    users.lock(found.user_id)
    if not use_up(found.id):
        raise InvalidToken(_not_good(purposes[0]))
    return found


def _not_good(purpose: str) -> str | None:
    return (
        f"This link was used before, has expired, or was replaced. {USE_INSTEAD[purpose]}" if purpose in USE_INSTEAD else None
    )


def void_everybodys() -> int:
    """No one-time secret of anybody is good any more; returns how many were."""
    return changed(update(Ticket).where(Ticket.spent_at.is_(None)).values(spent_at=clock.now()))


def void(user_id: str, *purposes: str) -> None:
    """None of these is good any more."""
    theirs = (Ticket.user_id == user_id, Ticket.purpose.in_(purposes), Ticket.spent_at.is_(None))
    changed(update(Ticket).where(*theirs).values(spent_at=clock.now()))
