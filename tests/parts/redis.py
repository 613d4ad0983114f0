"""A Redis server of our own, from the program installed on the machine."""

import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .account import account
from .authority import Tls
from .daemon import running
from .missing import Missing
from .ports import LOOPBACK, free_port

INSTALL = "Install the Redis server (on Debian: apt-get install redis-server) to test with Redis."

KEEPS_NOTHING = ("--save", "", "--appendonly", "no")
USERS = "/run/secrets/redis_users"


@contextmanager
def redis(folder: Path, port: int | None = None, command_line: Sequence[str] = (), users: str = "") -> Iterator[str]:
    """Yield the URL of a fresh, empty server that keeps nothing on disk; on a port of its own, or where one was before.

    `command_line`: its options, instead of ours. `users`: what the file of users has to say, whose path is USERS there.
    """
    server = shutil.which("redis-server")
    if server is None:
        raise Missing(INSTALL)
    with account(folder, ["redis", "nobody"]) as owner:

        def command(free: int) -> list[str]:
            (owner.folder / "users").write_text(users)
            options = [word.replace(USERS, str(owner.folder / "users")) for word in command_line or KEEPS_NOTHING]
            return [server, "--bind", LOOPBACK, "--port", str(port or free), "--dir", str(owner.folder), *options]

        with running(owner, command, lambda free: _answers(port or free)) as free:
            yield f"redis://{LOOPBACK}:{port or free}/0"


@contextmanager
def redis_by_tls(folder: Path, tls: Tls) -> Iterator[tuple[int, str]]:
    """Yield the TLS port of a fresh server, which wants a client certificate, and the URL by which it is asked plainly."""
    server = shutil.which("redis-server")
    if server is None:
        raise Missing(INSTALL)
    with account(folder, ["redis", "nobody"]) as owner:
        chain, key, clients = map(owner.given, (tls.certificate.chain, tls.certificate.key, tls.clients))
        secured = ["--tls-cert-file", str(chain), "--tls-key-file", str(key), "--tls-ca-cert-file", str(clients)]
        port = free_port()

        def command(free: int) -> list[str]:
            kept_out = ["--save", "", "--appendonly", "no", "--dir", str(owner.folder)]
            return [server, "--bind", LOOPBACK, "--port", str(free), "--tls-port", str(port), *secured, *kept_out]

        with running(owner, command, _answers) as free:
            yield port, f"redis://{LOOPBACK}:{free}/0"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), 2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False
