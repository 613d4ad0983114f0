"""The connections of gunicorn, plain or over TLS: clients do not hold the threads by what they do not send, or do not read."""

import errno
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import NoMoreData

from config import Settings
from servers import master

LARGE = 64 * 1024
"""An answer has a second more for each 64 KiB."""
UNSENT = LARGE
"""Bytes that may wait unsent in the kernel. The fewer, the sooner a slow reader's progress shows as room for more."""
LOOK_SECONDS = 0.25
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
    others_wait: Callable[[], bool] = staticmethod(lambda: False)
    """Whether a request waits for a thread."""

    def extend(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds


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
                if not _reads_on(line, event, until):
                    raise BrokenPipeError(errno.EPIPE, "the client does not read") from full
    finally:
        line.settimeout(bound)


def _reads_on(line: "Line | TlsLine", event: int, until: float) -> bool:
    """Whether the client makes room in time. Bytes that it takes count, since the kernel reports room in large steps only."""
    ready = select.poll()
    ready.register(line, event)
    taken, since = master.taken(line), time.monotonic()
    while time.monotonic() < until:
        if ready.poll(LOOK_SECONDS * 1000):
            return True
        if (now_taken := master.taken(line)) != taken:
            taken, since = now_taken, time.monotonic()
        patience = master.IMPATIENT_SECONDS if line.others_wait() else master.SILENCE_SECONDS
        if time.monotonic() - since >= patience:
            return False
    return False


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
