"""Connections that end in time, wherever they are then, and that take no endless head.

A time-out of each read is not enough: an answer's head and the sizes of its chunks are read by one call of the library's, and
their bytes may come one by one. A head may have 6 MB, for the library's bound is of lines.
"""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from typing import Any, cast

from requests.exceptions import RequestException
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from extensions import settings


class Unlisted(Exception):
    """A host that OUTBOUND_HOSTS does not have. No OSError, which the libraries would take for a connection that broke."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not in OUTBOUND_HOSTS")


MOST_OF_LINES = 256 * 1024


class _Thread(threading.local):
    """Until when this thread asks for something, and the connections that it has made for it."""

    until: float | None = None
    twins: list[socket.socket] | None = None


_thread = _Thread()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is asked inside takes no longer than this altogether."""
    _thread.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _thread.until = None


@contextmanager
def cut_off_after(seconds: float) -> Iterator[float]:
    """Cuts the connections that this thread makes inside; yields the moment. Raises RequestException where it is over."""
    until = min(_thread.until or float("inf"), time.monotonic() + seconds)
    if (left := until - time.monotonic()) <= 0:
        raise RequestException("no time left")
    twins: list[socket.socket] = []
    _thread.twins = twins
    timer = threading.Timer(left, _cut, [twins])
    timer.daemon = True
    timer.start()
    try:
        yield until
    finally:
        timer.cancel()
        _thread.twins = None
        for twin in twins:
            twin.close()


def _cut(twins: list[socket.socket]) -> None:
    for twin in twins:
        with suppress(OSError):  # it has been closed meanwhile
            twin.shutdown(socket.SHUT_RDWR)


def _noted(connected: socket.socket) -> socket.socket:
    """A twin is kept, because TLS takes the socket itself over."""
    if _thread.twins is not None:
        _thread.twins.append(connected.dup())
    return connected


class _Lines:
    """What is read line by line, heads and sizes of chunks, up to a bound of bytes; the rest of the reader as it is."""

    def __init__(self, reader: BufferedReader) -> None:
        self._reader, self._left = reader, MOST_OF_LINES

    def readline(self, most: int = -1) -> bytes:
        line = self._reader.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.HTTPException("a head above the bound")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class _Answer(http.client.HTTPResponse):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fp = cast(BufferedReader, _Lines(self.fp))


def _check_listed(host: str) -> None:
    """Here, and not where an address is read: two readers of an address may differ over its host. Raises Unlisted."""
    if not settings().may_ask(host):
        raise Unlisted(host)


class _Plain(HTTPConnection):
    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        _check_listed(self.host)
        return _noted(super()._new_conn())


class _Secure(HTTPSConnection):
    response_class = _Answer

    def _new_conn(self) -> socket.socket:
        _check_listed(self.host)
        return _noted(super()._new_conn())


class PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure
