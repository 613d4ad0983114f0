"""What the service tells about itself."""

from typing import Any

from errors import Unavailable
from services import readiness, signing


def key_set() -> dict[str, Any]:
    """The public keys that verify our tokens."""
    return signing.key_set()


def readiness_now() -> list[str]:
    """What does not answer, though calls are served without it. Raises Unavailable where they are not."""
    failing = readiness.failing()
    if "database" in failing:
        raise Unavailable(members={"failing": failing})
    return failing
