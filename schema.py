"""How far a database's schema is, against the history that the code brings; and bringing it up, once for all who start."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from flask import current_app
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from config import ROOT
from database import db

LOCKS = {
    "postgresql": "SELECT pg_advisory_lock(7021894523)",
    # Names are the whole server's.
    "mysql": "SELECT get_lock(concat('latchkey ', md5(database())), 86400)",
}
"""Each is held until its connection is closed, whatever ends the process."""


MISSING_PRIVILEGE = ("42501", 1044, 1142, 1227)
"""What is answered to a statement that the role may not run: PostgreSQL's SQLSTATE, MariaDB's numbers."""


class MayNotMigrate(Exception):
    """The database is not at this release's revision, and its role may not change tables; the message tells both revisions."""


class DatabaseIsNewer(Exception):
    """The database was brought up by a later release than this; the message tells its revision."""


def bring_up() -> None:
    """Runs what is missing. Of many who start together one does, and the others wait for it.

    Raises DatabaseIsNewer, MayNotMigrate.
    """
    known = of_code()
    with db.engines["reader"].connect() as connection:
        found = of_database(connection)
    if found == known[0]:
        return
    if found is not None and found not in known:
        raise DatabaseIsNewer(found)
    try:
        migrations().upgrade()
    except DBAPIError as error:
        if _is_forbidden(error):
            raise MayNotMigrate(f"the database is at revision {found or 'none'}, this release needs {known[0]}") from error
        raise


def _is_forbidden(error: DBAPIError) -> bool:
    codes = (getattr(error.orig, "sqlstate", None), *getattr(error.orig, "args", ())[:1])
    return any(code in MISSING_PRIVILEGE for code in codes)


def migrations() -> ModuleType:
    """Flask-Migrate for the running app. With Alembic it takes 11 MiB, and most starts find nothing to migrate."""
    import flask_migrate  # noqa: PLC0415

    if "migrate" not in current_app.extensions:
        flask_migrate.Migrate(current_app._get_current_object(), db, str(ROOT / "migrations"))  # type: ignore[attr-defined]
    return flask_migrate


def of_code() -> list[str]:
    """Every revision that the code knows, the newest first: the number that each step's file begins with."""
    return sorted((file.name[:4] for file in (ROOT / "migrations" / "versions").glob("[0-9]*.py")), reverse=True)


def of_database(connection: Connection) -> str | None:
    """None where nothing was ever made."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


@contextmanager
def alone() -> Iterator[Connection]:
    """A connection to migrate with, that nobody else has at the same time; its statements may take as long as they need."""
    if db.engine.dialect.name == "sqlite":
        with _folder_to_itself(db.engine.url.database), db.engine.connect() as connection:
            yield connection
        return
    engine = create_engine(db.engine.url, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        connection.execute(text(LOCKS[engine.dialect.name]))
        connection.rollback()  # the lock stays; what others have made meanwhile is seen
        yield connection


@contextmanager
def _folder_to_itself(file: str | None) -> Iterator[None]:
    """The database's folder, not its file: closing that would drop the locks that SQLite has on it."""
    folder = os.open(Path(file or ROOT).resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
