"""Mail that is never lost: ordered in the request's own transaction, written and delivered by a job.

A request stores only *what to write about*; whom to tell, and whether anybody, is found out by the job. So a request
for a known address does exactly the work of one for an unknown address.

    ordered → written → sent          or void (nobody to tell, too many, or expired), or given_up
"""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, case, func, select, update
from sqlalchemy.exc import DBAPIError

from database import changed, db, rows, unit_of_work, was_lost, was_refused_for_concurrency
from extensions import settings
from model import Letter
from services import clock, keys, letters, metrics, mint, names, post, vault
from services.letters import Written

FIRST_DELAY, LONGEST_DELAY, DELAY_IF_REFUSED = 15.0, 3600.0, 1.0
MOST_TRIES = 40
WAITING = ("ordered", "written")
PER_HOUR = 5
"""Mails of one kind to one address in an hour; further ones are void."""
ONCE_A_DAY = (letters.SECOND_FACTOR_MISSING, letters.MANY_FAILURES)
"""Kinds of which one mail to an address in a day is enough: others than the owner can cause them."""
ORDER_SECONDS = 604800
LONGEST_ORDER_DELAY = 600
"""Seconds that an order may ask to wait for."""
log = logging.getLogger(__name__)


class _TooMany(Exception):
    """So many mails of this kind went to this address lately that this one is not written; nor are its secrets."""


def order(kind: str, delay: int = 0, /, **about: str) -> None:
    """Queues a letter in the caller's unit of work. `delay`: seconds before it is due, `LONGEST_ORDER_DELAY` at most."""
    letter_id, now = mint.identifier(), clock.now()
    db.session.add(
        Letter(
            id=letter_id,
            kind=kind,
            state="ordered",
            content=vault.seal("letter", letter_id, about),
            created_at=now,
            not_before=now + timedelta(seconds=delay),
            expires_at=now + timedelta(seconds=ORDER_SECONDS),
            tries=0,
        )
    )


def listed(everything: bool) -> list[Row[Any]]:
    """Letters that wait, or all, the oldest first."""
    wanted = select(Letter.id, Letter.kind, Letter.state, Letter.tries, Letter.not_before).order_by(Letter.created_at)
    return rows(wanted if everything else wanted.where(Letter.state.in_(WAITING)))


@dataclass(frozen=True, slots=True)
class State:
    """How many letters wait, of them tried in vain; how many were given up; since when one is due, and waits, at longest."""

    waiting: int
    retried: int
    given_up: int
    oldest_due: datetime | None
    oldest: datetime | None


def state() -> State:
    waits = Letter.state.in_(WAITING)
    due = and_(waits, Letter.not_before <= clock.now())
    kinds = (waits, and_(waits, Letter.tries > 1, Letter.lease_id.is_(None)), Letter.state == "given_up")
    counts = [func.count(case((kind, 1))) for kind in kinds]
    since = [func.min(case((kind, moment))) for kind, moment in ((due, Letter.not_before), (waits, Letter.created_at))]
    concerned = select(*counts, *since).where(Letter.state.in_((*WAITING, "given_up")))
    return State(*rows(concerned)[0])


def hurry() -> int:
    """Makes every waiting letter due that nobody is delivering right now; returns how many."""
    now = clock.now()
    waits = (Letter.state.in_(WAITING), Letter.lease_id.is_(None), Letter.not_before > now)
    return changed(update(Letter).where(*waits).values(not_before=now))


def hurry_stranded() -> int:
    """Makes letters due that wait longer than any wait lasts: they were put off before the clock stepped back."""
    now = clock.now() + clock.SKEW
    waits = {n: now + timedelta(seconds=_delay(n) * 1.25) for n in range(1, 10)}
    retried = case(waits, value=Letter.tries, else_=now + timedelta(seconds=LONGEST_ORDER_DELAY))
    longest = now + timedelta(seconds=LONGEST_DELAY * 1.25)
    latest = case((Letter.lease_id.is_not(None), now + _lease()), (Letter.tries >= 10, longest), else_=retried)
    stranded = (Letter.state.in_(WAITING), Letter.not_before > now, Letter.not_before > latest)
    if not rows(select(Letter.id).where(*stranded).limit(1)):
        return 0
    with unit_of_work():
        return changed(update(Letter).where(*stranded).values(not_before=clock.now()))


def void_waiting() -> int:
    """No letter that waits is sent any more; returns how many waited."""
    waits = update(Letter).where(Letter.state.in_(WAITING))
    return changed(waits.values(state="void", content=None, lease_id=None, finished_at=clock.now()))


def deliver_due() -> None:
    """Delivers every letter that is due, one at a time; each fault concerns its own letter only."""
    while claimed := _claim():
        letter_id, lease_id = claimed
        try:
            _deliver(letter_id, lease_id)
        except vault.VaultRefused:
            log.error("letter %s cannot be decrypted: is FERNET_KEY the one it was written with?", letter_id)
            _finish(letter_id, lease_id, "given_up")
        except DBAPIError as error:
            if not was_refused_for_concurrency(error):
                raise
            _again(letter_id, lease_id, DELAY_IF_REFUSED)  # else it would wait until its lease is over
        except Exception as error:
            if was_lost(error):
                raise
            log.error("letter %s met an unexpected fault", letter_id, exc_info=error)
            _after_fault(letter_id, lease_id, post.HandOver(type(error).__name__, permanent=False))


