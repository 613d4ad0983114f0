"""What goes to the driver by itself says and does what SQLAlchemy would, on each engine; and survives a cut connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.exc import DBAPIError

import database
from database import db, rows, unit_of_work, was_lost
from model import Session
from services import clock, mint, sessions
from tests.parts.ports import LOOPBACK, free_port
from tests.people import House
from tests.resources.conftest import app_with

KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
ITSELF = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}


def session_of(house: House) -> str:
    house.account()
    access, _ = house.tokens()
    return str(jwt.decode(access, options={"verify_signature": False})["sid"])


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The statements that went the ordinary way."""
    asked: list[object] = []
    ordinary = database.committed_rows

    def count(statement: Any, **given: Any) -> Any:
        asked.append(statement)
        return ordinary(statement, **given)

    monkeypatch.setattr(database, "committed_rows", count)
    yield asked


def test_a_lookup_finds_what_the_ordinary_way_finds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"session_id": session_of(house)}
    with counted(monkeypatch) as asked:
        (found,) = sessions.FOUND.rows(**known)
        assert asked == [], "it went to the driver"
        (ordinary,) = rows(sessions.FOUND.statement, **known)
    assert tuple(found) == tuple(ordinary)
    assert {name: type(value) for name, value in found._asdict().items()} == {
        name: type(value) for name, value in ordinary._mapping.items()
    }
    with unit_of_work():
        db.session.execute(text("SELECT 1"))
        assert [tuple(row) for row in sessions.FOUND.rows(**known)] == [tuple(ordinary)]
    assert sessions.FOUND.rows(session_id=mint.identifier()) == []


def test_a_change_is_kept_at_once_and_made_once(house: House) -> None:
    session_id = session_of(house)
    (before,) = sessions.FOUND.rows(session_id=session_id)
    now, successor = clock.now() + timedelta(minutes=1), mint.identifier()
    given = {"session_id": session_id, "spent": before.refresh_jti, "successor": successor, "now": now}
    assert [sessions.SPEND.count(**given) for _ in range(3)] == [1, 0, 0]
    (after,) = rows(sessions.FOUND.statement, session_id=session_id)
    assert (after.refresh_jti, after.parent_jti) == (successor, before.refresh_jti)
    assert (after.refreshed_at, after.last_activity) == (now, now)
    as_written = select(Session.id).where(Session.refreshed_at == now, Session.last_activity == now)
    with db.engine.connect() as another:
        assert another.execute(as_written).scalars().all() == [session_id], "SQLite keeps moments as text: its form counts"


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_a_connection_that_is_cut_on_the_way_costs_nobody_an_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id, reader = session_of(house), db.engines["reader"]
    cut: list[int] = []
    name = reader.dialect.name
    killer = create_engine(reader.url)

    def kill(connection: Any, record: Any, proxy: Any) -> None:
        if cut:
            return
        cursor = connection.cursor()
        cursor.execute(ITSELF[name])
        cut.append(cursor.fetchone()[0])
        cursor.close()
        with killer.connect() as other:
            other.execute(text(KILL[name].format(cut[0])))

    event.listen(reader, "checkout", kill)  # after the pool has tried the connection
    try:
        with counted(monkeypatch) as asked:
            assert [row.id for row in sessions.FOUND.rows(session_id=session_id)] == [session_id]
            (found,) = sessions.FOUND.rows(session_id=session_id)
            assert len(cut) == len(asked) == 1, "one connection was cut, and the next call went to the driver again"
        given = {"session_id": session_id, "spent": found.refresh_jti, "successor": mint.identifier(), "now": clock.now()}
        cut.clear()
        assert [sessions.SPEND.count(**given) for _ in range(2)] == [1, 0]
    finally:
        event.remove(reader, "checkout", kill)
        killer.dispose()
    assert len(cut) == 1, "and the UPDATE met a cut connection too"


@pytest.mark.parametrize("driver", ["postgresql", "mysql"])
def test_a_database_that_takes_no_connection_is_asked_once_and_known_as_lost(tmp_path: Path, driver: str) -> None:
    nobody = f"{driver}://nobody@{LOOPBACK}:{free_port()}/nothing"
    with app_with(tmp_path / "unused.db", SQLALCHEMY_DATABASE_URI=nobody).app_context():
        tried: list[object] = []
        for engine in db.engines.values():
            event.listen(engine, "do_connect", lambda *given: tried.append(given))
        with pytest.raises(DBAPIError) as raised:
            sessions.FOUND.rows(session_id=mint.identifier())
    assert was_lost(raised.value)
    assert len(tried) == 1, "where nobody answers, each try takes a whole time-out"
