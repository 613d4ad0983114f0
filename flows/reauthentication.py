"""Proving anew, by the password, who is signed in."""

from errors import InvalidCredentials, PasswordNotSet, Refusal
from services import attempts, audit, hashing, passwords, sign_ins, users
from services.client import Client
from services.sessions import SignedIn
from services.tokens import Grant


def by_password(signed_in: SignedIn, password: str, client: Client, mfa_code: str | None = None) -> Grant | Refusal:
    """A step-up of this session. Raises PasswordNotSet, TooManyAttempts, InvalidCredentials; returns as `sign_ins.step_up`."""
    account = signed_in.account
    if account.password_hash is None:
        raise PasswordNotSet
    with hashing.turn():
        attempts.claim(attempts.PASSWORD, client, account, users.aim(account))
        right = passwords.matches(account.password_hash, password)
    if not right:
        audit.record("reauthentication_failed", client, user_id=account.id, session_id=signed_in.session_id, method="pwd")
        raise InvalidCredentials("This is not your password.")
    outcome = sign_ins.step_up(signed_in, ("pwd",), client, mfa_code)
    attempts.clear(attempts.PASSWORD, *users.all_aims(account))
    return outcome
