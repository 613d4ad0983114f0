"""A service of the tests' own that knows leaked passwords, by the range protocol of Pwned Passwords."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from .hostile_provider import Fault, send
from .ports import LOOPBACK, free_port

PADDED_TO = 800


def hash_of(word: str) -> str:
    return sha1(word.encode(), usedforsecurity=False).hexdigest().upper()


@dataclass
class Leaks:
    """What the service knows, and every path and header that it was asked with. `fault` answers in its place."""

    url: str
    words: set[str] = field(default_factory=lambda: {"password"})
    padding: set[str] = field(default_factory=set)
    """Words whose hashes are among the lines with the count 0."""
    fault: Fault | None = None
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def lines(self, prefix: str) -> list[str]:
        known = {hash_of(word): 3 for word in self.words} | {hash_of(word): 0 for word in self.padding}
        found = [f"{digest[5:]}:{count}" for digest, count in known.items() if digest.startswith(prefix)]
        return sorted(found + [f"{number:035X}:0" for number in range(PADDED_TO)])


@contextmanager
def service_of_leaks() -> Iterator[Leaks]:
    """Yields a service that listens on a free port of its own."""
    server = _Server((LOOPBACK, free_port()), _Range)
    server.leaks = Leaks(f"http://{LOOPBACK}:{server.server_port}/range/")
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.leaks
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False
    leaks: Leaks

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has heard enough closes the connection."""


class _Range(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        leaks = self.server.leaks
        leaks.asked.append(self.path)
        leaks.headers.append(dict(self.headers.items()))
        if leaks.fault:
            leaks.fault(self)
        else:
            send(self, "\r\n".join(leaks.lines(self.path.rpartition("/")[2])).encode(), Content_Type="text/plain")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing on the console."""
