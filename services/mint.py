"""The only source of chance."""

import secrets
import uuid


def identifier() -> str:
    """A random UUID (RFC 9562 §5.4) as text."""
    return str(uuid.uuid4())


def secret() -> str:
    """256 bits for a link, URL-safe."""
    return secrets.token_urlsafe(32)


def fraction() -> float:
    """Between 0 and 1, for spreading retries."""
    return secrets.randbelow(1_000_000) / 1_000_000
