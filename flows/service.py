"""What the service tells about itself."""

from typing import Any

from services import signing


def key_set() -> dict[str, Any]:
    """The public keys that verify our tokens."""
    return signing.key_set()
