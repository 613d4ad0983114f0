"""The system account and the folder a database server runs with."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .missing import Missing


@dataclass(frozen=True)
class Account:
    """Who a server runs as, and the folder of its own that it may write to."""

    folder: Path
    user: int | None = None
    group: int | None = None

    def start(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command as this account, its output appended to `log`.

        The session of its own keeps Ctrl-C on the test run away from the server, which is then
        stopped in order by its context manager.
        """
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self._environment(),
                user=self.user,
                group=self.group,
                extra_groups=None if self.user is None else [],
                start_new_session=True,
            )

    def given(self, file: Path) -> Path:
        """A copy of the file that this account alone may read."""
        copy = self.folder / file.name
        shutil.copyfile(file, copy)
        copy.chmod(0o600)
        if self.user is not None:
            os.chown(copy, self.user, -1)
        return copy

    def run(self, command: Sequence[str], log: Path) -> None:
        """Run a command to its end as this account; raise with its output if it fails."""
        if self.start(command, log).wait(timeout=120):
            raise RuntimeError(f"{command[0]} failed:\n{tail(log)}")

    def _environment(self) -> dict[str, str]:
        """PATH and folders only: PGPORT, MYSQL_HOME and the like must not steer a test server."""
        folder = str(self.folder)
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "TMPDIR": folder}


@contextmanager
def account(folder: Path, names: Sequence[str]) -> Iterator[Account]:
    """Yield the account to run a server as; `names` are the users to try when we are root.

    Database servers refuse to run as root. An unprivileged user cannot enter the tests' private
    folders either, so as root the server gets a temporary folder of its own, removed at the end.
    """
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True)
        yield Account(Path(tempfile.mkdtemp(dir=folder)))
        return
    entry = _first_user(names)
    home = Path(tempfile.mkdtemp(prefix="latchkey-"))
    try:
        os.chown(home, entry.pw_uid, entry.pw_gid)
        yield Account(home, entry.pw_uid, entry.pw_gid)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def tail(log: Path, size: int = 3000) -> str:
    """Return the end of a log, which is where a failure explains itself."""
    return log.read_text(errors="replace")[-size:] if log.exists() else ""


def _first_user(names: Sequence[str]) -> pwd.struct_passwd:
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Missing(f"Run the tests as a normal user, or create one of these users: {', '.join(names)}.")
