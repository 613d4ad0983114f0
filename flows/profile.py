"""Changing one's own profile."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from errors import SessionEnded
from services import addresses, attempts, audit, identities, letters, names, notices, outbox, pictures, tickets, users
from services.client import Client
from services.sessions import SignedIn
from services.users import Account


def providers(signed_in: SignedIn) -> list[str]:
    """The providers that the account is linked to."""
    return identities.of(signed_in.account.id) if signed_in.is_linked else []


def is_picture(name: str) -> bool:
    """Whether a picture's file can have this name."""
    return bool(pictures.NAME.fullmatch(name))


def picture_folder() -> Path:
    return pictures.folder()


def change(signed_in: SignedIn, changes: dict[str, Any], client: Client) -> SignedIn:
    """Writes the given fields, all or nothing, and returns how the profile now looks.

    A new `email` becomes the account's only by the link that is mailed there. Raises UsernameTaken, and for the picture,
    which is drawn before anything is written, InvalidImage, PayloadTooLarge, Busy, SessionEnded. Raises TooManyAttempts after
    ten requests for a new address in a row, until an hour has passed: each of them mails somebody.
    """
    account, written = signed_in.account, dict(changes)
    if (wanted := written.get("email")) is not None and not addresses.is_of(account, wanted):
        attempts.claim(attempts.ADDRESS_CHANGE, client, account, users.aim(account))
    if "profile_picture" in written:
        written["picture"] = _picture(account, written.pop("profile_picture"))
    if (email := written.pop("email", None)) is not None:
        written["pending_email"] = _wanted(account, email, client)
    if written:
        if not users.change(account.id, written):
            raise SessionEnded("account_deleted")  # while the picture was drawn
        if written.get("pending_email"):
            audit.record("email_change_asked", client, user_id=account.id)
        audit.record("profile_changed", client, user_id=account.id, fields=" ".join(sorted(changes)))
        _tell(account, changes, client)
    return replace(signed_in, account=replace(account, **written))


def _tell(account: Account, changes: dict[str, Any], client: Client) -> None:
    """One notice of what a person is found, or found again, by. Of a phone number no more than its end leaves the service."""
    about: dict[str, str] = {}
    username, phone = changes.get("username", account.username), changes.get("phone_number", account.phone_number)
    if username != account.username:
        about |= {"old_username": account.username, "new_username": username}
    if phone != account.phone_number:
        about |= {"phone_ending": phone[-2:]} if phone else {"phone_removed": "yes"}
    if about:
        notices.tell("profile_changed", account, client, **about)


def _picture(account: Account, given: str | bytes | None) -> str | None:
    """The name of the file that is kept in place of the old one."""
    name = None
    if given is not None:
        name = pictures.keep(*pictures.drawn(given if isinstance(given, bytes) else pictures.from_data_uri(given)))
    users.lock(account.id)  # of two changes at once, each drops what it replaces
    pictures.drop(users.picture_of(account.id))
    return name


def _wanted(account: Account, email: str, client: Client) -> str | None:
    """A newer wish makes the older void; the present address is no wish. The work is the same for taken addresses."""
    users.lock(account.id)
    tickets.void(account.id, tickets.CHANGE_EMAIL)
    if names.address_key(email) == names.address_key(account.email):
        return None
    outbox.order(letters.CHANGE_EMAIL, user_id=account.id, email=email)
    notices.tell("email_change_asked", account, client)
    return email
