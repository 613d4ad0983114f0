"""Proving an address by the link that was mailed to it: of a sign-up, or of an account that wants another one."""

from errors import InvalidToken
from services import addresses, audit, letters, notices, outbox, tickets, users
from services.client import Client
from services.users import Account


def confirm(token: str, client: Client) -> None:
    """Spends the link. Raises InvalidToken where it is bad, used or expired, or the address went to somebody else."""
    ticket = tickets.spend(token, tickets.CONFIRM, tickets.CHANGE_EMAIL)
    account = users.get(ticket.user_id)
    if account is None:
        raise InvalidToken
    if ticket.purpose == tickets.CHANGE_EMAIL:
        _change(account, ticket.about, client)
    elif addresses.prove(account):
        audit.record("email_confirmed", client, user_id=account.id)
    else:
        raise InvalidToken


def _change(account: Account, email: str, client: Client) -> None:
    """The old address is told how to undo it; links and codes that were mailed there are void."""
    away_since = addresses.away_since(account.id, email)
    if not addresses.move(account, email):
        raise InvalidToken
    tickets.void(account.id, *tickets.OF_CREDENTIALS)
    audit.record("email_changed", client, user_id=account.id)
    if away_since is None:
        notices.tell(letters.EMAIL_CHANGED, account, client)
    else:
        # Back by hand, where the undo link would have led: the address between gets no such link, and keeps none. With
        # one, whoever had moved the account there would take it away again, for good.
        addresses.forget(account.id, away_since)


def resend(email: str) -> None:
    """Orders one letter with the links; the same work for every address."""
    outbox.order(letters.RESEND, email=email)
