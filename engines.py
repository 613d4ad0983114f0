"""How the database's engines are made: their pool, and how long they wait for an answer."""

from typing import Any

from config import Settings

ANSWER_SECONDS = 15
"""The longest that any statement may take. Calls and jobs write 500 rows at most; migrations come by `schema.alone`."""
POSTGRESQL_BOUNDS = {
    "connect_timeout": 5,
    "options": f"-c statement_timeout={ANSWER_SECONDS * 1000}",
    # Of a host that is gone, no packet tells.
    "tcp_user_timeout": ANSWER_SECONDS * 1000,
    "keepalives_idle": 10,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
MARIADB_BOUNDS = {"connect_timeout": 5, "read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS}


def engine_options(settings: Settings) -> dict[str, Any]:
    """Pool and time-outs; parameters never reach a log or an exception's text."""
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": settings.db_pool_size,
        "max_overflow": settings.db_max_overflow,
        "pool_timeout": settings.db_pool_timeout,
        "pool_recycle": settings.db_pool_recycle,
    }
    if settings.sqlalchemy_database_uri.startswith("sqlite"):
        return options
    bounds = POSTGRESQL_BOUNDS if settings.sqlalchemy_database_uri.startswith("postgresql") else MARIADB_BOUNDS
    return options | {"pool_pre_ping": True, "connect_args": bounds}


def reader_options(settings: Settings) -> dict[str, Any]:
    """The engine of lone reads: no transaction is opened, so none is closed."""
    return engine_options(settings) | {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
