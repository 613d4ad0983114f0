"""Single-use secrets by purpose. Only the hash is kept; one conditional UPDATE spends it."""

from datetime import timedelta

from sqlalchemy import select, update

from database import changed, db, rows
from errors import InvalidToken
from model import Ticket
from services import clock, keys, mint

CONFIRM = "confirm"


def issue(purpose: str, user_id: str, seconds: int) -> str:
    """A fresh secret of 256 bits, good once for `seconds`."""
    secret, now = mint.secret(), clock.now()
    db.session.add(
        Ticket(
            id=mint.identifier(),
            purpose=purpose,
            digest=keys.fingerprint(secret),
            user_id=user_id,
            created_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
    )
    return secret


def spend(purpose: str, secret: str) -> str:
    """Uses the secret up and returns whose it was; raises InvalidToken where it is unknown, used or expired."""
    digest, now = keys.fingerprint(secret), clock.now()
    good = (Ticket.digest == digest, Ticket.purpose == purpose, Ticket.spent_at.is_(None), Ticket.expires_at > now)
    if changed(update(Ticket).where(*good).values(spent_at=now)) != 1:
        raise InvalidToken
    owner: str = rows(select(Ticket.user_id).where(Ticket.digest == digest))[0].user_id
    return owner
