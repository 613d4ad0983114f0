"""What the doctor finds: how it is, in a sentence, and the cure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

SECONDS = 5
"""How long each question to somebody else may wait for its answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing. Never holds a secret. A fault is what people meet; a warning, what they may meet."""

    check: str
    status: Literal["ok", "warning", "fault"]
    message: str
    cure: str = ""


Findings = Iterator[Finding]
Check = Callable[[], Findings]


def ok(check: str, message: str) -> Finding:
    return Finding(check, "ok", message)


def warning(check: str, message: str, cure: str) -> Finding:
    return Finding(check, "warning", message, cure)


def fault(check: str, message: str, cure: str) -> Finding:
    return Finding(check, "fault", message, cure)
