"""Changing an account's address: wanted, proved, undone. The address that it had stays taken while it can be undone."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, delete, select, update
from sqlalchemy.exc import IntegrityError

from database import changed, committed_rows, db, rows
from model import HeldAddress, User
from services import clock, names
from services.users import IS_OPEN, Account

UNDO_SECONDS = 7 * 86400


def prove(pending: Account) -> bool:
    """Makes a pending sign-up an account; false where it is one, an operator closed it, or its address is another's by now."""
    key = names.address_key(pending.email)
    unproved = update(User).where(User.id == pending.id, User.email_confirmed_at.is_(None), *IS_OPEN)
    try:
        done = changed(unproved.values(email_confirmed_at=clock.now(), owned_email_key=key)) == 1
    except IntegrityError:
        return False
    return done and not is_held(key, but=pending.id)


def want(user_id: str, email: str | None) -> None:
    """Remembers the address that the owner wants instead; None: none any more."""
    changed(update(User).where(User.id == user_id).values(pending_email=email))


def move(account: Account, email: str) -> bool:
    """Makes the wanted address the account's own, and holds the old one.

    False where it is wanted no more, or taken, or the account is not open.
    """
    now, old_key, new_key = clock.now(), names.address_key(account.email), names.address_key(email)
    same = (User.id == account.id, User.email == account.email, User.pending_email == email)
    wanted = update(User).where(*same, *IS_OPEN)
    if not _taken_over(wanted, email) or is_held(new_key, but=account.id):
        return False
    either = HeldAddress.email_key.in_((old_key, new_key))
    for row in committed_rows(select(HeldAddress.email_key).where(either)):  # only what is there: the same gaps
        _release(HeldAddress.email_key == row.email_key)
    db.session.add(HeldAddress(email_key=old_key, user_id=account.id, since=now, until=now + timedelta(seconds=UNDO_SECONDS)))
    return True


def away_since(user_id: str, email: str) -> datetime | None:
    """Since when the account has not had this address, while it may still take it back."""
    return next((row.since for row in _held(user_id) if row.email_key == names.address_key(email)), None)


def is_of(account: Account, email: str) -> bool:
    """Whether this is the account's address, in any spelling."""
    return names.address_key(email) == names.address_key(account.email)


def had_at(account: Account, email: str, moment: datetime) -> bool:
    """Whether the account had this address at that moment, and has it still or may take it back.

    An address that it has left and taken up again is another one: what was said to it before is not said to it now.
    """
    left = {row.email_key: row.since for row in _held(account.id)}
    if not is_of(account, email) and names.address_key(email) not in left:
        return False
    until = left.get(names.address_key(email))
    return all(since <= moment for since in left.values() if until is None or since < until)


def held_of(user_id: str) -> list[str]:
    """The addresses that the account may take back."""
    return [row.email_key for row in _held(user_id)]


def left_at(user_id: str) -> list[datetime]:
    """When the account left each address that it may take back, the first one first."""
    return sorted(row.since for row in _held(user_id))


def held_until(user_id: str) -> datetime | None:
    """Until when the account may take back the last of them; None: it holds none."""
    return max((row.until for row in _held(user_id)), default=None)


def hold(user_id: str, email: str, until: datetime) -> None:
    """Where it is held, it is held until then at least: a link that was sent there is good for so long."""
    mine = (HeldAddress.user_id == user_id, HeldAddress.email_key == names.address_key(email), HeldAddress.until < until)
    changed(update(HeldAddress).where(*mine).values(until=until))


def _held(user_id: str) -> list[Any]:
    mine = (HeldAddress.user_id == user_id, HeldAddress.until > clock.now())
    return list(rows(select(HeldAddress.email_key, HeldAddress.since, HeldAddress.until).where(*mine)))


def forget(user_id: str, since: datetime) -> bool:
    """Holds none of the addresses any more that the account left from a moment on; false where there is none."""
    return _release(HeldAddress.user_id == user_id, HeldAddress.since >= since) > 0


def move_back(user_id: str, email: str) -> datetime | None:
    """Undoes the change away from this address and all later ones; returns since when, or None where it is held no more."""
    since = away_since(user_id, email)
    if since is None or not _taken_over(update(User).where(User.id == user_id), email):
        return None
    return since if forget(user_id, since) else None


def _taken_over(chosen: Update, email: str) -> bool:
    """The unique index decides who owns an address."""
    key = names.address_key(email)
    values = {"email": email, "email_key": key, "owned_email_key": key, "pending_email": None}
    try:
        return changed(chosen.values(values)) == 1
    except IntegrityError:
        return False


def held_by(user_id: str) -> list[dict[str, Any]]:
    """The addresses that the account had and may take back, and until when."""
    columns = (HeldAddress.email_key.label("email"), HeldAddress.since, HeldAddress.until)
    found = rows(select(*columns).where(HeldAddress.user_id == user_id).order_by(HeldAddress.since))
    return [dict(row._mapping) for row in found]


def is_held(email_key: str, but: str) -> bool:
    """Whether another account may still take it back.

    Asked once the unique index has given the address to `but`: who had it before has committed by then. No locking read,
    since MariaDB would lock the gap where no row is, and those who hold their addresses at once would wait for each other.
    """
    other = (HeldAddress.email_key == email_key, HeldAddress.user_id != but, HeldAddress.until > clock.now())
    return bool(committed_rows(select(HeldAddress.email_key).where(*other)))


def _release(*which: ColumnElement[bool]) -> int:
    return changed(delete(HeldAddress).where(*which))
