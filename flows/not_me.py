"""“This was not me”: the button that every security notice leads to."""

from errors import InvalidToken
from services import addresses, audit, identities, letters, outbox, sessions, tickets, users
from services.client import Client


def look(token: str) -> None:
    """Raises InvalidToken where the link would not be accepted; spends nothing."""
    tickets.find(token, tickets.NOT_ME)


def redeem(token: str, client: Client) -> None:
    """Ends all sessions, cancels a change of address, voids the password and mails a reset link. Raises InvalidToken.

    The provider whose link the notice told of is unlinked: it may be the attacker's.
    """
    ticket = tickets.spend(token, tickets.NOT_ME)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    if ticket.about:
        identities.unlink(account.id, ticket.about)
    addresses.want(account.id, None)
    users.set_hash(account.id, None)
    tickets.void(account.id, *tickets.OF_CREDENTIALS)
    sessions.end_all(account.id, "revoked_by_user")
    audit.record("not_me", client, user_id=account.id)
    outbox.order(letters.RESET, email=account.email)
