"""Signing up: a pending sign-up, and a letter to the address."""

from errors import SignupClosed, UsernameTaken
from extensions import settings
from services import audit, letters, outbox, passwords, users
from services.client import Client


def begin(username: str, email: str, password: str, client: Client, **details: str | None) -> None:
    """Stores the pending sign-up and orders its letter; never looks whether the address has an account.

    Raises SignupClosed, ValidationFailed, UsernameTaken.
    """
    if not settings().signup_enabled:
        raise SignupClosed
    passwords.refuse_weak(password, username, email, details.get("first_name"), details.get("last_name"))
    if not users.is_username_free(username):
        raise UsernameTaken
    password_hash = passwords.hashed(password)
    user_id = users.sign_up(username, email, password_hash, **details)
    outbox.order(letters.CONFIRMATION, user_id=user_id)
    audit.record("signed_up", client, user_id=user_id)
