"""How SQLite is made fit for several workers, and for forgetting."""

from typing import Any

from sqlalchemy import Connection, Engine, event


def prepare(writer: Engine, reader: Engine, synchronous: str) -> None:
    """WAL, foreign keys, a busy time-out of 10 s, erased rows overwritten, and BEGIN IMMEDIATE for the engine that writes."""

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
        event.listen(engine, "connect", pragmas)
    event.listen(writer, "begin", begin)