def _claim() -> tuple[str, str] | None:
    """Takes one due letter for the length of a lease; the conditional UPDATE decides between workers."""
    now, lease_id = clock.now(), mint.identifier()
    due = (Letter.state.in_(WAITING), Letter.not_before <= now)
    for row in rows(select(Letter.id, Letter.lease_id).where(*due).order_by(Letter.not_before).limit(10)):
        same = Letter.lease_id == row.lease_id if row.lease_id else Letter.lease_id.is_(None)
        claim = update(Letter).where(Letter.id == row.id, *due, same)
        with unit_of_work():
            won = changed(claim.values(lease_id=lease_id, not_before=now + _lease(), tries=Letter.tries + 1))
        if won:
            return row.id, lease_id
    return None


def _lease() -> timedelta:
    """Longer than any hand-over can take, so that a letter is claimed twice only where its first worker died."""
    return timedelta(seconds=10 * settings().mail_timeout)


def _deliver(letter_id: str, lease_id: str) -> None:
    try:
        with unit_of_work():
            written = _written(letter_id)
    except _TooMany:
        written = None
    if written is None:
        _finish(letter_id, lease_id, "void")
        return
    try:
        post.hand_over(letter_id, written.to, written.subject, written.text, written.html)
    except post.HandOver as fault:
        _after_fault(letter_id, lease_id, fault)
    else:
        _finish(letter_id, lease_id, "sent")
        log.info("letter %s was sent", letter_id)


def _written(letter_id: str) -> Written | None:
    """The letter as it was written before, or written now; None where it is too late or nobody is to be told."""
    row = rows(select(Letter.kind, Letter.state, Letter.content, Letter.expires_at).where(Letter.id == letter_id))[0]
    if row.expires_at <= clock.now() or row.content is None:
        return None
    content = vault.reveal("letter", letter_id, row.content)
    if row.state == "written":
        return Written(**content)
    written = letters.write(row.kind, content)
    return _keep_written(letter_id, written) if written else None


def _keep_written(letter_id: str, written: Written) -> Written:
    recipient, now = keys.digest(f"recipient of {written.bound}", names.address_key(written.to)), clock.now()
    if _are_enough(written.bound, recipient, now):
        raise _TooMany
    values = {
        "state": "written",
        "content": vault.seal("letter", letter_id, asdict(written)),
        "recipient_digest": recipient,
        "written_at": now,
        "expires_at": now + timedelta(seconds=written.seconds),
    }
    changed(update(Letter).where(Letter.id == letter_id).values(values))
    return written


def _are_enough(bound: str, recipient: str, now: datetime) -> bool:
    if bound in ONCE_A_DAY:
        return _written_lately(recipient, now, timedelta(days=1)) > 0
    return _written_lately(recipient, now, timedelta(hours=1)) >= PER_HOUR


def _written_lately(recipient: str, now: datetime, within: timedelta) -> int:
    not_ahead = Letter.written_at <= now + clock.SKEW  # else it was written before the clock stepped back
    lately = (Letter.recipient_digest == recipient, Letter.written_at > now - within, not_ahead)
    count: int = rows(select(func.count()).select_from(Letter).where(*lately))[0][0]
    return count


def _after_fault(letter_id: str, lease_id: str, fault: post.HandOver) -> None:
    tries: int = rows(select(Letter.tries).where(Letter.id == letter_id))[0].tries
    if fault.permanent or tries >= MOST_TRIES:
        log.error("letter %s is given up after try %d: %s", letter_id, tries, fault)
        _finish(letter_id, lease_id, "given_up")
        return
    delay = _delay(tries) * (1 + mint.fraction() / 4)
    log.warning("letter %s waits %.0f s after try %d: %s", letter_id, delay, tries, fault)
    _again(letter_id, lease_id, delay)


def _delay(tries: int) -> float:
    """Seconds to wait after so many tries, before they are spread by a quarter."""
    return min(FIRST_DELAY * 2.0 ** (tries - 1), LONGEST_DELAY)


def _again(letter_id: str, lease_id: str, seconds: float) -> None:
    again = update(Letter).where(Letter.id == letter_id, Letter.lease_id == lease_id)
    with unit_of_work():
        changed(again.values(lease_id=None, not_before=clock.now() + timedelta(seconds=seconds)))


def _finish(letter_id: str, lease_id: str, state: str) -> None:
    mine = update(Letter).where(Letter.id == letter_id, Letter.lease_id == lease_id)
    with unit_of_work():
        won = changed(mine.values(state=state, content=None, lease_id=None, finished_at=clock.now()))
    metrics.add("latchkey_letters_total", state, by=won)
