"""Recovery codes: ten of 120 bits, each good once in place of a second factor; kept as keyed hashes."""

from datetime import datetime

from sqlalchemy import delete, func, select, update

from database import changed, db, rows
from model import RecoveryCode
from services import clock, keys, mint

COUNT, LETTERS, GROUP = 10, 24, 4
"""ASVS 6.5.2 wants 112 bits where a fast hash keeps them. Older codes of 16 letters stay good."""
MISREAD = str.maketrans("oil", "011")
"""Crockford's base 32 takes what people write for what was meant."""


def renew(user_id: str) -> list[str]:
    """A new set, to show once; the old one is void."""
    void(user_id)
    codes = [mint.readable(LETTERS) for _ in range(COUNT)]
    db.session.add_all(
        RecoveryCode(
            id=mint.identifier(),
            user_id=user_id,
            digest=keys.digest("recovery code", f"{user_id}:{code}"),
            created_at=clock.now(),
        )
        for code in codes
    )
    return ["-".join(code[start : start + GROUP] for start in range(0, LETTERS, GROUP)) for code in codes]


def void(user_id: str, since: datetime | None = None) -> None:
    """Removes the user's codes: all, or those that were made from a moment on."""
    theirs = select(RecoveryCode.id).where(RecoveryCode.user_id == user_id)
    found = rows(theirs if since is None else theirs.where(RecoveryCode.created_at >= since))
    if found:  # by id: MariaDB would lock the gap where none is, into which somebody else may want to insert
        changed(delete(RecoveryCode).where(RecoveryCode.id.in_([row.id for row in found])))


def accept(user_id: str, code: str) -> bool:
    """Spends a normalized code; case does not matter."""
    plain = code.lower().translate(MISREAD)
    fitting = RecoveryCode.digest.in_(keys.digests("recovery code", f"{user_id}:{plain}"))
    unused = update(RecoveryCode).where(RecoveryCode.user_id == user_id, fitting, RecoveryCode.used_at.is_(None))
    return changed(unused.values(used_at=clock.now())) == 1


def left(user_id: str) -> int:
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    count: int = rows(select(func.count()).select_from(RecoveryCode).where(*unused))[0][0]
    return count
