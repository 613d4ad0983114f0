"""A database as the first migration left it, with accounts of every state, and what some of them hold."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, MetaData, Table, insert, select

from database import db
from extensions import bcrypt, settings
from services import clock, keys, mint, passwords, tokens, vault
from services.tokens import Grant
from tests.people import PASSWORD

TABLES = ("users", "sessions", "tickets", "letters", "audit_facts")
STATES = ("active", "active", "active", "active", "admin", "old pepper", "without password", "inactive", "pending", "rival")
"""Of every ten accounts. `rival`: a pending sign-up for the address of an account."""
LETTERS_DUE = 5


@dataclass
class Town:
    """What was written, by state: user names; and what some people hold."""

    people: dict[str, list[str]] = field(default_factory=dict)
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    confirm_links: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)


Rows = dict[str, list[dict[str, Any]]]


def reflected() -> dict[str, Table]:
    """The tables as they are now, with the columns that they have now."""
    known = MetaData()
    known.reflect(db.engine, only=TABLES)
    return {name: known.tables[name] for name in TABLES}


def contents(tables: dict[str, Table]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, in these columns."""
    with db.engine.connect() as connection:
        return {name: _all(connection, table) for name, table in tables.items()}


def _all(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(select(table).order_by(table.c.id))]


def settled(count: int) -> Town:
    """Writes so many accounts of all states, each with sessions, facts and what else belongs to it."""
    town = Town()
    written: Rows = {name: [] for name in TABLES}
    new, old = (_hash(pepper) for pepper in settings().password_pepper)
    for number in range(count):
        state = STATES[number % len(STATES)]
        user = _user(number, state, old if state == "old pepper" else new)
        town.people.setdefault(state, []).append(user["username"])
        town.addresses[user["username"]] = user["email"]
        written["users"].append(user)
        _belongings(town, written, user, state)
    tables = reflected()
    with db.engine.begin() as connection:
        for name in TABLES:
            connection.execute(insert(tables[name]), [_as_kept(row) for row in written[name]])
    return town


def _hash(pepper: str) -> str:
    """One hash for all: to make ten thousand would take longer than all else."""
    digest = bcrypt.generate_password_hash(passwords._prehash(pepper, PASSWORD), 4).decode()
    return f"{keys.short_id(pepper)}:{digest}"


def _user(number: int, state: str, password_hash: str) -> dict[str, Any]:
    name = f"Person.{number}"
    # A rival names the address of the first of its ten.
    email = f"Person{number // 10 * 10 if state == 'rival' else number}@example.org"
    proved = state not in ("pending", "rival")
    return {
        "id": mint.identifier(),
        "username": name,
        "username_key": name.lower(),
        "email": email,
        "email_key": email.lower(),
        "owned_email_key": email.lower() if proved else None,
        "email_confirmed_at": clock.now() - timedelta(days=2) if proved else None,
        "password_hash": None if state == "without password" else password_hash,
        "first_name": f"Zoë {number}" if number % 3 else None,
        "last_name": "Ærøskøbing 🐧" if number % 4 else None,
        "phone_number": f"+3212{number:07d}" if number % 5 == 0 else None,
        "is_active": state != "inactive",
        "is_admin": state == "admin",
        "created_at": clock.now() - timedelta(days=3, microseconds=number),
    }


def _belongings(town: Town, written: Rows, user: dict[str, Any], state: str) -> None:
    written["audit_facts"].append(_fact(user, "signed_up"))
    if state == "pending":
        secret = mint.secret()
        town.confirm_links[user["username"]] = f"/confirm/{secret}"
        written["tickets"].append(_ticket(user, secret))
    elif state == "rival":
        due = len(town.people[state]) <= LETTERS_DUE
        written["letters"].append(_letter(user, timedelta(0) if due else timedelta(days=1)))
    elif state != "without password":
        live = _session(user, ended=state == "inactive")
        written["sessions"] += [live, _session(user, ended=True)]
        if state in ("active", "admin") and len(town.refresh_tokens) < 50:
            town.refresh_tokens[user["username"]] = _refresh_token(user, live)


def _session(user: dict[str, Any], *, ended: bool) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": mint.identifier(),
        "user_id": user["id"],
        "created_at": now,
        "auth_time": now,
        "expires_at": now + timedelta(days=30),
        "last_activity": now,
        "amr": "pwd",
        "refresh_jti": mint.identifier(),
        "parent_jti": None,
        "refreshed_at": now,
        "ip": "198.51.100.7",
        "user_agent": "Mozilla/5.0",
        "ended_at": now if ended else None,
        "end_reason": "logout" if ended else None,
    }


def _refresh_token(user: dict[str, Any], session: dict[str, Any]) -> str:
    begun, end = session["auth_time"], session["expires_at"]
    roles = ("user", "admin") if user["is_admin"] else ("user",)
    grant = Grant(user["id"], session["id"], session["refresh_jti"], begun, begun, end, begun, ("pwd",), roles)
    return tokens.mint_refresh(grant)


def _ticket(user: dict[str, Any], secret: str) -> dict[str, Any]:
    return {
        "id": mint.identifier(),
        "purpose": "confirm",
        "digest": keys.fingerprint(secret),
        "user_id": user["id"],
        "created_at": clock.now(),
        "expires_at": clock.now() + timedelta(days=1),
        "spent_at": None,
    }


def _letter(user: dict[str, Any], delay: timedelta) -> dict[str, Any]:
    letter_id, now = mint.identifier(), clock.now()
    return {
        "id": letter_id,
        "kind": "confirmation",
        "state": "ordered",
        "content": vault.seal("letter", letter_id, {"user_id": user["id"]}),
        "recipient_digest": None,
        "created_at": now,
        "written_at": None,
        "expires_at": now + timedelta(days=7),
        "not_before": now + delay,
        "tries": 0,
        "lease_id": None,
        "finished_at": None,
    }


def _fact(user: dict[str, Any], kind: str) -> dict[str, Any]:
    about = {"user_id": user["id"], "session_id": None, "ip": "198.51.100.7", "user_agent": "", "details": {}}
    return {"id": mint.identifier(), "time": clock.now() - timedelta(hours=2), "kind": kind} | about


def _as_kept(row: dict[str, Any]) -> dict[str, Any]:
    """Reflected columns know nothing of time zones, but for PostgreSQL's; and MariaDB's JSON is text."""
    return {name: _value(value, db.engine.dialect.name) for name, value in row.items()}


def _value(value: Any, engine: str) -> Any:
    if isinstance(value, datetime) and engine != "postgresql":
        return value.astimezone(UTC).replace(tzinfo=None)
    return json.dumps(value) if isinstance(value, dict) and engine == "mysql" else value


def sampled(names: list[str], most: int = 4) -> Iterator[str]:
    """Some from the beginning to the end."""
    return iter(names[:: max(1, len(names) // most)])
