"""Staying signed in."""

from errors import TokenReused
from services import notices, sessions
from services.client import Client
from services.tokens import Claims, Grant


def refresh(claims: Claims, client: Client) -> Grant | TokenReused:
    """The one successor of a refresh token; the refusal of a reused one is returned, since it ended the session."""
    outcome = sessions.refresh(claims, client)
    if isinstance(outcome, TokenReused):
        notices.tell("token_reused", claims.user_id, client)
    return outcome
