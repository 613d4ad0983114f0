"""The listening side of the mail server: its thread, its clients, its certificate."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from .ports import LOOPBACK


class Listener(Controller):
    """aiosmtpd's server thread, knowing its clients.

    Its own `stop` leaves connections open, and from Python 3.12 on waits for them without end.
    """

    _clients: list[SMTP] | None = None

    def factory(self) -> SMTP:
        client = SMTP(self.handler, **self.SMTP_kwargs)
        self._clients = [*(self._clients or []), client]
        return client

    def drop_clients(self) -> None:
        """Cut every connection, as a crash of the server would."""
        asyncio.run_coroutine_threadsafe(self._drop(), self.loop).result(timeout=60)

    async def _drop(self) -> None:
        if self.server is not None:
            self.server.close()
        for client in self._clients or []:
            # Python 3.11.2 (Debian 12) cannot abort a TLS connection that was closed twice.
            with suppress(AttributeError):
                _abort(client)
        await asyncio.sleep(0.01)  # a connection is gone one turn of the loop after its abort


def _abort(client: SMTP) -> None:
    if isinstance(client.transport, asyncio.WriteTransport):
        client.transport.abort()


def certified(ca_file: Path) -> ssl.SSLContext:
    """Make a certificate for this host and write its authority to `ca_file` for the client."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK, "localhost").configure_cert(context)
    return context
