"""Signing in with a password, in one step or two, and signing out."""

from errors import InvalidCredentials, Refusal
from services import attempts, audit, hashing, passwords, sessions, sign_ins, users
from services.client import Client
from services.tokens import Claims, Grant


def sign_in(name: str, password: str, client: Client, mfa_code: str | None = None) -> Grant | Refusal:
    """One look-up, one counted guess and one hash run, whoever is meant and whatever is wrong.

    Raises Busy, TooManyAttempts before the password is looked at, and InvalidCredentials. With the right password it
    returns what `sign_ins` wants: EmailNotConfirmed, AccountInactive, MfaRequired, InvalidMfaCode.
    """
    with hashing.turn():  # first of all, so that a refusal costs next to nothing
        account = users.named(name)
        kept = account.password_hash if account else None
        attempts.claim(attempts.PASSWORD, client, account, *users.aims(name, account))
        right = passwords.matches(kept, password)
        renewed = passwords.renewed(kept, password) if right else None
    if account is None or not right:
        audit.record("sign_in_failed", client, user_id=account.id if account else None, method="pwd")
        raise InvalidCredentials
    outcome = sign_ins.proceed(account, ("pwd",), client, mfa_code)
    attempts.clear(attempts.PASSWORD, *users.all_aims(account))
    if renewed:
        users.replace_hash(account, renewed)
    return outcome


def second_step(mfa_token: str, mfa_code: str, client: Client) -> Grant | Refusal:
    """Carries a sign-in on that wanted a second factor. Raises TokenInvalid; returns InvalidMfaCode, TooManyAttempts."""
    return sign_ins.resume(mfa_token, mfa_code, client)


def sign_out(claims: Claims, client: Client) -> None:
    """Ends the session; a spent refresh token of a live session does it too. Raises SessionEnded."""
    signed_in = sessions.check(claims)
    sessions.end(claims.session_id, "logout")
    audit.record("signed_out", client, user_id=signed_in.account.id, session_id=claims.session_id)
