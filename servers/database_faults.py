"""Why a database lets nobody in, in one line with the cure. Never shows a password, nor the address as it was written."""

import re
import sqlite3
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

SETTING = "SQLALCHEMY_DATABASE_URI"
MARIADB = {
    1044: "database",
    1045: "login",
    1049: "database",
    1130: "client",
    1142: "rights",
    1227: "rights",
    1698: "login",
}
POSTGRESQL = {
    r"password authentication failed|no password supplied|role .* does not exist|authentication failed": "login",
    r"database .* does not exist": "database",
    r"no pg_hba\.conf entry": "client",
    r"permission denied": "rights",
    r"invalid .*value|invalid (connection|URI)|missing \"=\"": "options",
}
TLS = r"does not support SSL|SSL error|certificate|SSL connection is required"
SQLITE = {sqlite3.SQLITE_CANTOPEN: "file", sqlite3.SQLITE_READONLY: "file", sqlite3.SQLITE_NOTADB: "no database"}
ADVICE = {
    "login": f"refuses the user {{user}}: check user name and password in {SETTING}, where % is written %25 and @ %40",
    "database": f"has no database {{name}} for the user {{user}}: create it, or correct its name in {SETTING}",
    "client": "does not take connections from this machine: allow them there (pg_hba.conf, or GRANT … TO 'user'@'host')",
    "rights": "does not let the user {user} make tables: grant the right (PostgreSQL: GRANT CREATE ON SCHEMA public TO …)",
    "options": f"cannot be asked: an option after ? in {SETTING} is not known or has a wrong value",
    "tls": f"and this service do not agree on TLS: check the options after ? in {SETTING}, and the server's certificate",
    "file": "file cannot be opened or written: give this user the right to write {name} and its folder",
    "no folder": f"has no folder {{folder}}: create it, or correct {SETTING} (four slashes for an absolute path)",
    "no database": f"file {{name}} is no SQLite database: name another one in {SETTING}",
}
AWAY = {
    r"resolve host|Name or service not known|nodename nor servname|Temporary failure in name": "its name is unknown",
    r"[Rr]efused": "nothing listens there",
    r"time.?d? ?out": "no answer in time",
}


def refusal(error: Exception, url: URL) -> str | None:
    """What keeps everybody out, however long one waits; None for anything else."""
    kind = _kind(error, url)
    if kind is None:
        return None
    place = Path(url.database or "")
    about = ADVICE[kind].format(user=url.username or "(none)", name=url.database or "(none)", folder=place.parent)
    return f"the database {'' if url.get_backend_name() == 'sqlite' else f'at {_where(url)} '}{about}."


def absence(error: Exception, url: URL) -> str:
    """What is known of a database that does not answer."""
    text = _said(error)
    why = next(
        (why for pattern, why in AWAY.items() if re.search(pattern, text)), text.replace(url.password or "\0", "…")[:200]
    )
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database} does not answer ({why}): does another program hold it, or is the disk full?"
    return f"the database does not answer at {_where(url)} ({why}): is it running, and are host and port in {SETTING} right?"


def _kind(error: Exception, url: URL) -> str | None:
    if isinstance(error, TypeError) and "unexpected keyword argument" in str(error):
        return "options"  # PyMySQL's connect takes what stands after `?`
    if isinstance(error, FileNotFoundError) and url.get_backend_name() == "sqlite":
        return "no folder"
    if not isinstance(error, DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        kind = SQLITE.get(error.orig.sqlite_errorcode & 0xFF)
        return "no folder" if kind == "file" and not Path(url.database or "").parent.is_dir() else kind
    if isinstance(number := (getattr(error.orig, "args", None) or [None])[0], int):
        return MARIADB.get(number) or ("tls" if re.search(TLS, _said(error)) else None)
    found = (kind for pattern, kind in {TLS: "tls", **POSTGRESQL}.items() if re.search(pattern, _said(error)))
    return next(found, None)


def _where(url: URL) -> str:
    return f"{url.host or 'its socket'}{f':{url.port}' if url.port else ''}"


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())
