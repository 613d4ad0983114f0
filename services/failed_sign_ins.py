"""Sign-ins that failed lately, counted from the record, so that the owner hears of unusual ones (ASVS 6.3.5)."""

from datetime import datetime, timedelta

from services import attempts, audit, clock, devices, names
from services.client import Client

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WRONG_CODES = 3
"""Of a second factor, within an hour and after a right first step: no slip of the finger any more."""
MANY = 5
"""Failures elsewhere, in the day before a sign-in, of which the owner is told."""
SECOND_FACTORS = (attempts.TOTP.method, attempts.RECOVERY_CODE.method)


def wrong_codes(user_id: str) -> int:
    """How many codes of a second factor were wrong in sign-ins of the last hour. Step-ups have a session, and do not count."""
    now = clock.now()
    found = audit.recorded(user_id, ("code_failed",), now - HOUR, now)
    return sum(fact.session_id is None and fact.details.get("method") in SECOND_FACTORS for fact in found)


def elsewhere(user_id: str, client: Client, moment: datetime) -> int:
    """How many sign-ins failed in the day before, from another network or another kind of device than this client's."""
    here = _place(client.ip, client.user_agent)
    found = audit.recorded(user_id, ("sign_in_failed", "code_failed"), moment - DAY, moment)
    return sum(fact.session_id is None and _place(fact.ip, fact.user_agent) != here for fact in found)


def _place(ip: str, user_agent: str) -> tuple[str, str]:
    """Network and kind of device; `ip` may be a network already."""
    return names.network(ip.partition("/")[0]), devices.kind(user_agent)
