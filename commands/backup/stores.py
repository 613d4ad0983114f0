"""How each engine's database is dumped while it serves, and put back while nobody uses it."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import click
import psycopg
from sqlalchemy import inspect, text

from database import Base, db

OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
CLIENTS = "Install PostgreSQL's client programs, not older than the server (on Debian: apt-get install postgresql-client)."


class Store(Protocol):
    """What a backup needs of an engine."""

    folder: Path | None
    """Where a dump should be unpacked; None: anywhere."""

    def snapshot(self, file: Path) -> None:
        """Dumps one consistent state into a new file."""

    def is_used(self) -> bool:
        """Whether anybody else is connected."""

    def put(self, dump: Path, finish: Callable[[], None]) -> None:
        """Replaces everything by the dump, then calls `finish`, which migrates and closes."""


def store() -> Store:
    """That of the app's engine."""
    engine = db.engine.dialect.name
    if engine == "sqlite":
        return Sqlite()
    if engine == "postgresql":
        return Postgresql()
    raise click.ClickException("This command knows SQLite and PostgreSQL. For MariaDB see docs/backup.md.")


def let_go() -> None:
    """Closes the connections of this process."""
    for engine in db.engines.values():
        engine.dispose()


class Sqlite:
    def __init__(self) -> None:
        self.file = Path(db.engine.url.database or "").resolve()
        self.folder: Path | None = self.file.parent

    def snapshot(self, file: Path) -> None:
        """One read transaction, which no writer waits for; what was erased is not copied."""
        with db.engines["reader"].connect() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(file),))

    def is_used(self) -> bool:
        """Leaving the write-ahead log needs the file alone; and what stood in the log then stands in the file."""
        let_go()
        if not self.file.exists():
            return False
        connection = sqlite3.connect(self.file, timeout=1)
        try:
            return bool(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0] != "delete")
        except sqlite3.OperationalError:
            return True
        finally:
            connection.close()

    def put(self, dump: Path, finish: Callable[[], None]) -> None:
        """By renaming; where `finish` fails, what was there comes back."""
        let_go()
        before = self.file.with_name(f"{self.file.name}.before-restore")
        existed = self.file.exists()
        if existed:
            self.file.replace(before)
        dump.replace(self.file)
        try:
            finish()
        except BaseException:
            let_go()
            for rest in self.file.parent.glob(f"{self.file.name}-*"):
                rest.unlink()
            self.file.unlink()
            if existed:
                before.replace(self.file)
            raise
        before.unlink(missing_ok=True)


class Postgresql:
    folder: Path | None = None

    def snapshot(self, file: Path) -> None:
        """Our tables only: others may live in the same database."""
        tables = [f"--table={name}" for name in self._tables()]
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}", *tables)

    def is_used(self) -> bool:
        """A server process outlives its client by a moment."""
        let_go()
        with db.engines["reader"].connect() as connection:
            for _ in range(20):
                if not (used := bool(connection.execute(text(OTHERS)).scalar_one())):
                    break
                time.sleep(0.1)
        let_go()
        return used

    def put(self, dump: Path, finish: Callable[[], None]) -> None:
        """In one transaction, with all that is replaced."""
        script, prelude = dump.with_name("script.sql"), dump.with_name("prelude.sql")
        self._run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(dump))
        gone = ", ".join(f'"{name}"' for name in self._tables())
        prelude.write_text(f"DROP TABLE {gone} CASCADE;" if gone else "")
        let_go()
        options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
        self._run("psql", *options, f"--file={prelude}", f"--file={script}")
        try:
            finish()
        except BaseException as error:
            raise click.ClickException("The backup is in the database, but its sessions still live. Run this again.") from error

    def _tables(self) -> list[str]:
        ours = {*Base.metadata.tables, "alembic_version"}
        return sorted(ours.intersection(inspect(db.engine).get_table_names()))

    def _run(self, program: str, *arguments: str) -> None:
        """Where to connect, and the password, stand in the environment: everybody may read a command line."""
        where = db.engine.dialect.create_connect_args(db.engine.url)[1]
        names = {option.keyword.decode(): (option.envvar or b"").decode() for option in psycopg.pq.Conninfo.get_defaults()}
        told = {names[word]: str(value) for word, value in where.items() if names.get(word)}
        try:
            subprocess.run(  # noqa: S603 - a program of PostgreSQL's, and arguments of ours
                [program, *arguments], env=os.environ | told, capture_output=True, text=True, check=True
            )
        except FileNotFoundError as error:
            raise click.ClickException(f"{program} is not installed. {CLIENTS}") from error
        except subprocess.CalledProcessError as error:
            said = (error.stderr.strip() or "no reason given").replace(where.get("password") or "\0", "…")
            raise click.ClickException(f"{program} failed: {said}") from error
