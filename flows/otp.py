"""Mailed codes: asked for, and used to sign in or to step up."""

from errors import InvalidCredentials, InvalidMfaCode, InvalidOtp, Refusal, TooManyAttempts
from services import attempts, audit, hashing, letters, outbox, passwords, sign_ins, tickets, users
from services.client import Client
from services.sessions import SignedIn
from services.tokens import Grant
from services.users import Account


def send(email: str) -> None:
    """Orders a login code; the same work for every address."""
    outbox.order(letters.LOGIN_CODE, email=email)


def send_own(signed_in: SignedIn) -> None:
    """Orders a code that is good for a step-up of this session only."""
    outbox.order(letters.STEP_UP_CODE, user_id=signed_in.account.id, session_id=signed_in.session_id)


def sign_in(email: str, code: str, password: str | None, client: Client, mfa_code: str | None = None) -> Grant | Refusal:
    """Signs in with a mailed code, and beside it a password unless that is None.

    Two counted guesses and one hash run, whatever is wrong. Raises TooManyAttempts, InvalidOtp. With code and password
    right it returns what `sign_ins` wants, and the code is spent, unless the second factor was wrong.
    """
    account = users.named(email)
    aims = users.aims(email, account)
    shown = ("email",) if password is None else ("pwd", "email")
    right = _is_right(account, aims, password, client)
    ticket_id = tickets.find_code(tickets.LOGIN_CODE, account.id if account else "", code)
    if account is None or not right or ticket_id is None:
        audit.record("sign_in_failed", client, user_id=account.id if account else None, method=audit.methods(shown))
        raise InvalidOtp
    try:
        outcome = sign_ins.proceed(account, shown, client, mfa_code)
    except InvalidCredentials as error:  # the account was changed meanwhile
        raise InvalidOtp from error
    _clear(users.all_aims(account), password is not None)
    if not isinstance(outcome, InvalidMfaCode | TooManyAttempts) and not tickets.use_up(ticket_id):
        raise InvalidOtp
    return outcome


def _is_right(account: Account | None, aims: tuple[str, ...], password: str | None, client: Client) -> bool:
    """Counts the guess at the code, and where a password came, the guess at that; whether that is right."""
    if password is None:
        attempts.claim(attempts.LOGIN_CODE, client, account, *aims)
        return True
    with hashing.turn():
        attempts.claim(attempts.LOGIN_CODE, client, account, *aims)
        attempts.claim(attempts.PASSWORD, client, account, *aims)
        return passwords.matches(account.password_hash if account else None, password)


def _clear(aims: tuple[str, ...], with_password: bool) -> None:
    attempts.clear(attempts.LOGIN_CODE, *aims)
    if with_password:
        attempts.clear(attempts.PASSWORD, *aims)


def step_up(signed_in: SignedIn, code: str, client: Client, mfa_code: str | None = None) -> Grant | Refusal:
    """Proves a signed-in person anew. Raises InvalidOtp, TooManyAttempts; returns what `sign_ins.step_up` does."""
    attempts.claim(attempts.STEP_UP_CODE, client, signed_in.account, signed_in.session_id)
    account_id = signed_in.account.id
    ticket_id = tickets.find_code(tickets.STEP_UP_CODE, account_id, code, signed_in.session_id)
    if ticket_id is None:
        audit.record("code_failed", client, user_id=account_id, session_id=signed_in.session_id, method="email")
        raise InvalidOtp
    try:
        outcome = sign_ins.step_up(signed_in, ("email",), client, mfa_code)
    except InvalidCredentials as error:  # the account was changed meanwhile
        raise InvalidOtp from error
    if isinstance(outcome, Grant):
        attempts.clear(attempts.STEP_UP_CODE, signed_in.session_id)
        if not tickets.use_up(ticket_id):
            raise InvalidOtp
    return outcome
