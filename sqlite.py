"""How SQLite is made fit for several workers, and for forgetting."""

import os
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, event


def prepare(writer: Engine, reader: Engine, synchronous: str) -> None:
    """A private file, WAL, foreign keys, a busy time-out, erased rows overwritten, and BEGIN IMMEDIATE where it is written."""

    def private(dialect: Any, record: Any, arguments: Any, options: Any) -> None:
        # Only where it is not there: closing a file drops the locks that this process has on it.
        with suppress(OSError):
            os.close(os.open(writer.url.database or "", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def pragmas(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        settings = (
            "busy_timeout=10000",
            "journal_mode=WAL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"synchronous={synchronous}",
        )
        for pragma in settings:
            connection.execute(f"PRAGMA {pragma}")

    def begin(connection: Connection) -> None:
        # A deferred transaction that reads first and writes later fails at once instead of waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    for engine in (writer, reader):
        event.listen(engine, "do_connect", private)
        event.listen(engine, "connect", pragmas)
    event.listen(writer, "begin", begin)
