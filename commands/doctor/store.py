"""The database: reached, which engine, and whether its schema is the code's."""

from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

import schema
from commands.doctor.findings import Finding, Findings, fault, ok
from database import db

MIGRATE = "Start the service by `python app.py`, or run `flask --app app db upgrade`."


def examined() -> Findings:
    url = db.engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield fault("database", "the file is not there yet", MIGRATE)
        return
    try:
        with db.engines["reader"].connect() as connection:
            yield ok("database", f"{_engine(connection)} answers")
            yield _level(schema.of_database(connection))
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or type(error).__name__).replace(url.password or "\0", "…")
        cure = "Is it running? Are host, name, user and password in SQLALCHEMY_DATABASE_URI right?"
        yield fault("database", " ".join(f"no answer: {why}".split())[:300], cure)


def _engine(connection: Connection) -> str:
    dialect = connection.dialect
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    return f"{name} {'.'.join(str(part) for part in dialect.server_version_info or ())}"


def _level(revision: str | None) -> Finding:
    known = schema.of_code()
    if revision == known[0]:
        return ok("migrations", f"the database is at {revision}, as the code")
    if revision is None:
        return fault("migrations", "the database has no tables yet", MIGRATE)
    if revision not in known:
        message = f"the database is at {revision}, ahead of the code, which knows up to {known[0]}"
        return fault("migrations", message, "Install the version of the code that made it, or a newer one.")
    return fault("migrations", f"the database is at {revision}, {known.index(revision)} behind the code's {known[0]}", MIGRATE)
