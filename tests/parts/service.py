"""The real service, started as its own process the way an operator starts it."""

import http
import http.client
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from .account import tail
from .ports import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 45.0
"""Against a hang only: a machine with other work takes a multiple of the second that it should be."""


class Service:
    """`python app.py` on a free port, with `url`, `pid`, the `folder` it runs in and the `log` of its whole output."""

    def __init__(self, env: Mapping[str, str] | None = None, folder: Path | None = None, ca_file: Path | None = None) -> None:
        """Prepare the service; `env` are its settings, `folder` is where its app.py lies (else a copy of the project).

        `ca_file`: it speaks TLS itself, with a certificate of that authority.
        """
        self._home = tempfile.TemporaryDirectory(prefix="latchkey-service-")
        self.folder = folder or copy_of_the_project(Path(self._home.name, "project"))
        self._env = _environment(env or {}, Path(self._home.name))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = int(self._env["PORT"])
        self._tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self.url = f"{'https' if ca_file else 'http'}://{LOOPBACK}:{self.port}"
        self.log = Path(self._home.name, "service.log")

    @property
    def pid(self) -> int:
        """The process id of the running service."""
        if self._process is None:
            raise RuntimeError("The service is not running.")
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything the service has printed so far, over all its starts."""
        return self.log.read_text(errors="replace")

    def start(self) -> None:
        """Start the service and return once it answers; raise with the end of its output if not."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "app.py"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self._env,
                start_new_session=True,
            )
        try:
            self._wait_until_healthy(self._process)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the service at once with SIGKILL, as a crash does, its worker processes with it.

        It leads a process group of its own. The group is named by the leader's id, which cannot
        belong to a stranger before the leader is reaped.
        """
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> int | None:
        """Ask the service to end with SIGTERM; return its exit code, None if it was not running.

        One that has not ended after `STOP_SECONDS` is killed, and that is an error.
        """
        process = self._process
        if process is None:
            return None
        process.terminate()
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"The service ignored SIGTERM:\n{tail(self.log)}") from None
        self._process = None
        return code

    def restart(self, **changes: str) -> None:
        """Stop the service if it runs and start it again, same port, same settings but for these."""
        self.stop()
        self._env |= changes
        self.start()

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"The service ended with {process.returncode}:\n{tail(self.log)}")
            if self._healthy():
                return
            time.sleep(0.05)
        raise TimeoutError(f"The service was not healthy in {START_SECONDS} s:\n{tail(self.log)}")

    def connection(self, seconds: float = 30) -> http.client.HTTPConnection:
        """A connection, not open yet, the way the service's callers come."""
        if self._tls:
            return http.client.HTTPSConnection(LOOPBACK, self.port, timeout=seconds, context=self._tls)
        return http.client.HTTPConnection(LOOPBACK, self.port, timeout=seconds)

    def _healthy(self) -> bool:
        """Ask without urllib, which would send a loopback call to a proxy of the environment."""
        connection = Service.connection(self, 2)  # itself, not by whatever stands before it
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._home.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self._home.cleanup()


def copy_of_the_project(folder: Path) -> Path:
    """The project without what a developer keeps in it: no .env, mailbox, database or log of theirs meets a test."""
    kept_out = shutil.ignore_patterns(".*", "tests", "benchmarks", "docs", "__pycache__", "*.log", "*.db*", "mailbox", "*.lock")
    return Path(shutil.copytree(ROOT, folder, ignore=kept_out))


def _environment(settings: Mapping[str, str], home: Path) -> dict[str, str]:
    """Lay the settings over a bare minimum: a developer's own settings must not reach a test."""
    port = settings.get("PORT") or str(free_port())
    bare = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "HOST": LOOPBACK,
        "PORT": port,
        "BASE_URL": f"{'https' if 'TLS_CERT_FILE' in settings else 'http'}://{LOOPBACK}:{port}",
    }
    return bare | dict(settings)
