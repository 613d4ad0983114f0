"""All that the service holds about a person, for that person (GDPR Art. 15 and 20)."""

import base64
from contextlib import suppress
from typing import Any

from services import addresses, audit, devices, identities, known_devices, pictures, recovery_codes, session_lists
from services.sessions import SignedIn
from services.users import Account


def of(signed_in: SignedIn) -> dict[str, Any]:
    """Everything but secrets: no hash, key or code."""
    account = signed_in.account
    return {
        "profile": _profile(account),
        "picture": _picture(account),
        "linked_accounts": identities.described(account.id),
        "former_addresses": addresses.held_by(account.id),
        "devices_first_seen": known_devices.first_seen(account.id),
        "recovery_codes_left": recovery_codes.left(account.id),
        "sessions": [_with_device(row) for row in session_lists.all_of(account.id)],
        "security_events": [_with_device(row) for row in audit.all_of(account.id)],
    }


def _profile(account: Account) -> dict[str, Any]:
    names = ("id", "username", "email", "email_confirmed_at", "pending_email", "first_name", "last_name", "phone_number")
    found = {name: getattr(account, name) for name in (*names, "is_admin", "mfa_enabled_at", "created_at")}
    return found | {"has_password": account.password_hash is not None}


def _picture(account: Account) -> str | None:
    """As a `data:` URI."""
    if account.picture is None:
        return None
    with suppress(FileNotFoundError):  # replaced by another call a moment ago, or lost: the rest is theirs all the same
        kind = "jpeg" if account.picture.endswith("jpg") else "png"
        return f"data:image/{kind};base64,{base64.b64encode(pictures.read(account.picture)).decode()}"
    return None


def _with_device(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"device": devices.name(row["user_agent"])}
