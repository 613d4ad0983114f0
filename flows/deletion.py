"""Deleting one's own account."""

from errors import InvalidCredentials, ValidationFailed
from extensions import settings
from services import attempts, audit, erasure, hashing, lockout, passwords, users
from services.client import Client
from services.sessions import SignedIn


def begin(signed_in: SignedIn, password: str | None, client: Client) -> None:
    """Closes the account and ends every session; mails a link that brings it back until it is erased.

    Raises ValidationFailed, TooManyAttempts, InvalidCredentials.
    """
    account = signed_in.account
    if account.password_hash is not None:
        _check(signed_in, password, client)
    lockout.close(account)
    erased = settings().account_erase_seconds == 0 and erasure.erase(account.id)
    # Where it is erased at once, the fact that is written now must not say from where.
    circumstances = erasure.NOBODY if erased else client
    audit.record("account_deleted", circumstances, user_id=account.id, session_id=signed_in.session_id)


def _check(signed_in: SignedIn, password: str | None, client: Client) -> None:
    account = signed_in.account
    if password is None:
        raise ValidationFailed({"password": ["This field is needed."]})
    with hashing.turn():
        attempts.claim(attempts.PASSWORD, client, account, users.aim(account))
        right = passwords.matches(account.password_hash, password)
    if not right:
        audit.record("reauthentication_failed", client, user_id=account.id, session_id=signed_in.session_id, method="pwd")
        raise InvalidCredentials("This is not your password.")
    if not users.is_unchanged(account):
        raise InvalidCredentials("Your account was changed a moment ago.")
    attempts.clear(attempts.PASSWORD, *users.all_aims(account))
