"""Which sessions there are: what owners and operators see of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from database import rows
from extensions import settings
from model import Session
from services import activity, clock
from services.tokens import UNKNOWN


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner sees it."""

    id: str
    created_at: datetime
    last_activity: datetime
    ip: str
    user_agent: str


def live_of(user_id: str) -> list[Listed]:
    """The sessions whose tokens still work, the latest first."""
    now = clock.now()
    refreshable = now - timedelta(seconds=settings().jwt_refresh_token_expires)
    columns = (Session.id, Session.created_at, Session.last_activity, Session.ip, Session.user_agent)
    live = (Session.ended_at.is_(None), Session.expires_at > now, Session.refreshed_at > refreshable)
    active = Session.last_activity > now - activity.idle_after()
    found = rows(select(*columns).where(Session.user_id == user_id, *live, active).order_by(Session.created_at.desc()))
    return [Listed(*row) for row in found]


def all_of(user_id: str) -> list[dict[str, Any]]:
    """Every session that is still remembered, live or ended, with what its owner may know of it."""
    moments = (Session.created_at, Session.auth_time, Session.last_activity, Session.expires_at, Session.ended_at)
    columns = (Session.id, *moments, Session.end_reason, Session.amr, Session.ip, Session.user_agent)
    found = select(*columns).where(Session.user_id == user_id).order_by(Session.created_at)
    return [dict(row._mapping) | {"auth_time": None if row.auth_time == UNKNOWN else row.auth_time} for row in rows(found)]


def newest_addresses() -> list[tuple[str, str]]:
    """Whose the last fifty sign-ins were, and the client's address of each; those that were shortened or erased left out."""
    newest = select(Session.user_id, Session.ip).where(Session.ip_shortened.is_(False), Session.ip != "")
    return [(row.user_id, row.ip) for row in rows(newest.order_by(Session.created_at.desc()).limit(50))]
