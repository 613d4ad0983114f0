"""Seeing where one is signed in, and ending it."""

from errors import NotFound
from services import audit, session_lists, sessions
from services.client import Client
from services.session_lists import Listed
from services.sessions import SignedIn

REASON = "revoked_by_user"


def listed(signed_in: SignedIn) -> list[Listed]:
    """One's own live sessions, the latest first."""
    return session_lists.live_of(signed_in.account.id)


def end_one(signed_in: SignedIn, session_id: str, client: Client) -> None:
    """Ends one's own session; raises NotFound for anything else, so that nobody learns of other people's."""
    if not sessions.end_one_of(signed_in.account.id, session_id, REASON):
        raise NotFound("You have no live session with this id.")
    audit.record("session_ended", client, user_id=signed_in.account.id, session_id=session_id)


def end_others(signed_in: SignedIn, client: Client) -> None:
    """Ends all of one's sessions but the present one."""
    sessions.end_all(signed_in.account.id, REASON, but=signed_in.session_id)
    audit.record("other_sessions_ended", client, user_id=signed_in.account.id, session_id=signed_in.session_id)
