"""Forgetting a password, and setting a new one by a mailed link."""

from errors import InvalidToken
from services import (
    addresses,
    attempts,
    audit,
    identities,
    letters,
    lockout,
    notice_texts,
    notices,
    outbox,
    passwords,
    tickets,
    users,
)
from services.client import Client
from services.users import Account


def ask(email: str) -> None:
    """Orders a link; the same work for every address."""
    outbox.order(letters.RESET, email=email)


def look(token: str) -> None:
    """Raises InvalidToken where the link would not be accepted; spends nothing."""
    tickets.find(token, tickets.RESET)


def redeem(token: str, password: str, client: Client) -> None:
    """Sets the password, proves the address, ends every session; leaves a second factor on, and signs nobody in. Identities at
    providers stay linked too, so the notice names them: whoever resets because somebody else came in has to look at those.

    A change of address that waits for its link is cancelled: whoever held a session may have asked for it, and would take the
    account back by it.

    Raises InvalidToken, and ValidationFailed, which leaves the link unspent.
    """
    ticket = tickets.find(token, tickets.RESET)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    passwords.refuse_weak(password, *users.own_words(account))
    password_hash = passwords.hashed(password)
    users.lock(account.id)
    if not tickets.use_up(ticket.id) or not _proved(account, client):
        raise InvalidToken
    users.set_hash(account.id, password_hash)
    attempts.clear(attempts.PASSWORD, *users.all_aims(account), users.address_aim(account))
    lockout.shut_out(account.id, "password_reset")
    audit.record("password_reset", client, user_id=account.id)
    linked = identities.of(account.id)
    about = {"providers": notice_texts.listed(linked)} if linked else {}
    notices.tell("password_changed", account, client, **about)


def _proved(account: Account, client: Client) -> bool:
    """The link came to the address; a pending sign-up becomes an account by it, if the address is still free."""
    if account.email_confirmed_at is not None:
        return True
    if not addresses.prove(account):
        return False
    audit.record("email_confirmed", client, user_id=account.id)
    return True
