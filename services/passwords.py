"""Passwords: refused or hashed, matched, renewed. What is refused stands in `password_policy`.

Kept as `<pepper id>:<bcrypt of base64(HMAC-SHA-384(pepper, NFC(password)))>`. The pre-hash makes every length up to the
limit count: bcrypt itself refuses more than 72 bytes. NIST SP 800-63B-4 §3.1.1.2.
"""

import base64
import hmac
import unicodedata
from functools import cache

from errors import ValidationFailed
from extensions import bcrypt, settings
from services import hashing, keys, password_policy


def refuse_weak(password: str, *context: str | None, field: str = "password") -> None:
    """Raises ValidationFailed with a sentence for each rule that the password breaks. `context`: the person's own words."""
    if problems := password_policy.problems(normal(password), context):
        raise ValidationFailed({field: problems})


def normal(password: str) -> str:
    """NFC, so that both spellings of an accent are the same password."""
    return unicodedata.normalize("NFC", password)


def hashed(password: str) -> str:
    """The kept form, under the first pepper. Slow: never inside a transaction. Raises Busy."""
    pepper = settings().password_pepper[0]
    with hashing.turn():
        digest = bcrypt.generate_password_hash(_prehash(pepper, password), settings().bcrypt_log_rounds).decode()
    return f"{keys.short_id(pepper)}:{digest}"


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password; takes as long as one hash run of today's cost, unless `kept` has a higher one.

    Too long ones are refused before. Raises Busy.
    """
    if len(normal(password)) > settings().password_max_length:
        return False
    pepper_id, _, digest = (kept or _nobody(settings().bcrypt_log_rounds, settings().password_pepper[0])).partition(":")
    pepper = next((p for p in settings().password_pepper if keys.short_id(p) == pepper_id), settings().password_pepper[0])
    with hashing.turn():
        fits = bool(bcrypt.check_password_hash(digest, _prehash(pepper, password)))
        _spend_the_rest(_cost(digest))
    return fits and kept is not None


def _spend_the_rest(cost: int) -> None:
    """Else an account whose hash was made at a lower cost would answer sooner than no account does.

    Each step of the cost doubles the work, so a run of this cost and one of each up to today's are one run of today's.
    """
    for lower in range(cost, settings().bcrypt_log_rounds):
        bcrypt.generate_password_hash("any", lower)


def _cost(digest: str) -> int:
    """The base-2 logarithm of the rounds, as bcrypt writes it: `$2b$12$…`."""
    return int(digest[4:6])


def is_outdated(kept: str) -> bool:
    """Made with an older pepper or a lower cost than is configured."""
    pepper_id, _, digest = kept.partition(":")
    return pepper_id != keys.short_id(settings().password_pepper[0]) or _cost(digest) < settings().bcrypt_log_rounds


def renewed(kept: str | None, password: str) -> str | None:
    """A new hash of the right password, where the kept one is outdated."""
    return hashed(password) if kept and is_outdated(kept) else None


def _prehash(pepper: str, password: str) -> str:
    return base64.b64encode(hmac.digest(pepper.encode(), normal(password).encode(), "sha384")).decode()


@cache
def _nobody(rounds: int, pepper: str) -> str:
    """A hash that stands in where there is no account, so that the answer takes as long."""
    return f"{keys.short_id(pepper)}:{bcrypt.generate_password_hash(keys.fingerprint(pepper), rounds).decode()}"
