"""What this process may use of the machine."""

import os
from contextlib import suppress
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def processors() -> int:
    """How many this process may keep busy: of those it may run on, as many as a container's quota allows; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = QUOTA.read_text().split()
        allowed = min(allowed, -(-int(quota) // int(period)))
    return max(1, allowed)
