"""Secrets at rest: Fernet, with the purpose and the owning row inside the ciphertext.

Fernet has no associated data, so a ciphertext moved to another row would decrypt there; here it is refused.
"""

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from extensions import settings


class VaultRefused(Exception):
    """Not encrypted by one of our keys, or meant for another row or purpose."""


def seal(purpose: str, owner: str, value: Any) -> str:
    """Encrypts a JSON value for one purpose and one owning row."""
    return _ring().encrypt(json.dumps([purpose, owner, value]).encode()).decode()


def reveal(purpose: str, owner: str, sealed: str) -> Any:
    """The value again; raises VaultRefused."""
    try:
        sealed_purpose, sealed_owner, value = json.loads(_ring().decrypt(sealed.encode()))
    except (InvalidToken, ValueError) as error:
        raise VaultRefused from error
    if (sealed_purpose, sealed_owner) != (purpose, owner):
        raise VaultRefused
    return value


def resealed(sealed: str) -> str:
    """The same under the first key of the ring; raises VaultRefused."""
    try:
        return _ring().rotate(sealed.encode()).decode()
    except InvalidToken as error:
        raise VaultRefused from error


def _ring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings().fernet_key])
