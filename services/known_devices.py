"""From which kinds of device an account has been used, so that a new one is told to its owner."""

from datetime import datetime

from sqlalchemy import select

from database import db, rows
from model import KnownDevice
from services import clock, keys


def first_seen(user_id: str) -> list[datetime]:
    """When the account was first used from each kind of device; which ones these are cannot be read back."""
    found = rows(select(KnownDevice.first_seen).where(KnownDevice.user_id == user_id).order_by(KnownDevice.first_seen))
    return [row.first_seen for row in found]


def is_known(user_id: str, device: str) -> bool:
    """Also true of an account that was never used, and so knows none."""
    known = _digests(user_id)
    return not known or bool(known & set(keys.digests("device", f"{user_id}:{device}")))


def is_news(user_id: str, device: str) -> bool:
    """Remembers the device; true where the account was used before, but never from such a one.

    The caller holds the account's lock, so two letters cannot both find it new.
    """
    known = _digests(user_id)
    if known & set(keys.digests("device", f"{user_id}:{device}")):
        return False
    digest = keys.digest("device", f"{user_id}:{device}")
    db.session.add(KnownDevice(user_id=user_id, digest=digest, first_seen=clock.now()))
    return bool(known)


def _digests(user_id: str) -> set[str]:
    return {row.digest for row in rows(select(KnownDevice.digest).where(KnownDevice.user_id == user_id))}
