"""People who were sent to a provider: each comes back once, within ten minutes, in the browser that left."""

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from database import changed, db, rows, transaction_apart
from errors import OauthFailed
from model import ProviderVisit
from services import clock, keys, mint, vault

SECONDS = 600
log = logging.getLogger(__name__)


def depart(provider: str, browser: str, about: dict[str, Any]) -> str:
    """Notes the departure and returns the `state` to come back with. `browser`: the secret of its cookie."""
    state, visit_id = mint.secret(), mint.identifier()
    db.session.add(
        ProviderVisit(
            id=visit_id,
            provider=provider,
            state_digest=keys.fingerprint(state),
            browser_digest=keys.fingerprint(browser),
            about=vault.seal("provider visit", visit_id, about),
            expires_at=clock.now() + timedelta(seconds=SECONDS),
        )
    )
    return state


def void_everybodys() -> int:
    """Nobody who was sent away is expected back; returns how many were."""
    return changed(update(ProviderVisit).where(ProviderVisit.spent_at.is_(None)).values(spent_at=clock.now()))


def end(provider: str, browser: str, state: str) -> dict[str, Any]:
    """What was noted at the departure; each visit ends once, before the provider is asked. Raises OauthFailed."""
    now = clock.now()
    here = (
        ProviderVisit.provider == provider,
        ProviderVisit.state_digest == keys.fingerprint(state),
        ProviderVisit.browser_digest == keys.fingerprint(browser),
        ProviderVisit.spent_at.is_(None),
        ProviderVisit.expires_at > now,
        ProviderVisit.expires_at <= now + timedelta(seconds=SECONDS) + clock.SKEW,  # else the clock has stepped back since
    )
    found = rows(select(ProviderVisit.id, ProviderVisit.about).where(*here))
    ended = 0
    if found:
        with transaction_apart() as connection:
            ended = connection.execute(update(ProviderVisit).where(*here).values(spent_at=clock.now())).rowcount
    if ended != 1:
        log.warning("provider %s: no sign-in with this state waits in this browser: used, expired, or another one", provider)
        raise OauthFailed
    try:
        about: dict[str, Any] = vault.reveal("provider visit", found[0].id, found[0].about)
    except vault.VaultRefused as refused:
        raise OauthFailed from refused
    return about
