"""Changing one's own profile."""

from dataclasses import replace
from typing import Any

from services import audit, identities, letters, names, notices, outbox, tickets, users
from services.client import Client
from services.sessions import SignedIn
from services.users import Account


def providers(signed_in: SignedIn) -> list[str]:
    """The providers that the account is linked to."""
    return identities.of(signed_in.account.id)


def change(signed_in: SignedIn, changes: dict[str, Any], client: Client) -> SignedIn:
    """Writes the given fields, all or nothing, and returns how the profile now looks. Raises UsernameTaken.

    A new `email` becomes the account's only by the link that is mailed there.
    """
    account, written = signed_in.account, dict(changes)
    if (email := written.pop("email", None)) is not None:
        written["pending_email"] = _wanted(account, email, client)
    if written:
        users.change(account.id, written)
        audit.record("profile_changed", client, user_id=account.id, fields=" ".join(sorted(changes)))
    return replace(signed_in, account=replace(account, **written))


def _wanted(account: Account, email: str, client: Client) -> str | None:
    """A newer wish makes the older void; the present address is no wish. The work is the same for taken addresses."""
    tickets.void(account.id, tickets.CHANGE_EMAIL)
    if names.address_key(email) == names.address_key(account.email):
        return None
    outbox.order(letters.CHANGE_EMAIL, user_id=account.id, email=email)
    notices.tell("email_change_asked", account.id, client)
    audit.record("email_change_asked", client, user_id=account.id)
    return email
