"""A TLS end before PostgreSQL, whose wheel is built without: as stunnel or a cloud's proxy stands there."""

import select
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from .authority import Tls
from .ports import LOOPBACK

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""PostgreSQL's protocol 3.0, §53.2.10: answered by S, then TLS begins."""


class TlsEnd:
    """Passes connections on to `target`, a port; plain ones too.

    `told` counts the bytes that came through, `plain` the plain connections.
    """

    def __init__(self, target: int, tls: Tls, *, knows_clients: bool) -> None:
        """`knows_clients`: whoever has no certificate of their authority is sent away."""
        self.target, self.told, self.plain = target, 0, 0
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.clients)
        self._context.load_cert_chain(tls.certificate.chain, tls.certificate.key)
        self._context.verify_mode = ssl.CERT_REQUIRED if knows_clients else ssl.CERT_NONE
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(line,), daemon=True).start()

    def _pass_on(self, line: socket.socket) -> None:
        """A client that does not like our certificate, or whose we do not know, is gone here."""
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(line)
            first = line.recv(len(SSL_REQUEST), socket.MSG_WAITALL)
            inner = stack.enter_context(socket.create_connection((LOOPBACK, self.target)))
            if first == SSL_REQUEST:
                line.sendall(b"S")
                line = stack.enter_context(self._context.wrap_socket(line, server_side=True))
            else:
                self.plain += 1
                inner.sendall(first)
            self._exchange(line, inner)

    def _exchange(self, line: socket.socket, inner: socket.socket) -> None:
        while True:
            waiting = isinstance(line, ssl.SSLSocket) and line.pending()
            for one in [line] if waiting else select.select([line, inner], [], [])[0]:
                piece = one.recv(65536)
                if not piece:
                    return
                self.told += len(piece) if one is line else 0
                (inner if one is line else line).sendall(piece)
