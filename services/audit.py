"""The record of what happened to an account."""

from database import note
from model import AuditFact
from services import clock, mint
from services.client import Client


def record(kind: str, client: Client, *, user_id: str | None = None, session_id: str | None = None, **details: str) -> None:
    """Notes a fact; it is kept even where the request is refused. `details` never hold personal data or secrets."""
    note(
        AuditFact(
            id=mint.identifier(),
            time=clock.now(),
            kind=kind,
            user_id=user_id,
            session_id=session_id,
            ip=client.ip,
            user_agent=client.user_agent,
            details=details,
        )
    )
