"""Who somebody is at a provider, and the account that this opens."""

import re
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from database import changed, db, rows
from errors import ProviderAlreadyLinked
from model import Identity
from services import clock, mint, names, users
from services.users import Account

TRIES = 20
"""User names that are tried for a new account, each with other digits."""


def account_of(issuer: str, subject: str) -> Account | None:
    """Whom a known identity opens, whatever address the provider tells."""
    user_id = account_id_of(issuer, subject)
    return users.get(user_id) if user_id else None


def account_id_of(issuer: str, subject: str) -> str | None:
    """The id of the account that the identity is linked to at this moment."""
    found = rows(select(Identity.user_id).where(Identity.issuer == issuer, Identity.subject == subject))
    return found[0].user_id if found else None


def of(user_id: str) -> list[str]:
    """The providers that are linked, by name."""
    return [
        row.provider for row in rows(select(Identity.provider).where(Identity.user_id == user_id).order_by(Identity.provider))
    ]


def described(user_id: str) -> list[dict[str, Any]]:
    """What is kept of each link."""
    columns = (Identity.provider, Identity.issuer, Identity.subject, Identity.linked_at)
    return [
        dict(row._mapping) for row in rows(select(*columns).where(Identity.user_id == user_id).order_by(Identity.linked_at))
    ]


def link(user_id: str, provider: str, issuer: str, subject: str) -> None:
    """Raises ProviderAlreadyLinked where the account has one of this provider, or another account has this one."""
    db.session.add(
        Identity(
            id=mint.identifier(), user_id=user_id, provider=provider, issuer=issuer, subject=subject, linked_at=clock.now()
        )
    )
    try:
        db.session.flush()
    except IntegrityError as error:
        raise ProviderAlreadyLinked from error


def unlink(user_id: str, provider: str) -> bool:
    """False where it was not linked."""
    return changed(delete(Identity).where(Identity.user_id == user_id, Identity.provider == provider)) == 1


def unlink_since(user_id: str, since: datetime) -> None:
    """Removes what was linked from a moment on."""
    changed(delete(Identity).where(Identity.user_id == user_id, Identity.linked_at >= since))


def free_username(email: str) -> str:
    """One made from the address's local part, with digits behind it where that is taken."""
    base = re.sub(r"[^A-Za-z0-9._-]", "", email.partition("@")[0])[:24].strip("._-")
    base = base if len(base) >= names.SHORTEST_USERNAME else f"user-{base}".rstrip("-")
    candidates = [base, *(f"{base}-{mint.digits(5)}" for _ in range(TRIES))]
    return next(filter(users.is_username_free, candidates), f"{base[:18]}-{mint.digits(12)}")
