"""Accounts and pending sign-ups: found, made, confirmed, changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from database import changed, db, rows
from errors import UsernameTaken
from model import User
from services import clock, mint, names

PIECE = 500
PENDING_LINKS = 3
"""How many pending sign-ups of an address a resent mail names, the newest first."""
IS_OPEN = (User.is_active.is_(True), User.deleted_at.is_(None))
"""What `Account.is_open` says, as SQL asks it."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a user at one moment."""

    id: str
    username: str
    email: str
    email_confirmed_at: datetime | None
    pending_email: str | None
    password_hash: str | None
    mfa_enabled_at: datetime | None
    first_name: str | None
    last_name: str | None
    phone_number: str | None
    picture: str | None
    deleted_at: datetime | None
    is_active: bool
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """`row`: it ends with `ACCOUNT_COLUMNS`."""
        return cls(*row[-len(ACCOUNT_COLUMNS) :])

    @property
    def is_open(self) -> bool:
        """Whether somebody may be signed in: neither deactivated by the operator nor deleted by its owner."""
        return self.is_active and self.deleted_at is None

    def __repr__(self) -> str:
        return f"Account({self.id})"


ACCOUNT_COLUMNS = [getattr(User, field.name).label(f"users_{field.name}") for field in fields(Account)]
BY_ADDRESS = select(*ACCOUNT_COLUMNS).where(User.owned_email_key == bindparam("key"))
BY_NAME = select(*ACCOUNT_COLUMNS).where(User.username_key == bindparam("key"))


def _found(statement: Select[Any]) -> list[Account]:
    return [Account.of(row) for row in rows(statement)]


def named(name: str) -> Account | None:
    """Whom a sign-in means: by address only accounts that own it; by user name also pending sign-ups."""
    found = rows(BY_ADDRESS if "@" in name else BY_NAME, key=names.key_of(name))
    return Account.of(found[0]) if found else None


def aims(name: str, account: Account | None) -> tuple[str, str]:
    """At whom a guess under this name is aimed: always two, so that a name without an account costs the same."""
    key = names.key_of(name)
    return f"name {key}", aim(account) if account else f"nobody {key}"


def aim(account: Account) -> str:
    """What guesses of somebody who is known to mean this account are aimed at."""
    return f"account {account.id}"


def all_aims(account: Account) -> tuple[str, ...]:
    """Everything that guesses at this account were counted under; an address that it has not proved is somebody else's."""
    own = aim(account), f"name {names.username_key(account.username)}"
    return (*own, address_aim(account)) if account.email_confirmed_at else own


def address_aim(account: Account) -> str:
    """What guesses under the address were counted under, whoever owns it."""
    return f"name {names.address_key(account.email)}"


def get(user_id: str) -> Account | None:
    """None also where only the empty shell of an erased account is left."""
    found = _found(select(*ACCOUNT_COLUMNS).where(User.id == user_id, User.erased_at.is_(None)))
    return found[0] if found else None


def everybody() -> Iterator[Account]:
    """All accounts and pending sign-ups but the erased; read in pieces."""
    wanted, last = select(*ACCOUNT_COLUMNS).where(User.erased_at.is_(None)).order_by(User.id).limit(PIECE), ""
    while found := _found(wanted.where(User.id > last)):
        yield from found
        last = found[-1].id


def are_any() -> bool:
    """Whether there is an account or a pending sign-up."""
    return bool(rows(select(User.id).limit(1)))


def owner_of(email: str) -> Account | None:
    """The account that has proved this address."""
    found = _found(select(*ACCOUNT_COLUMNS).where(User.owned_email_key == names.address_key(email)))
    return found[0] if found else None


def pending_for(email: str, username: str | None = None) -> list[Account]:
    """The newest pending sign-ups for an address, newest first; with a user name, only its own. Open ones only."""
    key = names.address_key(email)
    wanted = select(*ACCOUNT_COLUMNS).where(User.email_key == key, User.email_confirmed_at.is_(None), *IS_OPEN)
    if username is not None:
        wanted = wanted.where(User.username_key == names.username_key(username))
    return _found(wanted.order_by(User.created_at.desc(), User.id).limit(PENDING_LINKS))


def lock(user_id: str) -> None:
    """Until the unit of work ends, nobody else changes what hangs on this account.

    Taken before anything of the account is written, so that two journeys never wait for each other.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update()).all()


def lock_address(email: str) -> None:
    """Until the unit of work ends, nobody else counts what was mailed to this address."""
    key = names.address_key(email)
    db.session.execute(select(User.id).where(User.email_key == key).order_by(User.id).with_for_update()).all()


def has_password(user_id: str) -> bool:
    return bool(rows(select(User.id).where(User.id == user_id, User.password_hash.is_not(None))))


def is_unchanged(account: Account) -> bool:
    """Whether what a sign-in was judged by still holds; until the unit of work ends, nobody else changes it.

    Without this a sign-in that was checked before a change of password would open its session after it.
    """
    same = [
        User.password_hash.is_not_distinct_from(account.password_hash),
        User.mfa_enabled_at.is_not_distinct_from(account.mfa_enabled_at),
        User.is_active == account.is_active,
        User.is_admin == account.is_admin,  # the token names the role
        User.deleted_at.is_not_distinct_from(account.deleted_at),
        User.email == account.email,
    ]
    return bool(db.session.execute(select(User.id).where(User.id == account.id, *same).with_for_update()).all())


def is_username_free(username: str) -> bool:
    return not rows(select(User.id).where(User.username_key == names.username_key(username)))


def sign_up(username: str, email: str, password_hash: str | None, **names_of: str | None) -> str:
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


def change(user_id: str, changes: dict[str, Any]) -> bool:
    """Writes profile fields; false where the account was erased meanwhile. Raises UsernameTaken."""
    values = dict(changes)
    if (username := changes.get("username")) is not None:
        values["username_key"] = names.username_key(username)
    try:
        return changed(update(User).where(User.id == user_id, User.erased_at.is_(None)).values(**values)) == 1
    except IntegrityError as error:
        raise UsernameTaken from error


def replace_hash(account: Account, password_hash: str | None) -> bool:
    """Puts another hash, or none, in the place of the one that was seen; false where that was changed meanwhile."""
    same = User.password_hash.is_not_distinct_from(account.password_hash)
    return changed(update(User).where(User.id == account.id, same).values(password_hash=password_hash)) == 1


def set_hash(user_id: str, password_hash: str | None) -> None:
    """Sets the password's hash whatever it was; None: nobody signs in by password until a mailed link sets it anew."""
    changed(update(User).where(User.id == user_id).values(password_hash=password_hash))


def picture_of(user_id: str) -> str | None:
    found: str | None = rows(select(User.picture).where(User.id == user_id))[0].picture
    return found


def close(user_id: str) -> datetime:
    """The owner deletes the account, and that moment; until it is erased, its names stay taken and `reopen` brings it back."""
    moment = clock.now()
    changed(update(User).where(User.id == user_id, User.deleted_at.is_(None)).values(deleted_at=moment))
    return moment


def reopen(user_id: str) -> bool:
    """False where it is not deleted, or already erased."""
    closed = update(User).where(User.id == user_id, User.deleted_at.is_not(None), User.erased_at.is_(None))
    return changed(closed.values(deleted_at=None)) == 1


def own_words(account: Account) -> tuple[str, ...]:
    """What a password must not be made of."""
    return tuple(filter(None, (account.username, account.email, account.first_name, account.last_name)))
