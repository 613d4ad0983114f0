"""Changing one's own profile."""

from dataclasses import replace
from typing import Any

from services import audit, users
from services.client import Client
from services.sessions import SignedIn


def change(signed_in: SignedIn, changes: dict[str, Any], client: Client) -> SignedIn:
    """Writes the given fields, all or nothing, and returns how the profile now looks. Raises UsernameTaken."""
    account = signed_in.account
    if changes:
        users.change(account.id, changes)
        audit.record("profile_changed", client, user_id=account.id, fields=" ".join(sorted(changes)))
    return replace(signed_in, account=replace(account, **changes))
