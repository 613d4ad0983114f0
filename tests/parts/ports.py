"""Free ports on the loopback address."""

import itertools
import os
import random
import socket

LOOPBACK = "127.0.0.1"
BLOCK = 2500
_FIRST = 12000 + BLOCK * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8)
_numbers = itertools.cycle(range(_FIRST, _FIRST + BLOCK))
for _ in range(random.randrange(BLOCK)):
    next(_numbers)


def free_port() -> int:
    """Return a loopback port nobody listens on, from a block that is this test process's own.

    A part binds it seconds later. The kernel could by then have given one of its own range to any
    connection, so the blocks lie below that range; each run begins somewhere else in them.
    """
    return next(port for port in _numbers if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
