"""All that the service holds about a person, for that person (GDPR Art. 15 and 20)."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from threading import BoundedSemaphore
from typing import Any

from pydantic_core import to_json

from errors import Busy
from services import addresses, audit, devices, identities, known_devices, pictures, recovery_codes, session_lists
from services.sessions import SignedIn
from services.users import Account

AT_ONCE, WAIT_SECONDS = 2, 5
"""How many of this process are written at a time: a long one takes seconds of the processor."""
IN_MEMORY = 1024 * 1024
"""What is longer lies in a file without a name, which is gone once it is closed."""
_places = BoundedSemaphore(AT_ONCE)


def of(signed_in: SignedIn) -> "SpooledTemporaryFile[bytes]":
    """Everything but secrets (no hash, key or code) as one JSON object in a file, which the caller closes. Raises Busy.

    It is whole before the first byte is sent: a client that reads slowly holds no connection of the database.
    """
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise Busy
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it outlives this call
    try:
        for piece in _pieces(signed_in):
            file.write(piece)
    except BaseException:
        file.close()
        raise
    finally:
        _places.release()
    return file


def _pieces(signed_in: SignedIn) -> Iterator[bytes]:
    """The document, in pieces of a few hundred events."""
    yield to_json(_account(signed_in))[:-1] + b',"security_events":['
    comma = b""
    for events in audit.all_of(signed_in.account.id):
        yield comma + to_json([_with_device(row) for row in events])[1:-1]
        comma = b","
    yield b"]}\n"


def _account(signed_in: SignedIn) -> dict[str, Any]:
    """All but the events."""
    account = signed_in.account
    return {
        "profile": _profile(account),
        "picture": _picture(account),
        "linked_accounts": identities.described(account.id),
        "former_addresses": addresses.held_by(account.id),
        "devices_first_seen": known_devices.first_seen(account.id),
        "recovery_codes_left": recovery_codes.left(account.id),
        "sessions": [_with_device(row) for row in session_lists.all_of(account.id)],
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
