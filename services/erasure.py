"""Erasing deleted accounts, and shortening client addresses: what the service forgets about people.

Of an erased account an empty shell stays until its sessions' tokens have run out, and of its record the facts without
the person: what happened and when.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute

from database import changed, overwrite_log, rows, unit_of_work
from extensions import settings
from model import AuditFact, HeldAddress, Identity, KnownDevice, RecoveryCode, Session, Ticket, User
from services import addresses, attempts, audit, clock, letters, mint, names, pictures, tickets, users
from services.client import Client

HANGING_ON: tuple[type[Any], ...] = (HeldAddress, Identity, KnownDevice, RecoveryCode, Ticket)
"""What goes with the account, whole."""
EMPTY = {"ip": "", "ip_shortened": True, "user_agent": ""}
NOBODY = Client("", "")
PIECE = 500


def erase_due() -> int:
    """Erases the accounts whose time is over; returns how many.

    An address that the account had until lately may still bring it back: that is waited for. So is a recovery link: it was
    mailed late where it outlives the account.
    """
    total = 0
    held = exists().where(HeldAddress.user_id == User.id, HeldAddress.until > clock.now())
    for row in rows(select(User.id).where(User.deleted_at <= _over(), User.erased_at.is_(None), ~held)):
        with unit_of_work():
            total += erase(row.id)
    overwrite_log()
    return total


def _over() -> datetime:
    """What was deleted by then is erased now."""
    return clock.now() - timedelta(seconds=settings().account_erase_seconds)


def erase(user_id: str) -> bool:
    """Takes everything personal away, in the caller's unit of work; the picture's file goes with the commit.

    False where the account was brought back meanwhile, or another worker has erased it.
    """
    users.lock(user_id)
    account = users.get(user_id)
    if account is None or account.deleted_at is None or account.deleted_at > _over() or _is_waited_for(user_id):
        return False
    pictures.drop(account.picture)
    attempts.forget(*users.all_aims(account))
    for table in HANGING_ON:
        changed(delete(table).where(table.user_id == user_id))
    changed(update(Session).where(Session.user_id == user_id).values(**EMPTY, amr="", refresh_jti="", parent_jti=None))
    changed(update(AuditFact).where(AuditFact.user_id == user_id).values(**EMPTY, details={}))
    changed(update(User).where(User.id == user_id).values(_shell()))
    audit.record("account_erased", NOBODY, user_id=user_id)
    return True


def _is_waited_for(user_id: str) -> bool:
    """Whether a mailed link may still bring it back. Less time than such links have is what the operator chose."""
    is_short = settings().account_erase_seconds < letters.RECOVERY_SECONDS
    return bool(addresses.held_of(user_id)) or (not is_short and tickets.may_recover(user_id))


def _shell() -> dict[str, Any]:
    """Every column of a user that could say who it was; a test holds this to the model."""
    name, now = f"erased-{mint.readable(20)}", clock.now()
    texts = ("first_name", "last_name", "phone_number", "picture", "pending_email", "password_hash")
    secrets = ("totp_secret", "totp_offered", "totp_last_step", "mfa_enabled_at")
    gone = dict.fromkeys((*texts, *secrets, "owned_email_key", "email_confirmed_at"))
    kept = {"username": name, "username_key": name, "email": "", "email_key": "", "is_active": False, "is_admin": False}
    return gone | kept | {"deleted_at": now, "erased_at": now}


def shorten_addresses() -> int:
    """Client addresses that are old enough become networks; returns how many."""
    return _shorten(Session.created_at) + _shorten(AuditFact.time)


def _shorten(moment: InstrumentedAttribute[Any]) -> int:
    """The oldest first, in short transactions."""
    table: Any = moment.class_
    old = (table.ip_shortened.is_(False), moment <= clock.now() - timedelta(seconds=settings().address_retention_seconds))
    total = 0
    while found := rows(select(table.id, table.ip).where(*old).order_by(moment).limit(PIECE)):
        with unit_of_work():
            for row in found:
                same = update(table).where(table.id == row.id, table.ip_shortened.is_(False))
                total += changed(same.values(ip=names.network(row.ip), ip_shortened=True))
    return total
