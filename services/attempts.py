"""Guesses, counted before they are checked, by factor and by whom they are aimed at (NIST SP 800-63B-4 §3.2.2).

A guess is claimed by a conditional UPDATE in a transaction of its own, so that sixteen at once are sixteen, and one whose
request rolls back stays counted. The count begins anew when the right secret came. Subjects are whatever a guess can be
aimed at: an account, a name that has none, a session. They are treated alike, whether or not they exist.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, case, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from database import changed, rows, transaction_apart
from errors import TooManyAttempts
from model import Attempt
from services import audit, clock, keys
from services.client import Client
from services.users import Account

FREE = 5
FIRST_WAIT, LONGEST_WAIT = 30, 3600
NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""Until when nobody has to wait. Not the present: a guess that read the clock first may be counted second."""
WAITS = {FREE + turn: min(FIRST_WAIT * 2**turn, LONGEST_WAIT) for turn in range(8)}
"""Seconds to wait after a failure, by how many failures there were before it; the longest wait for all later ones."""


@dataclass(frozen=True, slots=True)
class Factor:
    """What is guessed at. `most` guesses are the end: until it is lifted, or until `window` seconds passed without one.

    `method`: as audit facts call it.
    """

    name: str
    method: str
    most: int | None
    waits: bool = True
    window: int | None = None


STOP = 100
"""NIST SP 800-63B-4 §3.2.2: no more than 100 consecutive failures."""
PASSWORD = Factor("password", "pwd", most=STOP)
TOTP = Factor("totp", "otp", most=STOP)
RECOVERY_CODE = Factor("recovery code", "recovery_code", most=None)
LOGIN_CODE = Factor("login code", "email", most=5, waits=False, window=3600)
STEP_UP_CODE = Factor("step-up code", "email", most=5, waits=False)
LINK_CODE = Factor("link code", "email", most=5, waits=False, window=3600)
ADDRESS_CHANGE = Factor("address change", "email_change", most=10, waits=False, window=3600)
"""No guess, but counted like one: each request mails somebody who may be a stranger."""
LIFTED_BY_OPERATOR = (PASSWORD, TOTP, RECOVERY_CODE, LOGIN_CODE, LINK_CODE, ADDRESS_CHANGE)


def claim(factor: Factor, client: Client, account: Account | None, *whom: str) -> None:
    """Counts one guess at all of these, or refuses it for the sake of one. Raises TooManyAttempts.

    `account`: whose fact a refusal leaves; the last of `whom` stands for it, or for the name that has none.
    """
    spellings = sorted(_spellings(factor, one) for one in whom)
    for subject, *older in spellings:
        _make_row(subject, older)
    now, subjects = clock.now(), [subject for subject, *_ in spellings]
    try:
        with transaction_apart() as connection:
            for subject in subjects:
                if connection.execute(_counted(factor, subject, now)).rowcount != 1:
                    raise TooManyAttempts(_seconds_left(factor, subject, now))
    except TooManyAttempts:
        _record_wait(factor, client, account, whom[-1])
        raise


def _record_wait(factor: Factor, client: Client, account: Account | None, whom: str) -> None:
    """One fact for each wait, however many guesses come in it: until it ends, no guess is counted, and `last_at` stays."""
    subject = _spellings(factor, whom)[0]
    for row in rows(select(Attempt.last_at).where(Attempt.subject == subject)):
        occasion = f"{subject} {row.last_at.isoformat()}"
        user_id = account.id if account else None
        audit.record_once(occasion, "too_many_attempts", client, user_id=user_id, method=factor.method)


def clear(factor: Factor, *whom: str) -> None:
    """The right secret came, or the owner proved himself otherwise: the count begins anew."""
    # One by one in the order of `claim`, or the two would wait for each other.
    for subject in sorted(spelling for one in whom for spelling in _spellings(factor, one)):
        changed(update(Attempt).where(Attempt.subject == subject).values(failures=0, blocked_until=NEVER))


def forget(*whom: str) -> None:
    """Nothing is left of what was guessed at these, or by how many guesses: whoever is called so next begins anew."""
    subjects = [spelling for factor in LIFTED_BY_OPERATOR for one in whom for spelling in _spellings(factor, one)]
    changed(delete(Attempt).where(Attempt.subject.in_(subjects)))


def _spellings(factor: Factor, whom: str) -> list[str]:
    """The subject's digest, and those that it had under older peppers of the ring."""
    return keys.digests("attempts", f"{factor.name}:{whom}")


def _make_row(subject: str, older: list[str]) -> None:
    """In a transaction of its own: two that update a missing row and then insert it would deadlock on MariaDB.

    A count that was kept under an older pepper goes on: a new pepper must not give everybody a hundred guesses more.
    """
    columns = (Attempt.subject, Attempt.failures, Attempt.last_at, Attempt.blocked_until)
    found = {row.subject: row for row in rows(select(*columns).where(Attempt.subject.in_([subject, *older])))}
    if subject in found:
        return
    before = next((found[spelling] for spelling in older if spelling in found), None)
    failures, last_at, blocked_until = before[1:] if before else (0, clock.now(), NEVER)
    values = {"failures": failures, "last_at": last_at, "blocked_until": blocked_until}
    try:
        with transaction_apart() as connection:
            connection.execute(insert(Attempt).values(values | {"subject": subject}))
    except IntegrityError:
        return  # somebody else's guess made it


def _counted(factor: Factor, subject: str, now: datetime) -> Update:
    over = _window_is_over(factor, now)
    room = Attempt.failures < factor.most if factor.most else Attempt.failures >= 0
    free = and_(or_(Attempt.blocked_until <= now, _is_ahead(now)), or_(room, over))
    # In this order: MariaDB lets a later assignment see what an earlier one assigned.
    return (
        update(Attempt)
        .where(Attempt.subject == subject, free)
        .ordered_values(
            (Attempt.blocked_until, _blocked_until(factor, now)),
            (Attempt.failures, case((over, 1), else_=Attempt.failures + 1)),
            (Attempt.last_at, now),
        )
    )


def _window_is_over(factor: Factor, now: datetime) -> ColumnElement[bool]:
    if factor.window is None:
        return Attempt.failures < 0
    return or_(Attempt.last_at <= now - timedelta(seconds=factor.window), _is_ahead(now))


def _is_ahead(now: datetime) -> ColumnElement[bool]:
    """The clock has stepped back since the last guess: its wait would last as much longer. The count goes on."""
    return Attempt.last_at > now + clock.SKEW


def _blocked_until(factor: Factor, now: datetime) -> Any:
    if not factor.waits:
        return NEVER
    moments = {before: now + timedelta(seconds=wait) for before, wait in WAITS.items()}
    longest = now + timedelta(seconds=LONGEST_WAIT)
    grown = case(moments, value=Attempt.failures, else_=longest)
    return case((Attempt.failures < FREE, NEVER), else_=grown)


def _seconds_left(factor: Factor, subject: str, now: datetime) -> int:
    """How long to wait; the longest wait where only somebody's help ends it."""
    row = rows(select(Attempt.failures, Attempt.last_at, Attempt.blocked_until).where(Attempt.subject == subject))[0]
    until: datetime = row.blocked_until
    if factor.most and row.failures >= factor.most:
        over = row.last_at + timedelta(seconds=factor.window) if factor.window else now + timedelta(seconds=LONGEST_WAIT)
        until = max(until, over)
    return max(1, min(LONGEST_WAIT, ceil((until - now).total_seconds())))
