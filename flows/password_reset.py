"""Forgetting a password, and setting a new one by a mailed link."""

from dataclasses import replace

from errors import InvalidToken
from services import (
    addresses,
    attempts,
    audit,
    clock,
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
    passwords.refuse_weak(password, *users.own_words(account if account.email_confirmed_at else _without_names(account)))
    password_hash = passwords.hashed(password)
    users.lock(account.id)
    if not tickets.use_up(ticket.id):
        raise InvalidToken
    account = _proved(account, client)
    users.set_hash(account.id, password_hash)
    attempts.clear(attempts.PASSWORD, *users.all_aims(account), users.address_aim(account))
    lockout.shut_out(account.id, "password_reset")
    audit.record("password_reset", client, user_id=account.id)
    linked = identities.of(account.id)
    about = {"providers": notice_texts.listed(linked)} if linked else {}
    notices.tell("password_changed", account, client, **about)


def _proved(account: Account, client: Client) -> Account:
    """The link came to the address; a pending sign-up becomes an account by it. Raises InvalidToken where the address is taken.

    It proves the mailbox, not who signed up with its address: what else that person wrote is removed, or a stranger's phone
    number would stay in the account. Only the user name stays, which the mail shows.
    """
    if account.email_confirmed_at is not None:
        return account
    if not addresses.prove(account):
        raise InvalidToken
    users.change(account.id, dict.fromkeys(("first_name", "last_name", "phone_number")))
    tickets.void(account.id, tickets.SIGN_UP)
    audit.record("email_confirmed", client, user_id=account.id)
    return replace(_without_names(account), email_confirmed_at=clock.now())


def _without_names(account: Account) -> Account:
    return replace(account, first_name=None, last_name=None, phone_number=None)
