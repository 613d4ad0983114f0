"""Keys derived from the configured secrets, one for each purpose (HKDF, RFC 5869), and short ids of secrets."""

import hashlib
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extensions import settings


def short_id(secret: str) -> str:
    """Eight hex digits that tell keys of a ring apart and tell nothing else."""
    return hmac.digest(secret.encode(), b"latchkey key id", "sha256").hex()[:8]


def digest(purpose: str, text: str) -> str:
    """A keyed SHA-256 in hex, under the key that the first pepper gives to this purpose."""
    return _digest(settings().password_pepper[0], purpose, text)


def digests(purpose: str, text: str) -> list[str]:
    """The same under every pepper of the ring: what was kept before a rotation is still found."""
    return [_digest(pepper, purpose, text) for pepper in settings().password_pepper]


def _digest(pepper: str, purpose: str, text: str) -> str:
    return hmac.digest(derived(pepper, purpose), text.encode(), "sha256").hex()


@lru_cache(maxsize=256)
def derived(secret: str, purpose: str) -> bytes:
    """A key of 256 bits that a configured secret gives to this purpose."""
    return HKDF(SHA256(), 32, salt=None, info=f"latchkey {purpose}".encode()).derive(secret.encode())


def fingerprint(text: str) -> str:
    """SHA-256 in hex: enough for secrets of 256 bits."""
    return hashlib.sha256(text.encode()).hexdigest()
