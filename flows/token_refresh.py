"""Staying signed in."""

from errors import TokenReused
from services import notices, sessions, users
from services.client import Client
from services.tokens import Claims, Grant


def refresh(claims: Claims, client: Client) -> Grant | TokenReused:
    """The one successor of a refresh token; the refusal of a reused one is returned, since it ended the session."""
    outcome = sessions.refresh(claims, client)
    if isinstance(outcome, TokenReused):
        _tell(claims, client)
    return outcome


def _tell(claims: Claims, client: Client) -> None:
    if account := users.get(claims.user_id):
        notices.tell("token_reused", account, client)
