"""Staying signed in."""

from errors import TokenReused
from services import sessions
from services.client import Client
from services.tokens import Claims, Grant


def refresh(claims: Claims, client: Client) -> Grant | TokenReused:
    """The one successor of a refresh token; the refusal of a reused one is returned, since it ended the session."""
    return sessions.refresh(claims, client)
