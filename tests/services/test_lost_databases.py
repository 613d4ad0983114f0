"""What the database's faults mean: gone for a while, or a statement that no waiting makes right."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from database import db, was_lost, was_refused_for_concurrency
from engines import MARIADB_BOUNDS, POSTGRESQL_BOUNDS

KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
ITSELF = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
FAULTY = ("SELECT nothing FROM users", "SELECT 1 FROM nowhere", "SELEC 1")


@pytest.fixture
def engine_here(app: Flask) -> Iterator[Engine]:
    with app.app_context():
        yield db.engine


def fault_of(connection: Connection, statement: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as raised:
        connection.execute(text(statement))
    return raised.value


@contextmanager
def bounded(engine: Engine) -> Iterator[Connection]:
    """A connection that waits one second for an answer."""
    bounds = {
        "postgresql": POSTGRESQL_BOUNDS | {"options": "-c statement_timeout=1000"},
        "mysql": MARIADB_BOUNDS | {"read_timeout": 1},
    }
    made = create_engine(engine.url, connect_args=bounds[engine.dialect.name])
    with made.connect() as connection:
        yield connection
    made.dispose()


@pytest.mark.parametrize("statement", FAULTY)
def test_a_faulty_statement_is_a_fault(engine_here: Engine, statement: str) -> None:
    with engine_here.connect() as connection:
        assert not was_lost(fault_of(connection, statement))


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_a_connection_that_was_cut_is_a_loss_and_the_next_is_good(engine_here: Engine) -> None:
    name = engine_here.dialect.name
    with engine_here.connect() as victim, create_engine(engine_here.url).connect() as killer:
        killer.execute(text(KILL[name].format(victim.execute(text(ITSELF[name])).scalar_one())))
        assert was_lost(fault_of(victim, "SELECT 1"))
    with engine_here.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_an_answer_that_takes_too_long_is_a_loss(engine_here: Engine) -> None:
    sleep = {"postgresql": "SELECT pg_sleep(5)", "mysql": "SELECT sleep(5)"}[engine_here.dialect.name]
    with bounded(engine_here) as connection:
        assert was_lost(fault_of(connection, sleep))


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_the_service_bounds_its_statements(engine_here: Engine) -> None:
    asked = {"postgresql": "SHOW statement_timeout", "mysql": "SELECT 1"}[engine_here.dialect.name]
    with engine_here.connect() as connection:
        found = connection.execute(text(asked)).scalar_one()
        waits = getattr(connection.connection.dbapi_connection, "_read_timeout", found)
    assert waits in ("15s", 15)


def test_a_pool_without_a_free_connection_is_a_loss(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}", pool_size=1, max_overflow=0, pool_timeout=0.01)
    with engine.connect(), pytest.raises(PoolTimeout) as raised, engine.connect():
        pass
    assert was_lost(raised.value)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True, scope="session")
def test_a_locked_file_is_a_loss(engine_here: Engine) -> None:
    other = create_engine(engine_here.url, connect_args={"timeout": 0})
    with engine_here.connect() as writer, other.connect() as late:
        writer.execute(text("SELECT 1"))  # BEGIN IMMEDIATE
        assert was_lost(fault_of(late, "DELETE FROM letters"))
    other.dispose()


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True, scope="session")
def test_a_lock_that_was_waited_for_too_long_is_tried_again(engine_here: Engine) -> None:
    """Its SQLSTATE says nothing, only its number does."""
    with engine_here.connect() as holder, engine_here.connect() as late:
        holder.execute(text("INSERT INTO job_runs (name, ran_at, fault) VALUES ('held', now(), '')"))
        late.execute(text("SET innodb_lock_wait_timeout = 1"))
        fault = fault_of(late, "INSERT INTO job_runs (name, ran_at, fault) VALUES ('held', now(), '')")
        assert was_refused_for_concurrency(fault)
        late.execute(text("SET innodb_lock_wait_timeout = DEFAULT"))
