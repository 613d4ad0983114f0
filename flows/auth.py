"""Signing in with a password, and signing out."""

from errors import InvalidCredentials
from services import audit, passwords, sessions, sign_ins, users
from services.client import Client
from services.tokens import Claims, Grant


def sign_in(name: str, password: str, client: Client) -> Grant:
    """One look-up and one hash run, whoever is meant and whatever is wrong.

    Raises InvalidCredentials; with the right password EmailNotConfirmed, AccountInactive.
    """
    account = users.named(name)
    right = passwords.matches(account.password_hash if account else None, password)
    if account is None or not right:
        audit.record("sign_in_failed", client, user_id=account.id if account else None)
        raise InvalidCredentials
    renewed = None
    if account.password_hash and passwords.is_outdated(account.password_hash):
        renewed = passwords.hashed(password)
    grant = sign_ins.complete(account, ("pwd",), client)
    if renewed:
        users.renew_hash(account, renewed)
    return grant


def sign_out(claims: Claims, client: Client) -> None:
    """Ends the session; a spent refresh token of a live session does it too. Raises SessionEnded."""
    signed_in = sessions.check(claims)
    sessions.end(claims.session_id, "logout")
    audit.record("signed_out", client, user_id=signed_in.account.id, session_id=claims.session_id)
