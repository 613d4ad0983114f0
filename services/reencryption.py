"""Brings everything that is encrypted at rest into the configured format, under the first key of the ring.

Older keys can be dropped then, and a release that reads only that format can serve again.
"""

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from database import changed, rows, unit_of_work
from extensions import settings
from model import Letter, ProviderVisit, Ticket, User
from services import keys, vault

SEALED: dict[InstrumentedAttribute[Any], str] = {
    User.totp_secret: "totp",
    User.totp_offered: "totp",
    Ticket.about: "ticket",
    Letter.content: "letter",
    ProviderVisit.about: "provider visit",
}
"""Every column that `vault.seal` fills, with its purpose; the owner is the row's id. A test holds this list to the model."""
PIECE = 200
MOST_EXAMINED = 20_000


def run() -> int:
    """Returns how many values were encrypted anew. Raises VaultRefused where none of the keys opens one."""
    return sum(_column(column) for column in SEALED)


def _column(column: InstrumentedAttribute[Any]) -> int:
    """In pieces by id; a value that changed meanwhile was sealed as it should be anyway."""
    key, done, last, purpose = column.class_.id, 0, "", SEALED[column]
    while found := rows(select(key, column).where(column.is_not(None), key > last).order_by(key).limit(PIECE)):
        with unit_of_work():
            for row_id, sealed in found:
                same = update(column.class_).where(key == row_id, column == sealed)
                done += changed(same.values({column.key: vault.resealed(purpose, row_id, sealed)}))
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
    key, purpose = column.class_.id, SEALED[column]
    newest = select(key, column).where(column.is_not(None)).order_by(key.desc()).limit(MOST_EXAMINED)
    return sum(not vault.opens(purpose, row_id, sealed) for row_id, sealed in rows(newest))
