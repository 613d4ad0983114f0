"""What the service tells about itself."""

import platform
from typing import Any

from errors import Unavailable
from services import clock, metrics, outbox, readiness, signing
from services.numbers import Series


def key_set() -> dict[str, Any]:
    """The public keys that verify our tokens."""
    return signing.key_set()


def readiness_now() -> list[str]:
    """What does not answer, though calls are served without it. Raises Unavailable where they are not."""
    failing = [name for name, well in readiness.parts().items() if not well]
    if "database" in failing:
        raise Unavailable(members={"failing": failing})
    return failing


def measured(version: str) -> str:
    """All metrics as text. What only a database that is gone could tell is left out."""
    parts = readiness.parts()
    readings: dict[Series, float] = {("latchkey_part_up", name): float(well) for name, well in parts.items()}
    readings["latchkey_build_info", version, platform.python_version()] = 1.0
    if parts["database"]:
        now, mail = clock.now(), outbox.state()
        readings["latchkey_outbox_letters",] = mail.waiting
        readings["latchkey_outbox_oldest_due_seconds",] = (now - (mail.oldest_due or now)).total_seconds()
        readings["latchkey_outbox_oldest_seconds",] = (now - (mail.oldest or now)).total_seconds()
    return metrics.text(readings)
