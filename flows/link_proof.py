"""Proving that an existing account is one's own, so that a first sign-in at a provider is linked to it."""

from errors import InvalidCredentials, InvalidOtp, InvalidToken, Refusal
from services import attempts, audit, hashing, letters, outbox, passwords, provider_links, sign_ins, tickets, users
from services.client import Client
from services.provider_links import WaitingLink
from services.tokens import Grant
from services.users import Account


def send_code(link_token: str, browser: str | None) -> None:
    """Orders a code to the account's address, good for this link only. Raises InvalidToken."""
    waiting = provider_links.waiting(link_token, browser)
    about = {"user_id": waiting.user_id, "session_id": waiting.id, "provider": waiting.login.provider}
    outbox.order(letters.LINK_CODE, **about)


def by_password(link_token: str, password: str, browser: str | None, client: Client) -> Grant | Refusal:
    """Signs in and links. Raises InvalidToken, TooManyAttempts, InvalidCredentials; returns what `sign_ins` wants."""
    waiting, account = _waiting(link_token, browser)
    with hashing.turn():
        attempts.claim(attempts.PASSWORD, client, account, users.aim(account))
        right = passwords.matches(account.password_hash, password)
    if not right:
        audit.record("sign_in_failed", client, user_id=account.id, method="pwd")
        raise InvalidCredentials("This is not the password of the account.")
    outcome = _complete(waiting, account, "pwd", client)
    attempts.clear(attempts.PASSWORD, *users.all_aims(account))
    return outcome


def by_code(link_token: str, code: str, browser: str | None, client: Client) -> Grant | Refusal:
    """Signs in and links. Raises InvalidToken, TooManyAttempts, InvalidOtp; returns what `sign_ins` wants."""
    waiting, account = _waiting(link_token, browser)
    attempts.claim(attempts.LINK_CODE, client, account, users.aim(account))
    ticket_id = tickets.find_code(tickets.LINK_CODE, account.id, code, waiting.id)
    if ticket_id is None:
        audit.record("code_failed", client, user_id=account.id, method="email")
        raise InvalidOtp
    outcome = _complete(waiting, account, "email", client)
    attempts.clear(attempts.LINK_CODE, users.aim(account))
    if not tickets.use_up(ticket_id):
        raise InvalidOtp
    return outcome


def _waiting(link_token: str, browser: str | None) -> tuple[WaitingLink, Account]:
    waiting = provider_links.waiting(link_token, browser)
    account = users.get(waiting.user_id)
    if account is None:
        raise InvalidToken
    return waiting, account


def _complete(waiting: WaitingLink, account: Account, method: str, client: Client) -> Grant | Refusal:
    """The `link_token` is spent by the right proof, whatever is still wanted then."""
    users.lock(account.id)
    if not tickets.use_up(waiting.id):
        raise InvalidToken
    return sign_ins.proceed(account, ("fed", method), client, external=waiting.login)
