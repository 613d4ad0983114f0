"""A MariaDB server of our own, from the programs installed on the machine."""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
from pymysql.connections import Connection

from .account import Account, account
from .authority import Tls
from .daemon import running
from .missing import Missing
from .ports import LOOPBACK

NUMBERS = itertools.count(1)
INSTALL = "Install the MariaDB server (on Debian: apt-get install mariadb-server) to test on MariaDB."
# System folders hold the server, and a normal user's PATH often leaves them out.
PLACES = os.pathsep.join(["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"])
# Durability is worth nothing to a database that is thrown away, and costs most of the time.
SETTINGS = {
    "bind-address": LOOPBACK,
    "socket": "server.sock",  # relative to the data folder: a long path is refused
    "pid-file": "server.pid",
    "character-set-server": "utf8mb4",
    "max-connections": "200",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-flush-method": "nosync",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
}


@contextmanager
def mariadb(folder: Path, tls: Tls | None = None) -> Iterator[str]:
    """Yield the URL of a fresh server, without a database: `url + "/name"` names one. With `tls` it takes plain ones too."""
    server, installer = _program("mariadbd"), _program("mariadb-install-db")
    with account(folder, ["mysql", "nobody"]) as owner:
        data = owner.folder / "data"
        _create_tables(owner, installer, data)

        secured = _secured(owner, tls) if tls else {}

        def command(port: int) -> list[str]:
            settings = [f"--{name}={value}" for name, value in (SETTINGS | secured).items()]
            fixed = ["--no-defaults", f"--datadir={data}", f"--port={port}", "--skip-name-resolve"]
            return [server, *fixed, *settings]

        with running(owner, command, _answers) as port:
            yield f"mysql://root@{LOOPBACK}:{port}"


def create_database(url: str, name: str | None = None) -> str:
    """Create an empty database on the server that `mariadb` yielded; return its URL. Without `name`, a new one each time."""
    port = urlsplit(url).port
    assert port is not None
    name = name or f"latchkey{next(NUMBERS)}"
    with _connect(port) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    return f"{url}/{name}"


def _secured(owner: Account, tls: Tls) -> dict[str, str]:
    chain, key = owner.given(tls.certificate.chain), owner.given(tls.certificate.key)
    return {"ssl-cert": str(chain), "ssl-key": str(key), "ssl-ca": str(owner.given(tls.clients))}


def _connect(port: int) -> Connection:
    return pymysql.connect(host=LOOPBACK, port=port, user="root", charset="utf8mb4", connect_timeout=30)


def _answers(port: int) -> bool:
    try:
        _connect(port).close()
    except pymysql.err.OperationalError:
        return False
    return True


def _create_tables(owner: Account, installer: str, data: Path) -> None:
    """Write the system tables; root may then enter without a password over TCP."""
    options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    speed = ["--innodb-flush-method=nosync", "--innodb-log-file-size=16M"]
    command = [installer, "--no-defaults", f"--datadir={data}", *options, *speed]
    owner.run(command, owner.folder / "install.log")


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=PLACES)
    if found is None:
        raise Missing(INSTALL)
    return found
