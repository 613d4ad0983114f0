"""Accounts and pending sign-ups: found, made, confirmed, changed."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Row, Select, select, update
from sqlalchemy.exc import IntegrityError

from database import changed, db, rows
from errors import UsernameTaken
from model import User
from services import clock, mint, names

PENDING_LINKS = 3
"""How many pending sign-ups of an address a resent mail names, the newest first."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a user at one moment."""

    id: str
    username: str
    email: str
    email_confirmed_at: datetime | None
    password_hash: str | None
    first_name: str | None
    last_name: str | None
    phone_number: str | None
    is_active: bool
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(*(getattr(row, f"users_{field.name}") for field in fields(cls)))

    def __repr__(self) -> str:
        return f"Account({self.id})"


ACCOUNT_COLUMNS = [getattr(User, field.name).label(f"users_{field.name}") for field in fields(Account)]


def _found(statement: Select[Any]) -> list[Account]:
    return [Account.of(row) for row in rows(statement)]


def named(name: str) -> Account | None:
    """Whom a sign-in means: by address only accounts that own it; by user name also pending sign-ups."""
    if "@" in name:
        try:
            key = names.address_key(names.address(name))
        except names.Malformed:
            return None
        found = _found(select(*ACCOUNT_COLUMNS).where(User.owned_email_key == key))
    else:
        found = _found(select(*ACCOUNT_COLUMNS).where(User.username_key == names.username_key(name.strip())))
    return found[0] if found else None


def get(user_id: str) -> Account | None:
    found = _found(select(*ACCOUNT_COLUMNS).where(User.id == user_id))
    return found[0] if found else None


def owner_of(email: str) -> Account | None:
    """The account that has proved this address."""
    found = _found(select(*ACCOUNT_COLUMNS).where(User.owned_email_key == names.address_key(email)))
    return found[0] if found else None


def pending_for(email: str) -> list[Account]:
    """The newest pending sign-ups for an address, newest first."""
    key = names.address_key(email)
    wanted = select(*ACCOUNT_COLUMNS).where(User.email_key == key, User.email_confirmed_at.is_(None))
    return _found(wanted.order_by(User.created_at.desc(), User.id).limit(PENDING_LINKS))


def lock_address(email: str) -> None:
    """Until the unit of work ends, nobody else counts what was mailed to this address."""
    key = names.address_key(email)
    db.session.execute(select(User.id).where(User.email_key == key).order_by(User.id).with_for_update()).all()


def is_username_free(username: str) -> bool:
    return not rows(select(User.id).where(User.username_key == names.username_key(username)))


def sign_up(username: str, email: str, password_hash: str, **names_of: str | None) -> str:
    """Stores a pending sign-up, alike for free and taken addresses, and returns its id. Raises UsernameTaken."""
    user = User(
        id=mint.identifier(),
        username=username,
        username_key=names.username_key(username),
        email=email,
        email_key=names.address_key(email),
        password_hash=password_hash,
        created_at=clock.now(),
        **names_of,
    )
    db.session.add(user)
    _flush_username()
    return user.id


def _flush_username() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise UsernameTaken from error


def confirm(user_id: str) -> bool:
    """Makes a pending sign-up an account, if nobody owns its address by now: the unique index decides."""
    statement = update(User).where(User.id == user_id, User.email_confirmed_at.is_(None))
    try:
        return changed(statement.values(email_confirmed_at=clock.now(), owned_email_key=User.email_key)) == 1
    except IntegrityError:
        return False


def change(user_id: str, changes: dict[str, str | None]) -> None:
    """Writes profile fields; raises UsernameTaken."""
    values = dict(changes)
    if (username := changes.get("username")) is not None:
        values["username_key"] = names.username_key(username)
    try:
        changed(update(User).where(User.id == user_id).values(**values))
    except IntegrityError as error:
        raise UsernameTaken from error


def renew_hash(account: Account, password_hash: str) -> None:
    """Replaces a hash by a stronger one of the same password, unless it was changed meanwhile."""
    changed(
        update(User)
        .where(User.id == account.id, User.password_hash == account.password_hash)
        .values(password_hash=password_hash)
    )
