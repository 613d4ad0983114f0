"""Rows by the thousand, written by the database itself: what a busy month leaves behind."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, String, Table, cast, insert, literal, literal_column, select
from sqlalchemy.sql.selectable import CTE

from model import AuditFact, Session, User
from services import audit, clock, mint
from tests.attacks import doors

PIECE = 1000
"""Rows of one statement (MariaDB counts no further); each such piece has moments of its own, a second apart."""
IDENTIFIERS = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "gen_random_uuid()::text",
    "mysql": "md5(concat(rand(), rand()))",
}
"""As scattered as our UUIDs, so that an index is as unordered as it would be."""

SAME_MOMENT = 3 * audit.AT_A_TIME
"""So many events of a record in a row share their time, so that pieces are cut amid them."""


def record_of(uri: str, user_id: str, count: int) -> set[str]:
    """The ids of so many events of an account, once they are written."""
    began, agent = clock.now() - timedelta(days=30), "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    same = {"kind": "signed_in", "user_id": user_id, "ip": "203.0.113.77", "ip_shortened": False, "user_agent": agent}
    details = {"method": "pwd otp", "request_id": mint.identifier()}
    events = [
        same | {"id": mint.identifier(), "time": began + timedelta(seconds=number // SAME_MOMENT), "details": details}
        for number in range(count)
    ]
    engine = doors.engine_of(uri)
    with engine.begin() as connection:
        connection.execute(insert(AuditFact), events)
    engine.dispose()
    return {str(event["id"]) for event in events}


def people(engine: Engine, count: int, moment: datetime) -> None:
    """Confirmed accounts `u1`, `u2`, …"""
    numbers = _numbers(count)
    name = _text("u", numbers.c.i)
    values = {
        "id": name,
        "username": name,
        "username_key": name,
        "email": name,
        "email_key": name,
        "owned_email_key": name,
        "email_confirmed_at": literal(moment, User.email_confirmed_at.type),
        "is_active": literal(True),
        "is_admin": literal(False),
        "created_at": literal(moment, User.created_at.type),
    }
    with engine.begin() as connection:
        _store(connection, User, values, numbers)


def sessions(engine: Engine, count: int, of: int, used: datetime, ended: datetime | None = None) -> None:
    """Sessions of the first `of` people, last refreshed and used at `used` or a little before."""
    with engine.begin() as connection:
        for start in range(0, count, PIECE):
            piece = min(PIECE, count - start)
            _sessions(connection, piece, of, used - timedelta(seconds=start // PIECE), ended)


def _sessions(connection: Connection, count: int, of: int, used: datetime, ended: datetime | None) -> None:
    numbers = _numbers(count)
    moment = literal(used, Session.created_at.type)
    random: ColumnElement[str] = literal_column(IDENTIFIERS[connection.dialect.name])
    values = {
        "id": random,
        "user_id": _text("u", numbers.c.i % of + 1),
        **dict.fromkeys(("created_at", "auth_time", "last_activity", "refreshed_at"), moment),
        "expires_at": literal(used + timedelta(days=30), Session.expires_at.type),
        "amr": literal("pwd"),
        "refresh_jti": random,
        "ip": literal("127.0.0.1"),
        "user_agent": literal("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    }
    if ended:
        values |= {"ended_at": literal(ended, Session.ended_at.type), "end_reason": literal("logout")}
    _store(connection, Session, values, numbers)


def _numbers(count: int) -> CTE:
    """1 to `count`."""
    first = select(literal(1).label("i")).cte("numbers", recursive=True)
    return first.union_all(select(first.c.i + 1).where(first.c.i < count))


def _text(prefix: str, number: ColumnElement[int]) -> ColumnElement[str]:
    return literal(prefix) + cast(number, String(12))


def _store(connection: Connection, table: type[Any], values: dict[str, Any], numbers: CTE) -> None:
    columns: Table = table.__table__
    chosen = select(*[value.label(name) for name, value in values.items()]).select_from(numbers)
    connection.execute(insert(columns).from_select(list(values), chosen))
