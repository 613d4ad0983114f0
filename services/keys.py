"""Keys derived from the configured secrets, one for each purpose (HKDF, RFC 5869), and short ids of secrets."""

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extensions import settings


def short_id(secret: str) -> str:
    """Eight hex digits that tell keys of a ring apart and tell nothing else."""
    return hmac.digest(secret.encode(), b"latchkey key id", "sha256").hex()[:8]


def digest(purpose: str, text: str) -> str:
    """A keyed SHA-256 in hex, under the key that the first pepper gives to this purpose."""
    derived = HKDF(SHA256(), 32, salt=None, info=f"latchkey {purpose}".encode())
    return hmac.digest(derived.derive(settings().password_pepper[0].encode()), text.encode(), "sha256").hex()


def fingerprint(text: str) -> str:
    """SHA-256 in hex: enough for secrets of 256 bits."""
    return hashlib.sha256(text.encode()).hexdigest()
