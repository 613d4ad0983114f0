"""Secrets at rest, in one of two formats; either opens for the purpose and the row that it was sealed for only.

Fernet has no associated data, so purpose and owner are inside the ciphertext. AES-256-GCM (NIST SP 800-38D) has them as
associated data, and its ciphertext begins with a mark that no Fernet token has.
"""

import base64
import json
import logging
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from extensions import settings
from services import keys, mint

log = logging.getLogger(__name__)
MARK = "v2."
"""Fernet tokens begin with `gAAAA`, their version byte, and have no dot."""
NONCE_BYTES = 12


class VaultRefused(Exception):
    """Not encrypted by one of our keys, or meant for another row or purpose."""


def seal(purpose: str, owner: str, value: Any) -> str:
    """Encrypts a JSON value for one purpose and one owning row, in the configured format, under the first key."""
    if settings().encryption_format == "fernet":
        return _fernet().encrypt(json.dumps([purpose, owner, value]).encode()).decode()
    nonce = mint.octets(NONCE_BYTES)
    sealed = _gcm(settings().fernet_key[0]).encrypt(nonce, json.dumps(value).encode(), _bound_to(purpose, owner))
    return MARK + base64.urlsafe_b64encode(nonce + sealed).decode()


def reveal(purpose: str, owner: str, sealed: str) -> Any:
    """The value again; raises VaultRefused, and tells the log which keys were tried: a ciphertext does not name its own."""
    try:
        return _opened(purpose, owner, sealed)
    except VaultRefused:
        tried = ", ".join(map(keys.short_id, settings().fernet_key))
        log.error("a %s cannot be decrypted by FERNET_KEY %s: add the key that it was written with", purpose, tried)
        raise


def resealed(purpose: str, owner: str, sealed: str) -> str:
    """The same in the configured format under the first key of the ring; raises VaultRefused."""
    return seal(purpose, owner, _opened(purpose, owner, sealed))


def opens(purpose: str, owner: str, sealed: str) -> bool:
    """Whether a key of the ring is the one that it was sealed with, for this purpose and row."""
    try:
        _opened(purpose, owner, sealed)
    except VaultRefused:
        return False
    return True


def _opened(purpose: str, owner: str, sealed: str) -> Any:
    """Both formats are read, whatever is configured."""
    try:
        if sealed.startswith(MARK):
            return json.loads(_decrypted(sealed.removeprefix(MARK), _bound_to(purpose, owner)))
        sealed_purpose, sealed_owner, value = json.loads(_fernet().decrypt(sealed.encode()))
        if (sealed_purpose, sealed_owner) != (purpose, owner):
            raise ValueError("of another row or purpose")
    except (InvalidToken, ValueError) as error:
        raise VaultRefused from error
    return value


def _decrypted(text: str, bound_to: bytes) -> bytes:
    """Raises ValueError."""
    raw = base64.b64decode(text, altchars=b"-_", validate=True)
    for key in settings().fernet_key:
        try:
            return _gcm(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], bound_to)
        except InvalidTag:
            continue
    raise ValueError("of no key of the ring")


def _bound_to(purpose: str, owner: str) -> bytes:
    return json.dumps([purpose, owner]).encode()


def _gcm(key: str) -> AESGCM:
    return AESGCM(keys.derived(key, "AES-256-GCM at rest"))


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings().fernet_key])
