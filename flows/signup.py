"""Signing up: a pending sign-up, and a letter to the address."""

from errors import SignupClosed, UsernameTaken
from extensions import settings
from services import audit, letters, outbox, passwords, tickets, users
from services.client import Client

TOKEN_SECONDS = 86400
"""How long the page that signed somebody up may confirm without their password."""


def begin(username: str, email: str, password: str, client: Client, **details: str | None) -> str:
    """Stores the pending sign-up and orders its letter; never looks whether the address has an account.

    Returns its `signup_token`, which together with the mailed link confirms it.
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
    return tickets.issue(tickets.SIGN_UP, user_id, TOKEN_SECONDS)
