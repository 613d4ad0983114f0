"""Ends connections whose client sends no body, or reads no answer, where the server would wait for ever, as granian does.

granian does not say which connection a body or an answer belongs to. The kernel knows since when a connection has been
silent, how much it has brought, and how much its client has taken. So while a body is overdue, every connection is ended that
is slow itself. One whose request is whole and has been worked on for that long may be among them, while such an attack lasts.
While answers are sent, every connection is ended whose client takes nothing of what waits for it for too long.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Condition, Thread
from typing import Any

from servers import master

LARGE = 64 * 1024
"""A connection has a second more for each 64 KiB that it has brought."""
LOOK_SECONDS = 0.5
Application = Callable[[dict[str, Any], Any], Any]


class Watch:
    """Of one worker: the bodies and answers under way, and a thread that looks after them while there are any."""

    def __init__(self, port: int, threads: int) -> None:
        self.port, self.threads = port, threads
        self.reading: dict[int, _Body] = {}
        self.sending: dict[int, float] = {}
        self.first_seen: dict[object, float] = {}
        self.unread: dict[object, tuple[int, float]] = {}
        self.changed = Condition()
        Thread(target=self._run, name="slow-clients", daemon=True).start()

    def around(self, app: Application) -> Application:
        def bounded(environ: dict[str, Any], start_response: Any) -> Any:
            body = _Body(environ["wsgi.input"], self)
            environ["wsgi.input"], environ[master.EXTEND] = body, body.extend
            return _Answer(app(environ, start_response), self)

        return bounded

    @contextmanager
    def over(self, body: "_Body") -> Iterator[None]:
        with self.changed:
            self.reading[id(body)] = body
            self.changed.notify()
        try:
            yield
        finally:
            with self.changed:
                self.reading.pop(id(body), None)

    def gives(self, answer: "_Answer") -> None:
        """Another piece of this answer is about to wait until its client takes it."""
        with self.changed:
            self.sending[id(answer)] = time.monotonic()
            self.changed.notify()

    def gave(self, answer: "_Answer") -> None:
        with self.changed:
            self.sending.pop(id(answer), None)

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.reading or self.sending)
                bodies, given = list(self.reading.values()), list(self.sending.values())
            with suppress(OSError):
                self._end_slow(any(body.is_overdue for body in bodies), self._patience(given))
            time.sleep(LOOK_SECONDS)

    def _patience(self, given: list[float]) -> float:
        stuck = sum(time.monotonic() - moment >= master.IMPATIENT_SECONDS for moment in given)
        return master.IMPATIENT_SECONDS if stuck >= self.threads else master.SILENCE_SECONDS

    def _end_slow(self, any_is_overdue: bool, patience: float) -> None:
        now, open_lines = time.monotonic(), list(_connections(self.port))
        self.first_seen = {peer: self.first_seen.get(peer, now) for peer, _ in open_lines}
        self.unread = {
            peer: self._unread(peer, taken, now) for peer, line in open_lines if (taken := master.taken(line)) is not None
        }
        for peer, line in open_lines:
            with line:
                is_unread = peer in self.unread and now - self.unread[peer][1] >= patience
                if is_unread or (any_is_overdue and self._is_slow(peer, line, now)):
                    line.shutdown(socket.SHUT_RDWR)

    def _unread(self, peer: object, taken: int, now: float) -> tuple[int, float]:
        """How much its client has taken, and since when no more."""
        before, since = self.unread.get(peer, (None, now))
        return taken, since if taken == before else now

    def _is_slow(self, peer: object, line: socket.socket, now: float) -> bool:
        age = now - self.first_seen[peer]
        return master.silence(line) >= master.SILENCE_SECONDS or age > master.WHOLE_SECONDS + master.received(line) / LARGE


class _Answer:
    """What the app answered (PEP 3333). The server takes the first piece at once, and waits with each further one."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self.inner, self.watch = inner, watch

    def __iter__(self) -> Iterator[bytes]:
        pieces = iter(self.inner)
        try:
            yield from islice(pieces, 1)
            for piece in pieces:
                self.watch.gives(self)
                yield piece
        finally:
            self.watch.gave(self)

    def close(self) -> None:
        self.watch.gave(self)
        if close := getattr(self.inner, "close", None):
            close()


class _Body:
    """`wsgi.input` (PEP 3333), as far as it is read here."""

    def __init__(self, inner: Any, watch: Watch) -> None:
        self.inner, self.watch = inner, watch
        self.began = self.asked = time.monotonic()
        self.seconds = float(master.WHOLE_SECONDS)

    def extend(self, seconds: float) -> None:
        self.seconds = time.monotonic() - self.began + seconds

    @property
    def is_overdue(self) -> bool:
        now = time.monotonic()
        return now - self.asked >= master.SILENCE_SECONDS or now - self.began >= self.seconds

    def read(self, size: int = -1) -> bytes:
        self.asked = time.monotonic()
        if self.asked - self.began >= self.seconds:
            raise TimeoutError
        with self.watch.over(self):
            found: bytes = self.inner.read() if size < 0 else self.inner.read(size)
        if self.is_overdue and (size < 0 or len(found) < size):
            raise TimeoutError
        return found

    def readline(self, size: int = -1) -> bytes:
        raise NotImplementedError("bodies are read by the piece")


def _connections(port: int) -> Iterator[tuple[object, socket.socket]]:
    """This process's connections to its own port, by their other end; each a handle of its own, to be closed."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # it may be gone by now
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            line = socket.socket(fileno=os.dup(int(name)))
            if line.family in (socket.AF_INET, socket.AF_INET6) and line.getsockname()[1] == port and (peer := _peer(line)):
                yield peer, line
            else:
                line.close()


def _peer(line: socket.socket) -> object:
    """None of a listener."""
    with suppress(OSError):
        return line.getpeername()
    return None
