"""Changing one's own password."""

from errors import InvalidCredentials, PasswordNotSet
from services import attempts, audit, hashing, lockout, notices, passwords, users
from services.client import Client
from services.sessions import SignedIn


def change(signed_in: SignedIn, current: str, new: str, client: Client) -> None:
    """Sets it, ends the other sessions, voids every link and code, cancels a change of address, and tells the owner.

    Raises PasswordNotSet, TooManyAttempts, InvalidCredentials, ValidationFailed.
    """
    account = signed_in.account
    if account.password_hash is None:
        raise PasswordNotSet
    with hashing.turn():
        attempts.claim(attempts.PASSWORD, client, account, users.aim(account))
        right = passwords.matches(account.password_hash, current)
    if not right:
        audit.record("reauthentication_failed", client, user_id=account.id, session_id=signed_in.session_id, method="pwd")
        raise InvalidCredentials("This is not your present password.")
    passwords.refuse_weak(new, *users.own_words(account), field="new_password")
    if not users.replace_hash(account, passwords.hashed(new)):
        raise InvalidCredentials("Your password was changed a moment ago.")
    attempts.clear(attempts.PASSWORD, *users.all_aims(account))
    lockout.shut_out(account.id, "password_changed", but=signed_in.session_id)
    audit.record("password_changed", client, user_id=account.id, session_id=signed_in.session_id)
    notices.tell("password_changed", account, client)
