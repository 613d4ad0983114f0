"""Free ports on the loopback address."""

import socket

LOOPBACK = "127.0.0.1"
_given: set[int] = set()


def free_port() -> int:
    """Return a loopback port nobody listens on, never the same twice in one process.

    The kernel may hand out a closed port again at once, so two parts being prepared at the same
    time could otherwise be promised the same one.
    """
    while (port := _ask_kernel()) in _given:
        pass
    _given.add(port)
    return port


def _ask_kernel() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
