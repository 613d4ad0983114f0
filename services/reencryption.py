"""Brings everything that is encrypted at rest under the first key of the ring, so that older keys can be dropped."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from database import changed, rows, unit_of_work
from model import Letter, ProviderVisit, Ticket, User
from services import vault

SEALED: tuple[InstrumentedAttribute[Any], ...] = (
    User.totp_secret,
    User.totp_offered,
    Ticket.about,
    Letter.content,
    ProviderVisit.about,
)
"""Every column that `vault.seal` fills; a test holds this list to the model."""
PIECE = 200


def run() -> int:
    """Returns how many values were encrypted anew. Raises VaultRefused where none of the keys opens one."""
    return sum(_column(column) for column in SEALED)


def _column(column: InstrumentedAttribute[Any]) -> int:
    """In pieces by id; a value that changed meanwhile was sealed by the first key anyway."""
    key, done, last = column.class_.id, 0, ""
    while found := rows(select(key, column).where(column.is_not(None), key > last).order_by(key).limit(PIECE)):
        with unit_of_work():
            for row_id, sealed in found:
                same = update(column.class_).where(key == row_id, column == sealed)
                done += changed(same.values({column.key: vault.resealed(sealed)}))
        last = found[-1][0]
    return done
