"""A session: one sign-in. Opened, checked, refreshed, ended; its row decides about every token at once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, exists, select, update

from database import changed, db, in_pieces
from errors import SessionEnded, TokenExpired, TokenInvalid, TokenReused
from extensions import settings
from model import Identity, Session, User
from prepared import Change, Lookup
from services import activity, audit, clock, mint, tokens, users
from services.client import Client
from services.tokens import ACCESS, Claims, Grant
from services.users import ACCOUNT_COLUMNS, Account

CHECKED = (
    Session.id,
    Session.user_id,
    Session.created_at,
    Session.auth_time,
    Session.expires_at,
    Session.last_activity,
    Session.amr,
    Session.refresh_jti,
    Session.parent_jti,
    Session.refreshed_at,
    Session.ended_at,
    Session.end_reason,
    exists().where(Identity.user_id == Session.user_id).label("is_linked"),
)
FOUND = Lookup(
    select(*CHECKED, *ACCOUNT_COLUMNS).join(User, User.id == Session.user_id).where(Session.id == bindparam("session_id"))
)
"""Every signed-in call asks it."""
SPEND = Change(
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.ended_at.is_(None), Session.refresh_jti == bindparam("spent"))
    .values(
        refresh_jti=bindparam("successor"),
        parent_jti=bindparam("spent"),
        refreshed_at=bindparam("now"),
        last_activity=bindparam("now"),
    )
)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session and whose it is. `is_linked`: whether the account has a provider."""

    session_id: str
    account: Account
    last_activity: datetime
    jti: str
    auth_time: int
    is_linked: bool

    @property
    def is_fresh(self) -> bool:
        """Whether the person proved himself lately, as the presented token says; one that does not say is not fresh.

        Nor is one that says a moment ahead: the clock stepped back since, and nobody knows how long ago that was.
        """
        age = clock.now().timestamp() - self.auth_time
        return self.auth_time > 0 and -clock.SKEW.total_seconds() <= age <= settings().fresh_seconds


def open_for(account: Account, amr: tuple[str, ...], client: Client, auth_time: datetime | None = None) -> Grant:
    """A new session. Only `sign_ins` calls this. `auth_time`: when the person proved who they are, if not now."""
    now = clock.now()
    session = Session(
        id=mint.identifier(),
        user_id=account.id,
        created_at=now,
        auth_time=auth_time or now,
        expires_at=now + timedelta(seconds=settings().session_max_seconds),
        last_activity=now,
        amr=" ".join(amr),
        refresh_jti=mint.token_id(),
        refreshed_at=now,
        ip=client.ip,
        ip_shortened=False,
        user_agent=client.user_agent,
    )
    db.session.add(session)
    audit.record("signed_in", client, user_id=account.id, session_id=session.id, method=audit.methods(amr))
    return _grant(session, account.is_admin)


def check(claims: Claims) -> SignedIn:
    """One indexed read decides. Raises TokenInvalid for an unknown session, SessionEnded for an ended one.

    Raises TokenExpired for an access token from before a step-up: whoever holds a copy has not proved anything since.
    """
    row = _judged(claims)
    activity.touch(row.id)
    last_activity = activity.latest(row.id, row.last_activity)
    return SignedIn(row.id, Account.of(row), last_activity, claims.jti, claims.auth_time, row.is_linked)


def _judged(claims: Claims) -> Any:
    found = FOUND.rows(session_id=claims.session_id)
    if not found or found[0].user_id != claims.user_id:
        raise TokenInvalid
    row = found[0]
    if row.ended_at is not None:
        raise SessionEnded(row.end_reason)
    if row.expires_at <= clock.now():
        raise SessionEnded("expired")
    if not row.users_is_active or row.users_deleted_at:
        raise SessionEnded("account_inactive")
    if activity.latest(row.id, row.last_activity) + activity.idle_after() <= clock.now():
        raise SessionEnded("idle")
    if claims.kind == ACCESS and claims.auth_time < int(row.auth_time.timestamp()):
        raise TokenExpired
    return row


