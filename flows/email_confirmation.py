"""Proving an address by the link that was mailed to it."""

from errors import InvalidToken
from services import audit, letters, outbox, tickets, users
from services.client import Client


def confirm(token: str, client: Client) -> None:
    """Spends the link and makes its pending sign-up an account.

    Raises InvalidToken where the link is bad, used or expired, or somebody else proved the address first.
    """
    user_id = tickets.spend(tickets.CONFIRM, token)
    if not users.confirm(user_id):
        raise InvalidToken
    audit.record("email_confirmed", client, user_id=user_id)


def resend(email: str) -> None:
    """Orders one letter with the links; the same work for every address."""
    outbox.order(letters.RESEND, email=email)
