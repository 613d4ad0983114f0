"""The connections of gunicorn, plain or over TLS: clients do not hold the threads by what they do not send, or do not read."""

import errno
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

from gunicorn.http.errors import NoMoreData

from config import Settings
from servers import master

LARGE = 64 * 1024
"""An answer has a second more for each 64 KiB."""
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secrecy and authenticated encryption; TLS 1.3 has nothing else."""


def context(settings: Settings) -> ssl.SSLContext | None:
    """With the certificate that lies on the disk now; None where the service speaks plain."""
    if not (settings.tls_cert_file and settings.tls_key_file):
        return None
    made = _Context(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(settings.tls_cert_file, settings.tls_key_file, password=str)  # never asks at a terminal
    return made


class _Patient:
    """Waits for its client only so long: for the next byte, and for the whole request.

    The time for the whole request begins when the connection was accepted, not when a thread takes it up, so that those who
    wait in the queue behind slow clients need not wait as long again.
    """

    deadline = 0.0

    def extend(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds


class _Unread:
    """The connections of one worker whose client has not read what was sent, the one that waits longest first."""

    def __init__(self) -> None:
        self.max_waiting = 1
        self.lines: dict[Line | TlsLine, None] = {}
        self.lock = Lock()

    def wait(self, line: "Line | TlsLine", event: int, seconds: float) -> bool:
        """Whether the client reads on in time; a second is all it has while such clients hold too many threads."""
        until = time.monotonic() + seconds
        ready = select.poll()
        ready.register(line, event)
        with self.lock:
            self.lines[line] = None
        try:
            while (left := until - time.monotonic()) > 0 and not self._is_one_too_many(line, seconds - left):
                if ready.poll(min(left, master.IMPATIENT_SECONDS) * 1000):
                    return True
            return False
        finally:
            with self.lock:
                del self.lines[line]

    def _is_one_too_many(self, line: "Line | TlsLine", waited: float) -> bool:
        with self.lock:
            return waited >= master.IMPATIENT_SECONDS and line in list(self.lines)[: -self.max_waiting]


unread = _Unread()


def _send_all(line: "Line | TlsLine", data: Any, send: Callable[[memoryview], int]) -> None:
    """Raises BrokenPipeError, as if it had gone, once the client takes nothing for too long, or reads by the drop."""
    bound, rest = line.gettimeout(), memoryview(data).cast("B")
    until = time.monotonic() + master.WHOLE_SECONDS + len(rest) / LARGE
    line.setblocking(False)
    try:
        while rest:
            try:
                rest = rest[send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError) as full:
                event = select.POLLIN if isinstance(full, ssl.SSLWantReadError) else select.POLLOUT
                if not unread.wait(line, event, min(master.SILENCE_SECONDS, until - time.monotonic())):
                    raise BrokenPipeError(errno.EPIPE, "the client does not read") from full
    finally:
        line.settimeout(bound)


class Line(_Patient, socket.socket):
    """A plain connection."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.gettimeout() == 0:
            super().sendall(data, flags)
        else:
            _send_all(self, data, super().send)

    def recv(self, size: int, flags: int = 0) -> bytes:
        wait(self, self.deadline)
        return super().recv(size, flags)


class TlsLine(_Patient, ssl.SSLSocket):
    """A connection over TLS. A record comes in pieces, so each wait within one is bounded."""

    is_greeted = False

    def greet(self) -> None:
        """The handshake, as far as it goes without waiting. Raises OSError where the client does not speak TLS as we do."""
        with suppress(ssl.SSLWantReadError):
            self.do_handshake()
            self.is_greeted = True

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.gettimeout() == 0:
            super().sendall(data, flags)
        else:
            _send_all(self, data, super().send)

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        bound = self.gettimeout()
        deadline = self.deadline if bound is None else min(self.deadline, time.monotonic() + bound)
        self.setblocking(False)
        try:
            while True:
                try:
                    return super().recv(size, flags)
                except (ssl.SSLWantReadError, BlockingIOError):
                    wait(self, deadline)
        finally:
            self.settimeout(bound)


class _Context(ssl.SSLContext):
    sslsocket_class = TlsLine

    def wrap_socket(self, sock: socket.socket, *given: Any, **options: Any) -> ssl.SSLSocket:
        """gunicorn asks once more, in a thread."""
        return sock if isinstance(sock, TlsLine) else super().wrap_socket(sock, *given, **options)


def wait(line: Line | TlsLine, deadline: float) -> None:
    """Until something has come. Raises NoMoreData once it was silent too long, or the deadline has passed."""
    bounds = [master.SILENCE_SECONDS - master.silence(line), deadline - time.monotonic(), line.gettimeout() or None]
    ready = select.poll()
    ready.register(line, select.POLLIN)
    if not ready.poll(max(0.0, min(bound for bound in bounds if bound is not None)) * 1000):
        raise NoMoreData
