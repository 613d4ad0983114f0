"""granian, embedded. Behind a proxy only: it takes `X_Forwarded_For` for `X-Forwarded-For`.

A worker that ends may close a connection that it has accepted and not read yet: the proxy must ask again.
"""

import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.mp import MPServer

from config import Settings
from servers import master, slow_clients
from servers.master import Crew

BOOT_SECONDS = 60
YOUNG_SECONDS = 30
"""While a worker begins there are moments in which granian has no handler, and a signal is lost."""
AGAIN_SECONDS = 1


def run(settings: Settings) -> None:
    """Serves until it is told to stop; exits with the status of the fault where there is one."""
    server = _Server(settings)

    def spawn(*given: Any) -> None:
        # granian has no hook for a worker's end: this returns when the last request in flight is answered.
        try:
            MPServer._spawn_wsgi_worker(*given)
        finally:
            server.crew.end()

    server.serve(spawn, server.load, wrap_loader=False)


class _Server(MPServer):
    """Old workers stay until new ones serve, and all share one listener; a first start that cannot load ends it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.crew = Crew()
        super().__init__(
            "app",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=1,
            http=HTTPModes.http1,
            # A busy connection that is kept would be cut at a reload; and a second request hidden in a body finds nobody.
            http1_settings=HTTP1Settings(keep_alive=False, header_read_timeout=10_000),
            websockets=False,
            ssl_cert=Path(settings.tls_cert_file) if settings.tls_cert_file else None,
            ssl_key=Path(settings.tls_key_file) if settings.tls_key_file else None,
            ssl_protocol_min=SSLProtocols.tls12,
            respawn_failed_workers=True,
            workers_kill_timeout=master.LAST_SECONDS,
        )

    def load(self) -> Any:
        """In a worker. Until it serves it has the master's handlers, and would forget that it was told to end."""
        told: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: told.append(number))
        app = self.crew.load()
        if told:
            sys.exit()
        return slow_clients.Watch(self.settings.port, self.settings.threads).around(app)

    def _init_shared_socket(self) -> None:
        # With a listener for each worker, what waits at one that ends is lost.
        self._ssp = None
        listener = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = listener, listener.get_fd()  # type: ignore[assignment]
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)
        # Only now: it would warn of that loss, and of more threads than processors, of which most wait for the database.
        self.workers_lifetime = self.settings.worker_seconds
        self.blocking_threads = self.settings.threads

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        if master.accepts_what_is_new():
            super()._reload(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        else:
            self.reload_signal = False
            self.main_loop_interrupt.clear()

    def _stop_workers(self) -> None:
        _end(*self.wrks)

    def _respawn_workers(self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        if self.crew.failure:
            self.shutdown(self.crew.failure)  # type: ignore[no-untyped-call]
        for index in workers:
            fresh = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            if self._comes_to_serve(fresh):
                old, self.wrks[index] = self.wrks[index], fresh
                _end(old)
            else:
                fresh.inner.kill()  # whoever watches it asks for another

    def _comes_to_serve(self, fresh: Any) -> bool:
        before, deadline = self.crew.loads, time.monotonic() + BOOT_SECONDS
        fresh.start()
        while self.crew.loads == before and fresh.is_alive() and time.monotonic() < deadline and not self.interrupt_signal:
            time.sleep(0.05)
        return self.crew.loads != before


def _end(*workers: Any) -> None:
    """Tells the young ones twice, for they may have been deaf, and nobody thrice: granian deadlocks then."""
    deadline = time.monotonic() + master.LAST_SECONDS
    young = [one for one in workers if time.monotonic() - one.birth < YOUNG_SECONDS]
    for one in workers:
        one.terminate()
    again = time.monotonic() + AGAIN_SECONDS
    for one in young:
        one.join(max(0, again - time.monotonic()))
        if one.is_alive():
            one.terminate()
    for one in workers:
        one.join(max(0, deadline - time.monotonic()))
        if one.is_alive():
            one.kill()
            one.join()
