"""A whole life under a role that may read and write rows and nothing else; another role migrates."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app import create_app
from services import erasure, job_runs, pictures, retention, sessions
from tests.attacks import doors
from tests.attacks.doors import call
from tests.conftest import settings_with, start_database
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

JOBS = (sessions.end_idle, retention.clear_out, erasure.erase_due, erasure.shorten_addresses, pictures.sweep)
DDL = [
    "CREATE TABLE mine (id INTEGER)",
    "ALTER TABLE users ADD COLUMN mine INTEGER",
    "CREATE INDEX mine ON users (created_at)",
    "TRUNCATE TABLE audit_facts",
    "DROP TABLE audit_facts",
    "DROP TABLE alembic_version",
]
DENIED = re.compile("permission denied|must be owner|command denied")
LINE = re.compile(r"-- to (migrate|serve): SQLALCHEMY_DATABASE_URI=(\S+)")


@pytest.fixture(params=["postgresql", "mariadb"])
def administrator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        yield start_database(stack, str(request.param), tmp_path)


def command(uri: str, *words: str) -> tuple[int, str]:
    app = create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri))
    with app.app_context():  # as `flask` does
        result = app.test_cli_runner().invoke(args=list(words))
    return result.exit_code, result.output


def made(administrator: str) -> dict[str, str]:
    """Runs what the command prints; the address for each purpose."""
    code, printed = command(administrator, "database", "roles")
    assert code == 0, printed
    engine = create_engine(settings_with(SQLALCHEMY_DATABASE_URI=administrator).sqlalchemy_database_uri)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for line in printed.splitlines():
            if not line.startswith("--"):
                connection.exec_driver_sql(line.replace("%", "%%") if engine.dialect.name == "mysql" else line)
    engine.dispose()
    return dict(LINE.findall(printed))


def refusals(uri: str) -> list[str]:
    """The statements that this role may not run."""
    engine = create_engine(settings_with(SQLALCHEMY_DATABASE_URI=uri).sqlalchemy_database_uri)
    refused = []
    for statement in DDL:
        try:
            with engine.begin() as connection:
                connection.execute(text(statement))
        except DBAPIError as error:
            refused += [statement] if DENIED.search(str(error.orig)) else []
    engine.dispose()
    return refused


def test_a_whole_life_under_the_serving_role(
    administrator: str, smtp: dict[str, str], mail_server: MailServer, tmp_path: Path
) -> None:
    mail_server.clear()
    roles = made(administrator)
    service = doors.service(roles["serve"], smtp)
    with pytest.raises(RuntimeError, match=f"ended with {os.EX_CONFIG}"):
        service.start()
    assert "the database is at revision none" in service.output
    assert "`flask --app app db upgrade` with the migrating role" in service.output
    assert command(roles["migrate"], "db", "upgrade")[0] == 0
    with service:
        doors.account(service, mail_server, "ada")
        tokens = doors.login(service, "ada").json
        access = call(service, "POST", "/refresh", token=tokens["refresh_token"]).json["access_token"]
        assert call(service, "PUT", "/profile", {"first_name": "Ada"}, token=access).json["first_name"] == "Ada"
        assert call(service, "GET", "/security-events", token=access).json["events"]
        assert call(service, "DELETE", "/profile", {"password": PASSWORD}, token=access).status == 204
        assert doors.login(service, "ada").code == "account_inactive"
    _erased(roles["serve"])
    assert refusals(roles["serve"]) == DDL
    assert made(administrator).keys() == roles.keys(), "run again, it changes nothing"
    assert command(roles["migrate"], "db", "upgrade")[0] == 0


def _erased(uri: str) -> None:
    """A month later every job has run under that role, and nothing of her is left."""
    app = create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)), app.app_context():
        for job in JOBS:
            job()
        job_runs.last()
    emails: list[Any] = doors.look(uri, "SELECT email FROM users WHERE email LIKE 'ada%'")
    assert emails == []


def test_sqlite_has_no_roles(tmp_path: Path) -> None:
    said = "Error: SQLite has no roles: who may write the file may also change its tables.\n"
    assert command(f"sqlite:///{tmp_path / 'roles.db'}", "database", "roles") == (1, said)


@pytest.mark.parametrize("names", [("same", "same"), ("a b", "b"), ("a", "b'; DROP"), ("A", "b"), ("", "b")])
def test_names_that_sql_would_have_to_quote_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    words = ("database", "roles", "--migrating", names[0], "--serving", names[1])
    code, said = command(f"sqlite:///{tmp_path / 'roles.db'}", *words)
    assert (code, said.startswith("Error: Give two different names")) == (1, True)
