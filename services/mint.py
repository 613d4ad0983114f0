"""The only source of chance."""

import base64
import secrets
import uuid

READABLE = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that looks like a digit."""


def identifier() -> str:
    """A random UUID (RFC 9562 §5.4) as text: 122 bits, so nothing secret is made of it."""
    return str(uuid.uuid4())


def secret() -> str:
    """256 bits for a link, URL-safe."""
    return secrets.token_urlsafe(32)


def token_id() -> str:
    """192 bits in 32 URL-safe letters: CSRF values are derived from a token's id."""
    return secrets.token_urlsafe(24)


def octets(count: int) -> bytes:
    """So many random bytes, for a nonce."""
    return secrets.token_bytes(count)


def digits(count: int) -> str:
    """A number of so many decimal digits, leading zeros kept."""
    return f"{secrets.randbelow(10**count):0{count}d}"


def readable(letters: int) -> str:
    """Five bits a letter, for people to copy."""
    return "".join(secrets.choice(READABLE) for _ in range(letters))


def base32(octets: int) -> str:
    """So many random octets in base 32 (RFC 4648 §6), as authenticator apps take them."""
    return base64.b32encode(secrets.token_bytes(octets)).decode()


def fraction() -> float:
    """Between 0 and 1, for spreading retries."""
    return secrets.randbelow(1_000_000) / 1_000_000
