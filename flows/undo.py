"""Undoing a change of address by the link that the old address got."""

from datetime import datetime

from errors import InvalidToken
from services import addresses, audit, identities, letters, notices, outbox, recovery_codes, sessions, tickets, totp, users
from services.client import Client
from services.users import Account


def look(token: str) -> None:
    """Raises InvalidToken where the link would not be accepted; spends nothing."""
    tickets.find(token, tickets.UNDO_EMAIL)


def redeem(token: str, client: Client) -> None:
    """Gives the address back, and takes away what whoever changed it may still hold.

    Later undo links, tickets, factors and providers that are newer than the change, sessions and the password. A reset
    link follows. Raises InvalidToken.
    """
    ticket = tickets.spend(token, tickets.UNDO_EMAIL)
    account, email = users.get(ticket.user_id), ticket.about
    since = addresses.move_back(ticket.user_id, email)
    if account is None or since is None:
        raise InvalidToken
    tickets.void(account.id, *tickets.OF_CREDENTIALS, tickets.CHANGE_EMAIL, tickets.NOT_ME)
    tickets.void_later(account.id, tickets.UNDO_EMAIL, since)
    _drop_newer_factors(account, since)
    identities.unlink_since(account.id, since)
    users.set_hash(account.id, None)
    sessions.end_all(account.id, "revoked_by_user")
    audit.record("email_change_undone", client, user_id=account.id)
    notices.tell("email_change_undone", account.id, client)
    outbox.order(letters.RESET, email=email)


def _drop_newer_factors(account: Account, since: datetime) -> None:
    if account.mfa_enabled_at and account.mfa_enabled_at >= since:
        totp.disable(account.id)
        recovery_codes.void(account.id)
    else:
        recovery_codes.void(account.id, since)
