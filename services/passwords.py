"""Passwords: the policy, the hash, the match.

Kept as `<pepper id>:<bcrypt of base64(HMAC-SHA-384(pepper, NFC(password)))>`. The pre-hash makes every length up to the
limit count: bcrypt itself refuses more than 72 bytes. NIST SP 800-63B-4 §3.1.1.2.
"""

import base64
import hmac
import unicodedata
from functools import cache

from zxcvbn import zxcvbn
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from errors import ValidationFailed
from extensions import bcrypt, settings
from services import keys

ZXCVBN_MOST = 72
COMMON = frozenset(FREQUENCY_LISTS["passwords"])


def refuse_weak(password: str, *context: str, field: str = "password") -> None:
    """Raises ValidationFailed with a sentence for each rule that the password breaks. `context`: the person's own words."""
    problems = [*_length_problems(password), *_guess_problems(password, context)]
    if problems:
        raise ValidationFailed({field: problems})


def _length_problems(password: str) -> list[str]:
    least, most = settings().password_min_length, settings().password_max_length
    length = len(normal(password))
    if length < least:
        return [f"Use at least {least} characters."]
    return [f"Use at most {most} characters."] if length > most else []


def _guess_problems(password: str, context: tuple[str, ...]) -> list[str]:
    text = normal(password)
    if not text or len(text) > settings().password_max_length:
        return []
    words = [part.lower() for word in (*context, settings().service_name) for part in (word, word.split("@")[0]) if part]
    if text.lower() in COMMON:
        return ["This is one of the most common passwords. Choose another."]
    if text.lower() in words:
        return ["Do not use your user name, your address or the name of this service."]
    score = zxcvbn(text[:ZXCVBN_MOST], user_inputs=words)["score"]
    if score < settings().password_min_strength:
        return ["This is easy to guess. Use several unrelated words, or more characters."]
    return []


def normal(password: str) -> str:
    """NFC, so that both spellings of an accent are the same password."""
    return unicodedata.normalize("NFC", password)


def hashed(password: str) -> str:
    """The kept form, under the first pepper. Slow: never inside a transaction."""
    pepper = settings().password_pepper[0]
    digest = bcrypt.generate_password_hash(_prehash(pepper, password), settings().bcrypt_log_rounds).decode()
    return f"{keys.short_id(pepper)}:{digest}"


def matches(kept: str | None, password: str) -> bool:
    """Whether this is the password; takes one hash run whatever `kept` is. Too long ones are refused before hashing."""
    if len(normal(password)) > settings().password_max_length:
        return False
    pepper_id, _, digest = (kept or _nobody(settings().bcrypt_log_rounds, settings().password_pepper[0])).partition(":")
    pepper = next((p for p in settings().password_pepper if keys.short_id(p) == pepper_id), settings().password_pepper[0])
    fits = bool(bcrypt.check_password_hash(digest, _prehash(pepper, password)))
    return fits and kept is not None


def is_outdated(kept: str) -> bool:
    """Made with an older pepper or a lower cost than is configured."""
    pepper_id, _, digest = kept.partition(":")
    return pepper_id != keys.short_id(settings().password_pepper[0]) or int(digest[4:6]) < settings().bcrypt_log_rounds


def renewed(kept: str | None, password: str) -> str | None:
    """A new hash of the right password, where the kept one is outdated."""
    return hashed(password) if kept and is_outdated(kept) else None


def _prehash(pepper: str, password: str) -> str:
    return base64.b64encode(hmac.digest(pepper.encode(), normal(password).encode(), "sha384")).decode()


@cache
def _nobody(rounds: int, pepper: str) -> str:
    """A hash that stands in where there is no account, so that the answer takes as long."""
    return f"{keys.short_id(pepper)}:{bcrypt.generate_password_hash(keys.fingerprint(pepper), rounds).decode()}"
