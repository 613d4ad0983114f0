"""Brings everything that is encrypted at rest under the first key of the ring, so that older keys can be dropped."""

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from database import changed, rows, unit_of_work
from extensions import settings
from model import Letter, ProviderVisit, Ticket, User
from services import keys, vault

SEALED: tuple[InstrumentedAttribute[Any], ...] = (
    User.totp_secret,
    User.totp_offered,
    Ticket.about,
    Letter.content,
    ProviderVisit.about,
)
"""Every column that `vault.seal` fills; a test holds this list to the model."""
PIECE = 200
MOST_EXAMINED = 20_000


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


def hashes_of_lost_keys() -> int:
    """Password hashes that no pepper of the ring made: nobody can sign in with these passwords."""
    made_by = func.substr(User.password_hash, 1, len(keys.short_id("")))
    ours = [keys.short_id(pepper) for pepper in settings().password_pepper]
    found = rows(select(func.count()).select_from(User).where(User.password_hash.is_not(None), made_by.not_in(ours)))
    return int(found[0][0])


def secrets_of_lost_keys() -> int:
    """Values at rest that no key of the ring opens, among the newest of each column."""
    return sum(map(_unopened, SEALED))


def _unopened(column: InstrumentedAttribute[Any]) -> int:
    newest = select(column).where(column.is_not(None)).order_by(column.class_.id.desc()).limit(MOST_EXAMINED)
    return sum(not vault.opens(sealed) for (sealed,) in rows(newest))
