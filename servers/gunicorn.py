"""gunicorn with threads, embedded."""

import atexit
import os
import selectors
import signal
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.http.errors import (  # type: ignore[attr-defined]
    ExpectationFailed,
    InvalidResponseHeader,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from config import Settings
from servers import lines, master
from servers.master import Crew

STATUSES: dict[type[Exception], int] = {
    InvalidResponseHeader: 500,  # the app's fault, though its base is a client's
    LimitRequestLine: 414,
    LimitRequestHeaders: 431,
    ExpectationFailed: 417,
    ParseException: 400,
}


def run(settings: Settings) -> None:
    """Serves until it is told to stop, and exits."""
    _Master(_Server(settings)).run()


class _Server(BaseApplication):
    """gunicorn's own settings, from ours."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.crew = Crew()
        self.tls: ssl.SSLContext | None = None
        super().__init__()

    def load_config(self) -> None:
        chosen: dict[str, Any] = {
            "bind": f"{f'[{host}]' if ':' in (host := self.settings.host) else host}:{self.settings.port}",
            "worker_class": _Worker,
            "workers": self.settings.workers,
            "threads": self.settings.threads,
            "timeout": 60,
            "graceful_timeout": master.LAST_SECONDS,
            # Memory, so that the disk may be for reading only.
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108
            # Else a client on loopback could set the scheme.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
            "proc_name": "latchkey",
            "post_worker_init": self._after_fork,
            "worker_exit": self._before_exit,
            "certfile": self.settings.tls_cert_file,
            "keyfile": self.settings.tls_key_file,
            # Files go the way of every other answer, which is bounded in time.
            "sendfile": False,
            "ssl_context": lambda conf, default: self.tls,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """Only a worker makes the app, and reads the certificate."""
        self.tls = lines.context(self.settings)
        return self.crew.load()

    def _after_fork(self, one: Any) -> None:
        # The worker's own, below the master's, so that it can still write what is left.
        one.cfg.set("graceful_timeout", master.GRACE_SECONDS)
        # After a SIGINT requests in flight end later than `worker_exit`.
        atexit.register(self.crew.flush)

    def _before_exit(self, server: Any, one: Any) -> None:
        self.crew.end()


class _Master(Arbiter):
    """Old workers stay until new ones serve; what cannot be loaded ends a first start, and nothing else."""

    app: _Server

    def __init__(self, app: _Server) -> None:
        self.leaving: set[int] = set()
        self.halting = False
        super().__init__(app)

    def reload(self) -> None:
        if master.accepts_what_is_new():
            for _ in range(self.num_workers):
                self.spawn_worker()

    def reap_workers(self) -> None:
        try:
            super().reap_workers()
        except HaltServer:
            if not self.app.crew.serves:
                raise
        if (failure := self.app.crew.failure) and not self.halting:
            self.halting = True  # which reaps again
            raise HaltServer("the app cannot be loaded", failure)

    def manage_workers(self) -> None:
        """Makes those that are missing, and one more where one is too old; ends the oldest of too many, each once."""
        self.leaving &= self.WORKERS.keys()
        staying: list[Any] = sorted(
            (one for pid, one in self.WORKERS.items() if pid not in self.leaving), key=lambda one: one.age
        )
        for _ in range(self.num_workers - len(staying)):
            self.spawn_worker()
        if len(staying) < self.num_workers or not all(map(_serves, staying)):
            return
        for one in staying[: len(staying) - self.num_workers]:
            self.leaving.add(one.pid)
            self.kill_worker(one.pid, signal.SIGTERM)
        if len(staying) == self.num_workers and time.monotonic() - staying[0].born > self.app.settings.worker_seconds:
            self.spawn_worker()


class _Worker(ThreadWorker):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.born = time.monotonic()

    def enqueue_req(self, conn: Any) -> None:
        """A connection that is accepted, or that has been kept, or waited for, and has something to read."""
        if not isinstance(conn.sock, lines.Line | lines.TlsLine):
            self._await_first_byte(conn)
            return
        if conn.initialized:
            conn.sock.extend(master.WHOLE_SECONDS)
        super().enqueue_req(conn)

    def _await_first_byte(self, conn: Any) -> None:
        """Where it takes no thread: gunicorn itself gives each silent connection one for five seconds."""
        line = lines.Line(fileno=conn.sock.detach())
        line.setblocking(False)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, lines.UNSENT)
        try:
            conn.sock = context.wrap_socket(line, True, False) if (context := vars(self.app)["tls"]) else line
        except OSError:  # gone already
            line.close()
            self.nr_conns -= 1
            return
        conn.sock.extend(master.WHOLE_SECONDS)
        conn.sock.others_wait = self._others_wait
        conn.timeout = time.monotonic() + master.SILENCE_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _others_wait(self) -> bool:
        return bool(self.tpool._work_queue.qsize())

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        """A thread takes it up once it brings a request; until then a handshake takes none either."""
        if isinstance(client, lines.TlsLine) and not client.is_greeted:
            try:
                client.greet()
            except OSError:
                self.poller.unregister(client)
                self.pending_conns.remove(conn)
                self.nr_conns -= 1
                conn.close()
        else:
            super().on_pending_socket_readable(conn, client)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        inner = self.wsgi

        def extendable(environ: Any, start_response: Any) -> Any:
            environ[master.EXTEND] = environ["gunicorn.socket"].extend
            return inner(environ, start_response)

        self.wsgi = extendable

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """What gunicorn refuses by itself has the shape of every other error. Who speaks no TLS would not understand it."""
        if isinstance(exc, ssl.SSLError):
            return
        status = next((status for kind, status in STATUSES.items() if isinstance(exc, kind)), 500)
        if status == 500:
            self.log.exception("a request cannot be handled")
        with suppress(OSError):
            crew: Crew = vars(self.app)["crew"]
            write_nonblock(client, crew.problem(status))


def _serves(one: _Worker) -> bool:
    """Its file has the time of the day when it is made, and from its first turn on that of the monotonic clock."""
    return one.tmp.last_update() <= time.monotonic()