def refresh(claims: Claims, client: Client) -> Grant | TokenReused:
    """The successor of a refresh token, the same for everyone who asks within the grace.

    An older token of this session means that somebody holds a copy: the session ends (RFC 9700 §4.14.2), and the
    refusal is returned, so that the end is committed. Raises TokenInvalid for a spent token while the clock is behind
    the last refresh: nobody can tell whether the grace is over.
    """
    row, successor, now = _judged(claims), mint.token_id(), clock.now()
    activity.touch(row.id)
    if SPEND.count(session_id=row.id, spent=claims.jti, successor=successor, now=now):
        return _grant(row, row.users_is_admin, refresh_jti=successor, moment=now)
    row = _judged(claims)
    if row.refreshed_at > clock.now() + clock.SKEW:
        raise TokenInvalid
    in_grace = now <= row.refreshed_at + timedelta(seconds=settings().refresh_reuse_seconds)
    if row.parent_jti == claims.jti and in_grace:
        return _grant(row, row.users_is_admin)
    if not end(claims.session_id, "token_reused"):
        raise SessionEnded("token_reused")
    audit.record("token_reused", client, user_id=row.user_id, session_id=row.id)
    return TokenReused()


def step_up(signed_in: SignedIn, amr: tuple[str, ...], client: Client) -> Grant:
    """The same session, proved anew; spends no token. Raises SessionEnded."""
    now = clock.now()
    users.lock(signed_in.account.id)
    live = update(Session).where(Session.id == signed_in.session_id, Session.ended_at.is_(None))
    changed(live.values(auth_time=now, amr=" ".join(amr)))
    row = FOUND.rows(session_id=signed_in.session_id)[0]
    if row.ended_at is not None:
        raise SessionEnded(row.end_reason)
    audit.record("reauthenticated", client, user_id=row.user_id, session_id=row.id, method=audit.methods(amr))
    return replace(_grant(row, row.users_is_admin), access_from=now)


def _grant(session: Any, is_admin: bool, refresh_jti: str | None = None, moment: datetime | None = None) -> Grant:
    moment = moment or session.refreshed_at
    return Grant(
        user_id=session.user_id,
        session_id=session.id,
        refresh_jti=refresh_jti or session.refresh_jti,
        moment=moment,
        access_from=moment,
        session_end=session.expires_at,
        auth_time=session.auth_time,
        amr=tuple(session.amr.split()),
        roles=("user", "admin") if is_admin else ("user",),
    )


def end_one_of(user_id: str, session_id: str, reason: str) -> bool:
    """Ends one of the user's own live sessions; false where there is no such."""
    mine = update(Session).where(Session.id == session_id, Session.user_id == user_id, Session.ended_at.is_(None))
    return changed(mine.values(ended_at=clock.now(), end_reason=reason)) == 1


def end_all(user_id: str, reason: str, *, but: str | None = None) -> int:
    """Ends the user's live sessions at once, all or all but one; returns how many."""
    theirs = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    chosen = theirs if but is None else theirs.where(Session.id != but)
    return changed(chosen.values(ended_at=clock.now(), end_reason=reason))


def end_everybodys(reason: str) -> int:
    """Ends every live session of everybody; returns how many."""
    return changed(update(Session).where(Session.ended_at.is_(None)).values(ended_at=clock.now(), end_reason=reason))


def end_idle() -> int:
    """Ends every session without activity; returns how many."""
    idle = and_(Session.ended_at.is_(None), Session.last_activity <= clock.now() - activity.idle_after())
    end_them = update(Session).values(ended_at=clock.now(), end_reason="idle")
    return in_pieces(end_them, idle, Session.ended_at, Session.last_activity)


def end(session_id: str, reason: str) -> bool:
    """Ends a live session at once, in every worker; false where it had ended before."""
    statement = update(Session).where(Session.id == session_id, Session.ended_at.is_(None))
    return changed(statement.values(ended_at=clock.now(), end_reason=reason)) == 1


def end_presented(client: Client) -> None:
    """Ends the sessions whose access tokens came with a sign-in, as a logout does. A token that is not good ends nothing."""
    for text in client.tokens:
        try:
            row = _judged(tokens.read(text, ACCESS))
        except (TokenInvalid, TokenExpired, SessionEnded):
            continue
        if end(row.id, "logout"):
            audit.record("signed_out", client, user_id=row.user_id, session_id=row.id)


def hold(claims: Claims) -> SignedIn:
    """Judges the session again, first of all in a transaction; until that ends, nothing that takes the account's lock ends it.

    `check` may be long ago by now: the call waited for a password hash, for a picture. The lock comes first, so that on
    MariaDB the transaction sees what was committed meanwhile. Raises what `check` does.
    """
    users.lock(claims.user_id)
    return check(claims)
