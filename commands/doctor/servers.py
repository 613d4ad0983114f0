"""The way to the database and to Redis: encrypted and guarded by a password where it leaves this machine."""

from urllib.parse import parse_qs, urlsplit

from commands.doctor.findings import Finding, Findings, ok, warning
from commands.doctor.web import is_here
from extensions import settings

VERIFYING = ("verify-ca", "verify-full")
MARIADB_TLS = ("ssl_ca", "ssl_verify_cert")


def examined() -> Findings:
    database, redis = settings().sqlalchemy_database_uri, settings().ratelimit_storage_uri
    found = _database(database) + (_redis(redis) if redis.startswith("redis") else [])
    yield from found or [ok("servers", "the ways to database and Redis stay on this machine, or are encrypted and guarded")]


def _database(address: str) -> list[Finding]:
    parts = urlsplit(address)
    asked = parse_qs(parts.query)
    if parts.scheme.startswith("sqlite") or _is_local(parts.hostname, asked):
        return []
    found = []
    if parts.scheme.startswith("postgresql") and asked.get("sslmode", [""])[-1] not in VERIFYING:
        found.append(_plain("SQLALCHEMY_DATABASE_URI", "sslmode=verify-full and sslrootcert=FILE"))
    if parts.scheme.startswith("mysql") and not any(name in asked for name in MARIADB_TLS):
        found.append(_plain("SQLALCHEMY_DATABASE_URI", "ssl_ca=FILE"))
    return found + _unguarded("SQLALCHEMY_DATABASE_URI", parts.password)


def _redis(address: str) -> list[Finding]:
    parts = urlsplit(address)
    if is_here(address):
        return []
    plain = [] if parts.scheme == "rediss" else [_plain("RATELIMIT_STORAGE_URI", "rediss://")]
    return plain + _unguarded("RATELIMIT_STORAGE_URI", parts.password)


def _is_local(host: str | None, asked: dict[str, list[str]]) -> bool:
    """Loopback, or a socket in the file system."""
    socket = asked.get("host", asked.get("unix_socket", [""]))[-1]
    return socket.startswith("/") or not (host or socket) or is_here(f"//{host or socket}")


def _plain(name: str, cure: str) -> Finding:
    return warning(
        "servers", f"the way to the server of {name} is not encrypted, or its certificate not checked", f"Use {cure}."
    )


def _unguarded(name: str, password: str | None) -> list[Finding]:
    return [] if password else [warning("servers", f"{name} has no password", "Give that user a long random one.")]
