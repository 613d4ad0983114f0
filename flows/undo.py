"""Undoing, by a mailed link, a change of address or the deletion of an account."""

from datetime import datetime

from errors import InvalidToken
from services import addresses, audit, identities, letters, notices, outbox, recovery_codes, sessions, tickets, totp, users
from services.client import Client
from services.users import Account

ADDRESS, DELETION = tickets.UNDO_EMAIL, tickets.UNDO_DELETION


def look(token: str) -> str:
    """What the link undoes: ADDRESS or DELETION; spends nothing. Raises InvalidToken where it would not be accepted."""
    return tickets.find(token, ADDRESS, DELETION).purpose


def redeem(token: str, client: Client) -> str:
    """Undoes it and says what it was. Raises InvalidToken."""
    ticket = tickets.spend(token, ADDRESS, DELETION)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    if ticket.purpose == ADDRESS:
        _give_back(account, ticket.about, client)
    elif users.reopen(account.id):
        tickets.void(account.id, DELETION)
        audit.record("account_restored", client, user_id=account.id)
    else:
        raise InvalidToken
    return ticket.purpose


def _give_back(account: Account, email: str, client: Client) -> None:
    """Gives the address back, and takes away what whoever changed it may still hold.

    Later undo links, tickets, factors and providers that are newer than the change, sessions and the password. A reset
    link follows.
    """
    since = addresses.move_back(account.id, email)
    if since is None:
        raise InvalidToken
    tickets.void(account.id, *tickets.OF_CREDENTIALS, tickets.NOT_ME)
    tickets.void_later(account.id, tickets.UNDO_EMAIL, since)
    _drop_newer_factors(account, since)
    identities.unlink_since(account.id, since)
    users.set_hash(account.id, None)
    sessions.end_all(account.id, "revoked_by_user")
    audit.record("email_change_undone", client, user_id=account.id)
    notices.tell("email_change_undone", account, client, email=email)
    outbox.order(letters.RESET, email=email)


def _drop_newer_factors(account: Account, since: datetime) -> None:
    if account.mfa_enabled_at and account.mfa_enabled_at >= since:
        totp.disable(account.id)
        recovery_codes.void(account.id)
    else:
        recovery_codes.void(account.id, since)
