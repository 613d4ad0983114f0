"""The database: `db`, the UTC time type, reads, the unit of work (the one place that commits), the ledger of facts."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Delete,
    MetaData,
    Row,
    Select,
    Update,
    and_,
    case,
    event,
    inspect,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
BINARY_COLLATION = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""MariaDB otherwise compares without case, accents and trailing spaces."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    __table_args__: Any = BINARY_COLLATION


db = SQLAlchemy(metadata=Base.metadata)
PIECE = 500
"""Rows in one transaction of the scheduled work."""
IN_USE = (1205, 1213, 1020)
"""MariaDB: lock wait time-out, deadlock, and a row that changed since it was read."""
NOT_NOW = (1021, 1040, 1041, 1053, 1114, 1129, 1135, 1203, 1226, 1290, 1317, 1836, 1927, 1969)
"""MariaDB: no room, too many connections, going down, killed, cut off, or for reading only; from 2000 on, the client's own."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC moments on every engine, with microseconds; naive ones are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        # MariaDB drops microseconds unless asked to keep them.
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name in ("mysql", "mariadb") else self.impl)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def rows(statement: Select[*tuple[Any, ...]], **given: Any) -> list[Row[*tuple[Any, ...]]]:
    """What a SELECT finds: inside the open transaction if there is one, else without any. `given`: its `bindparam`s."""
    if in_transaction():
        return list(db.session.execute(statement, given).all())
    return committed_rows(statement, **given)


def committed_rows(statement: Select[*tuple[Any, ...]], **given: Any) -> list[Row[*tuple[Any, ...]]]:
    """What a SELECT finds of what is committed by now, also inside an open transaction, whatever that has read before."""
    with db.engines["reader"].connect() as connection:
        return list(connection.execute(statement, given).all())


def changed(statement: Update | Delete, **given: Any) -> int:
    """Runs one conditional UPDATE or DELETE in the unit of work; how many rows it changed decides who won."""
    result = db.session.execute(statement, given, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)  # noqa: S101 - an UPDATE always gives one
    return result.rowcount


def in_pieces(statement: Update | Delete, due: ColumnElement[bool], *index: InstrumentedAttribute[Any]) -> int:
    """Changes the rows that are due in short transactions; returns how many it changed.

    `index` names the columns of the index that finds them; the last is a moment, and the oldest come first.

    One statement for all would make a login wait until the last row is done. Each statement repeats the condition, so
    several workers may do this at once; as a CASE, since the rows are to be found by their key and by no other index.
    The next search begins where the last ended: an index still holds what is gone until the database clears it away.
    """
    moment, total = index[-1], 0
    key = inspect(moment.class_).primary_key[0]
    still_due = case((due, 1), else_=0) == 1
    # PostgreSQL takes the order from the index only where all of its columns are named.
    oldest = select(key, moment).order_by(*index).limit(PIECE)
    ahead = due
    while found := rows(oldest.where(ahead)):
        with unit_of_work():
            total += changed(statement.where(key.in_([row[0] for row in found]), still_due))
        ahead = and_(due, moment >= found[-1][1])
    return total


def in_transaction() -> bool:
    """Whether this unit of work has begun. A call that only reads never makes a session."""
    return db.session.registry.has() and db.session().in_transaction()


@dataclass
class _Work:
    """What goes with one unit of work: what must hold first, facts that are kept either way, and what is done at its end."""

    first: Callable[[], object] | None = None
    facts: list[Base] = field(default_factory=list)
    if_noted: list[Callable[[], object]] = field(default_factory=list)
    if_kept: list[Callable[[], object]] = field(default_factory=list)
    if_lost: list[Callable[[], object]] = field(default_factory=list)


_work: ContextVar[_Work] = ContextVar("work")


def note(fact: Base, then: Callable[[], object]) -> None:
    """Keeps a fact that is written whether or not the unit of work succeeds, and what to do once it is."""
    _work.get().facts.append(fact)
    _work.get().if_noted.append(then)


def afterwards(*, if_kept: Callable[[], object] | None = None, if_lost: Callable[[], object] | None = None) -> None:
    """What to do elsewhere once the unit of work is committed, or rolled back. A commit that breaks off is neither."""
    work = _work.get()
    work.if_kept += [if_kept] if if_kept else []
    work.if_lost += [if_lost] if if_lost else []


@contextmanager
def unit_of_work(first: Callable[[], object] | None = None) -> Iterator[None]:
    """Everything inside is committed together, or nothing but the ledger. It begins at the first statement.

    `first` runs inside the transaction, before that statement; what it raises rolls everything back.
    """
    work, committing = _Work(first), False
    token = _work.set(work)
    try:
        yield
        if work.facts:
            db.session.add_all(work.facts)
        if db.session.registry.has():
            db.session.flush()
            committing = True
            db.session.commit()
    except BaseException:
        db.session.rollback()
        _keep(work.facts)
        _settle(work.if_noted + (work.if_lost if not committing else []))
        raise
    else:
        _settle(work.if_noted + work.if_kept)
    finally:
        _work.reset(token)
        db.session.remove()


@event.listens_for(db.session, "do_orm_execute")
@event.listens_for(db.session, "before_flush")
def _check_first(*what: object) -> None:
    work = _work.get(None)
    if work is not None and (first := work.first):
        work.first = None
        first()


def _settle(actions: list[Callable[[], object]]) -> None:
    for action in actions:
        action()


def _keep(facts: list[Base]) -> None:
    if facts:
        with Session(db.engine) as session, session.begin():
            session.add_all([type(fact)(**_columns(fact)) for fact in facts])


def _columns(fact: Base) -> dict[str, Any]:
    return {column.key: getattr(fact, column.key) for column in fact.__table__.columns}


@contextmanager
def transaction_apart() -> Iterator[Connection]:
    """A short transaction that is kept whatever becomes of the call; refused inside a unit of work that has begun."""
    assert not in_transaction(), "a second transaction beside an open one would wait for it"  # noqa: S101
    with db.engine.begin() as connection:
        yield connection


def overwrite_log() -> None:
    """SQLite keeps what was changed in its write-ahead log until that is written back and emptied."""
    if db.engine.dialect.name == "sqlite":
        with db.engines["reader"].connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def was_refused_for_concurrency(error: DBAPIError) -> bool:
    """A deadlock or serialization failure: nothing was kept, and the same call may be tried again."""
    return getattr(error.orig, "sqlstate", None) in ("40001", "40P01") or _number(error) in IN_USE


def was_lost(error: Exception) -> bool:
    """The database is gone, full, locked or for reading only: the caller may come back. A faulty statement is none of these."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        # SQLITE_ERROR is a table or a column that is not there, and the like.
        return isinstance(error, OperationalError) and error.orig.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR
    number = _number(error)
    if isinstance(number, int):
        return number in (0, *IN_USE, *NOT_NOW) or 2000 <= number < 3000
    return isinstance(error, OperationalError) or getattr(error.orig, "sqlstate", "") == "25006"


def _number(error: DBAPIError) -> object:
    """MariaDB's; the others give a text in its place."""
    return (getattr(error.orig, "args", None) or [None])[0]
