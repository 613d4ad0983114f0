"""What a master does whichever server it is: it lets workers load, remembers whether one could, and tries what is new."""

import fcntl
import logging
import mmap
import multiprocessing
import os
import signal
import socket
import struct
import sys
import termios
import time
from types import ModuleType
from typing import TYPE_CHECKING

from config import ROOT

if TYPE_CHECKING:
    from flask import Flask

    from servers.work import Work

GRACE_SECONDS = 25
"""For requests in flight when a worker is to end."""
LAST_SECONDS = 30
"""After which its master ends it."""
PAUSE_SECONDS = 2
"""Before a worker that cannot load ends, and the next one tries."""
TRIAL_SECONDS = 300
SILENCE_SECONDS, WHOLE_SECONDS = 10, 30
"""How long a worker waits for a request: for its next byte, and for all of its head and a body of 64 KiB."""
IMPATIENT_SECONDS = 2
"""How long an answer may stay unread while a worker has no free thread."""
EXTEND = "latchkey.extend"
"""Where a request's environment has a function that allows so many seconds more, for a larger body."""
TCP_INFO = struct.Struct("=52xI64xQQ")
"""Of Linux's `struct tcp_info`: milliseconds since the last byte came; how many bytes the client took, and how many came."""
QUEUED = struct.Struct("=i")
log = logging.getLogger("latchkey")


class Crew:
    """All workers: once one of them serves, no other's failure ends the service. In a worker, also its own `work`."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 2)
        self.work: Work | None = None

    @property
    def loads(self) -> int:
        """Changes whenever a worker has loaded; 0 until the first one has."""
        return self._shared[0]

    @property
    def serves(self) -> bool:
        return self.loads > 0

    @property
    def failure(self) -> int:
        """The exit status that the first start failed with; 0 where it did not."""
        return 0 if self.serves else self._shared[1]

    def load(self) -> "Flask":
        """In a worker: the app, its database brought up by whoever comes first. Ends the process where that fails."""
        try:
            app = _loaded(with_schema=not self.serves)
        except SystemExit as left:
            self._shared[1] = left.code if isinstance(left.code, int) else os.EX_SOFTWARE
            time.sleep(PAUSE_SECONDS if self.serves else 0)
            raise
        from servers.work import Work

        self.work = Work(app)
        self._shared[0] = self.loads % 255 + 1
        return app

    def end(self) -> None:
        if self.work:
            self.work.end()

    def problem(self, status: int) -> bytes:
        """A whole answer to a request that never reaches the app."""
        return self.work.problem(status) if self.work else b""

    def flush(self) -> None:
        if self.work:
            self.work.flush()


def silence(line: socket.socket) -> float:
    """For how many seconds nothing has come by this connection, also while nobody was reading."""
    return _tcp_info(line)[0] / 1000


def received(line: socket.socket) -> int:
    """How many bytes have come by this connection."""
    return _tcp_info(line)[2]


def taken(line: socket.socket) -> int | None:
    """How many bytes the client has taken, while others wait for it; None while none do."""
    if sys.platform != "linux":
        return None
    (waiting,) = QUEUED.unpack(fcntl.ioctl(line, termios.TIOCOUTQ, bytes(QUEUED.size)))
    return _tcp_info(line)[1] if waiting else None


def _tcp_info(line: socket.socket) -> tuple[int, int, int]:
    if sys.platform != "linux" or line.family == socket.AF_UNIX:
        return 0, 0, 0
    last, acknowledged, count = TCP_INFO.unpack(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size))
    return last, acknowledged, count


def accepts_what_is_new() -> bool:
    """Whether what lies on the disk now can be loaded: tried in a process of its own, which also brings up the database."""
    trial = multiprocessing.get_context("fork").Process(target=_try, name="trial")
    trial.start()
    trial.join(TRIAL_SECONDS)
    if trial.exitcode is None:
        trial.kill()
    if trial.exitcode != 0:
        log.error("not reloaded: what is there now cannot be loaded; the old workers go on")
    return trial.exitcode == 0


def _try() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    _loaded(with_schema=True)


def _loaded(*, with_schema: bool) -> "Flask":
    for name, module in list(sys.modules.items()):
        if _may_have_changed(name, module):
            del sys.modules[name]
    try:
        from servers import work

        return work.app(with_schema=with_schema)
    except Exception:
        log.critical("the app cannot be loaded", exc_info=True)
        sys.exit(os.EX_SOFTWARE)


def _may_have_changed(name: str, module: ModuleType) -> bool:
    """What the master itself needed of ours: settings and their like."""
    file = str(getattr(module, "__file__", None) or "")
    ours = file.startswith(f"{ROOT}{os.sep}") and "site-packages" not in file
    return ours and name != "__main__" and name.partition(".")[0] not in ("serve", "servers")
