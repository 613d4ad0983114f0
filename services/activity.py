"""Last activity, gathered in memory and written in batches, so that no request pays a write for it.

A session counts as active until `idle_after`: the promised time, and two flush periods more, since another worker may
still hold a fresher moment in its memory. A crash loses one period at most, and so never ends an active session.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from flask import current_app
from sqlalchemy import case, update

from database import changed, unit_of_work
from extensions import settings
from model import Session
from services import clock

MOST_ENTRIES = 1000
LONGEST_PERIOD = 15.0
ROWS = 500
"""Sessions in one UPDATE."""


@dataclass
class Memory:
    """One process's moments by session, and whom to wake when there are many."""

    moments: dict[str, datetime] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    when_full: Callable[[], object] = lambda: None


def memory() -> Memory:
    """This app's, in this process."""
    found: Memory | None = current_app.extensions.get("activity")
    return current_app.extensions.setdefault("activity", Memory()) if found is None else found


def period() -> float:
    """Seconds between two flushes."""
    return min(LONGEST_PERIOD, settings().inactivity_seconds / 4)


def idle_after() -> timedelta:
    """How long after its last written activity a session ends."""
    return timedelta(seconds=settings().inactivity_seconds + 2 * period())


def touch(session_id: str) -> None:
    """Remembers that the session was used now."""
    mine = memory()
    with mine.lock:
        mine.moments[session_id] = clock.now()
        full = len(mine.moments) >= MOST_ENTRIES
    if full:
        mine.when_full()


def latest(session_id: str, written: datetime) -> datetime:
    """The later of what was written and what this process remembers."""
    remembered = memory().moments.get(session_id)
    return max(written, remembered) if remembered else written


def flush() -> None:
    """Writes what is remembered; what could not be written is kept for the next time."""
    mine = memory()
    with mine.lock:
        taken = dict(mine.moments)
    entries = sorted(taken.items())
    for start in range(0, len(entries), ROWS):
        _write(dict(entries[start : start + ROWS]))
    with mine.lock:
        for session_id, moment in entries:
            if mine.moments.get(session_id) == moment:
                del mine.moments[session_id]


def _write(moments: dict[str, datetime]) -> None:
    """One statement; a moment never moves backwards, and an ended session stays as it ended."""
    moment = case(moments, value=Session.id, else_=Session.last_activity)
    used = update(Session).where(Session.id.in_(moments), Session.ended_at.is_(None), Session.last_activity < moment)
    with unit_of_work():
        changed(used.values(last_activity=moment))
