"""The links of security notices: "this was not me", and the undo of a change of address or of a deletion."""

from services import lockout, tickets
from services.client import Client

NOT_ME, ADDRESS, DELETION = tickets.NOT_ME, tickets.UNDO_EMAIL, tickets.UNDO_DELETION
"""What a link can be for."""


def look(token: str, purposes: tuple[str, ...]) -> str:
    """What the link is for; spends nothing. Raises InvalidToken where it would not be accepted."""
    link = tickets.find(token, *purposes)
    lockout.check(link)
    return link.purpose


def redeem(token: str, purposes: tuple[str, ...], client: Client) -> str:
    """Gives the account back to the mailbox that the link came to, and says what the link was for. Raises InvalidToken."""
    link = tickets.spend(token, *purposes)
    lockout.recover(link, client)
    return link.purpose
