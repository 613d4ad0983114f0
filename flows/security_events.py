"""Seeing what happened to one's account."""

from services import audit
from services.audit import Event
from services.sessions import SignedIn


def listed(signed_in: SignedIn, limit: int, before: str | None) -> tuple[list[Event], str | None]:
    """A page of one's own events, the latest first, and where the next page begins. Raises ValidationFailed."""
    return audit.of(signed_in.account.id, limit, before)
