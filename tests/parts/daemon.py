"""Start a database server on a free port, wait until it answers, stop it at the end."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .account import Account, tail
from .ports import free_port

START_SECONDS = 30.0
STOP_SECONDS = 15.0
ATTEMPTS = 3


@contextmanager
def running(
    account: Account,
    command: Callable[[int], list[str]],
    answers: Callable[[int], bool],
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[int]:
    """Yield the port of the server that `command(port)` starts, once `answers(port)` is true."""
    log = account.folder / "server.log"
    process, port = _start(account, command, answers, log)
    try:
        yield port
    finally:
        stop(process, stop_signal)


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """End a process we started: politely, then by force; it is reaped either way."""
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start(
    account: Account, command: Callable[[int], list[str]], answers: Callable[[int], bool], log: Path
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; a few attempts, as another process can take the port before it binds."""
    for _ in range(ATTEMPTS):
        port = free_port()
        process = account.start(command(port), log)
        if _comes_up(process, port, answers):
            return process, port
    raise RuntimeError(f"The server did not start:\n{tail(log)}")


def _comes_up(process: subprocess.Popen[bytes], port: int, answers: Callable[[int], bool]) -> bool:
    """Wait for an answer; only one given while our process lives is ours."""
    deadline = time.monotonic() + START_SECONDS
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if answers(port) and process.poll() is None:
                return True
            time.sleep(0.03)
    except BaseException:
        stop(process)
        raise
    stop(process)
    return False
