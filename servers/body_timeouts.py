"""Ends connections whose body does not come in time, where the server itself would wait for ever, as granian does.

granian does not say which connection a body comes by. So while a body is overdue, every connection is ended that is slow
itself: the kernel knows since when it has been silent, and how much it has brought. One whose request is whole and has been
worked on for that long may be among them, while such an attack lasts.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from typing import Any

from servers import master

LARGE = 64 * 1024
"""A connection has a second more for each 64 KiB that it has brought."""
Application = Callable[[dict[str, Any], Any], Any]


class Watch:
    """Of one worker: the bodies that are being read, and a thread that looks after them once a second while there are any."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reading: dict[int, _Body] = {}
        self.first_seen: dict[object, float] = {}
        self.changed = Condition()
        Thread(target=self._run, name="body-timeouts", daemon=True).start()

    def around(self, app: Application) -> Application:
        def bounded(environ: dict[str, Any], start_response: Any) -> Any:
            body = _Body(environ["wsgi.input"], self)
            environ["wsgi.input"], environ[master.EXTEND] = body, body.extend
            return app(environ, start_response)

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

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.reading)
                bodies = list(self.reading.values())
            with suppress(OSError):
                self._end_slow(any(body.is_overdue for body in bodies))
            time.sleep(1)

    def _end_slow(self, any_is_overdue: bool) -> None:
        now, open_lines = time.monotonic(), list(_connections(self.port))
        self.first_seen = {peer: self.first_seen.get(peer, now) for peer, _ in open_lines}
        for peer, line in open_lines:
            with line:
                age = now - self.first_seen[peer]
                is_slow = master.silence(line) >= master.SILENCE_SECONDS
                is_slow |= age > master.WHOLE_SECONDS + master.received(line) / LARGE
                if any_is_overdue and is_slow:
                    line.shutdown(socket.SHUT_RDWR)


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
