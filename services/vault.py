"""Secrets at rest: Fernet, with the purpose and the owning row inside the ciphertext.

Fernet has no associated data, so a ciphertext moved to another row would decrypt there; here it is refused.
"""

import json
import logging
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from extensions import settings
from services import keys

log = logging.getLogger(__name__)


class VaultRefused(Exception):
    """Not encrypted by one of our keys, or meant for another row or purpose."""


def seal(purpose: str, owner: str, value: Any) -> str:
    """Encrypts a JSON value for one purpose and one owning row."""
    return _ring().encrypt(json.dumps([purpose, owner, value]).encode()).decode()


def reveal(purpose: str, owner: str, sealed: str) -> Any:
    """The value again; raises VaultRefused, and tells the log which keys were tried: a ciphertext does not name its own."""
    try:
        sealed_purpose, sealed_owner, value = json.loads(_ring().decrypt(sealed.encode()))
        if (sealed_purpose, sealed_owner) != (purpose, owner):
            raise ValueError("of another row or purpose")
    except (InvalidToken, ValueError) as error:
        tried = ", ".join(map(keys.short_id, settings().fernet_key))
        log.error("a %s cannot be decrypted by FERNET_KEY %s: add the key that it was written with", purpose, tried)
        raise VaultRefused from error
    return value


def resealed(sealed: str) -> str:
    """The same under the first key of the ring; raises VaultRefused."""
    try:
        return _ring().rotate(sealed.encode()).decode()
    except InvalidToken as error:
        raise VaultRefused from error


def opens(sealed: str) -> bool:
    """Whether a key of the ring is the one that it was sealed with."""
    try:
        _ring().decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


def _ring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings().fernet_key])
