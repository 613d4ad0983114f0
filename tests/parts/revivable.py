"""A database server that can be ended and brought back, with the same data at the same port."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pymysql

from tests.parts.daemon import stop
from tests.parts.ports import LOOPBACK


class Revivable:
    """The server that listens at `port`. Whoever makes one ends what it has revived by `end`."""

    def __init__(self, kind: str, port: int) -> None:
        self.kind, self.port = kind, port
        with suppress(FileNotFoundError):
            self.pid = int(self._pid_file().read_text().split()[0])
        process = Path(f"/proc/{self.pid}")
        self.command = process.joinpath("cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        self.folder = os.readlink(process / "cwd")
        self.owner = process.stat()
        self.revived: subprocess.Popen[bytes] | None = None

    def _pid_file(self) -> Path:
        if self.kind == "postgresql":
            with psycopg.connect(f"postgresql://latchkey@{LOOPBACK}:{self.port}/postgres") as connection:
                found = connection.execute("SHOW data_directory").fetchone()
                return Path(str(found and found[0])) / "postmaster.pid"
        with pymysql.connect(host=LOOPBACK, port=self.port, user="root") as client, client.cursor() as cursor:
            cursor.execute("SELECT @@datadir, @@pid_file")
            row = cursor.fetchone()
            assert row is not None
            return Path(row[0], row[1])

    def stop(self) -> None:
        """In order: the tests' databases write too late to survive a crash without a loss."""
        os.kill(self.pid, signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
        while Path(f"/proc/{self.pid}/stat").read_text().split()[2] != "Z":
            time.sleep(0.02)

    def revive(self) -> None:
        root = os.geteuid() == 0
        self.revived = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": self.folder, "TMPDIR": self.folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.owner.st_uid if root else None,
            group=self.owner.st_gid if root else None,
            extra_groups=[] if root else None,
            start_new_session=True,
        )

    def end(self) -> None:
        if self.revived:
            stop(self.revived, signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
