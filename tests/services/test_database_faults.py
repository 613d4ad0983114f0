"""A start that cannot use its database says why in one line, with the cure, on every engine; nobody waits in vain."""

import io
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pymysql
import pytest
from flask import Flask

from servers import work
from tests.attacks import doors
from tests.conftest import start_database
from tests.parts.ports import free_port
from tests.resources.conftest import app_with

PASSWORD = "very-secret-pass"
Start = tuple[int, str]


def start(app: Flask) -> Start:
    """The exit status, and what the log says."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        work.bring_up(app)
    except SystemExit as left:
        return int(str(left.code)), heard.getvalue()
    finally:
        logging.getLogger().removeHandler(handler)
    return 0, heard.getvalue()


def refused(uri: str, *words: str, status: int = os.EX_CONFIG) -> None:
    """One line, which names all of these, and never the password."""
    found, said = start(app_with(Path("unused"), SQLALCHEMY_DATABASE_URI=uri))
    (line,) = [line for line in said.splitlines() if "the database does not answer yet" not in line]
    assert (found, [word for word in words if word not in line]) == (status, []), said
    assert PASSWORD not in said
    assert "Traceback" not in said
    assert "File " not in said


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its public address: a user who needs a password, and one who may make no tables."""
    folder = tmp_path_factory.mktemp("postgresql")
    with ExitStack() as stack:
        uri = start_database(stack, "postgresql", folder)
        with psycopg.connect(uri, autocommit=True) as connection:
            (hba,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
            connection.execute("CREATE ROLE lesser LOGIN")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            rules = Path(hba).read_text()
            Path(hba).write_text(f"host all guarded all scram-sha-256\nhost all kept_out all reject\n{rules}")
            connection.execute("CREATE ROLE kept_out LOGIN")
            connection.execute("SELECT pg_reload_conf()")
        yield uri.partition("@")[2]


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ExitStack() as stack:
        uri = start_database(stack, "mariadb", tmp_path_factory.mktemp("mariadb"))
        place, _, name = uri.partition("@")[2].partition("/")
        host, _, port = place.partition(":")
        with pymysql.connect(host=host, port=int(port), user="root") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER guarded@'%' IDENTIFIED BY 'right'")
            cursor.execute("CREATE USER lesser@'%'")
            cursor.execute(f"GRANT SELECT ON `{name}`.* TO lesser@'%'")
        yield f"{place}/{name}"


def test_postgresql_says_what_is_wrong(postgresql: str) -> None:
    place = postgresql.partition("/")[0]
    refused(f"postgresql://guarded:{PASSWORD}@{postgresql}", place, "guarded", "check user name and password", "%40")
    refused(f"postgresql://guarded@{postgresql}", "guarded", "check user name and password")
    refused(f"postgresql://nobody_here:{PASSWORD}@{postgresql}", "nobody_here", "check user name")
    refused(f"postgresql://latchkey:{PASSWORD}@{place}/nowhere", "no database nowhere", "create it")
    refused(f"postgresql://lesser:{PASSWORD}@{postgresql}", "may not change tables", "with the migrating role")
    refused(f"postgresql://latchkey:{PASSWORD}@{postgresql}?sslmode=require", "TLS", "options after ?")
    refused(f"postgresql://latchkey:{PASSWORD}@{postgresql}?sslmode=wrong", "option after ?")
    refused(f"postgresql://latchkey:{PASSWORD}@{postgresql}?nonsense=1", "option after ?")


def test_mariadb_says_what_is_wrong(mariadb: str) -> None:
    place, _, name = mariadb.partition("/")
    refused(f"mysql://guarded:{PASSWORD}@{mariadb}", place, "guarded", "check user name and password")
    refused(f"mysql://root@{place}/nowhere", "no database nowhere", "create it")
    refused(f"mysql://lesser@{mariadb}", "may not change tables", "with the migrating role")
    refused(f"mysql://root@{place}/{name}?nonsense=1", "option after ?")


def test_sqlite_says_what_is_wrong(tmp_path: Path) -> None:
    refused(f"sqlite:///{tmp_path}/missing/user.db", f"no folder {tmp_path}/missing", "create it")
    refused(f"sqlite:///{tmp_path}", str(tmp_path), "cannot be opened or written")
    (tmp_path / "letter.db").write_text("not a database at all, and long enough for a header " * 40)
    refused(f"sqlite:///{tmp_path}/letter.db", "letter.db", "no SQLite database")


@pytest.mark.parametrize("server", ["development", "gunicorn", "granian"])
def test_each_server_ends_with_that_line(tmp_path: Path, smtp: dict[str, str], server: str) -> None:
    environ = {"FLASK_ENV": "development"} if server == "development" else {"FLASK_ENV": "production", "SERVER": server}
    missing = f"sqlite:///{tmp_path}/missing/user.db"
    door = doors.service(missing, smtp, **environ, BCRYPT_LOG_ROUNDS="10")
    with pytest.raises(RuntimeError, match="ended with 78") as ended:
        door.start()
    assert f"the database has no folder {tmp_path}/missing: create it" in str(ended.value)
    assert "Traceback" not in door.output


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_database_that_is_away_is_waited_for_and_then_named(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(work, "DATABASE_SECONDS", 0)
    port = free_port()
    login = f"{kind}://latchkey:{PASSWORD}@"
    away = os.EX_UNAVAILABLE
    refused(f"{login}127.0.0.1:{port}/latchkey", f"127.0.0.1:{port}", "nothing listens there", status=away)
    refused(f"{login}no-such-host.invalid/latchkey", "no-such-host.invalid", "name is unknown", status=away)
