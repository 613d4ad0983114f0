"""How the database, Redis and the mail server are asked: at which other hosts, encrypted or not, verified or not."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from config import Settings

DATABASE, REDIS, MAIL = "SQLALCHEMY_DATABASE_URI", "RATELIMIT_STORAGE_URI", "MAIL_USE_TLS"
POSTGRESQL_VERIFYING = ("verify-ca", "verify-full")
MARIADB_TLS = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_cipher", "ssl_check_hostname")
MARIADB_TRAPS = ("ssl_verify_cert", "ssl_verify_identity")
"""With either PyMySQL forgets `ssl_ca`, and without that it checks no name."""
ADDRESS = re.compile(
    r"[\w+]+://(?:[^:/]*(?::(?P<password>[^@]*))?@)?(?:\[(?P<ipv6>[^/?]+)\]|(?P<host>[^/:?]+))?(?::\d*)?(?:/[^?]*)?(?:\?(?P<query>.*))?"
)
"""As SQLAlchemy reads it: a password may hold `/` and `?`."""
NO = ("false", "no", "off", "n", "f", "0")


@dataclass(frozen=True)
class Way:
    """To one server. `hosts`: those on other machines, none where it is on this one. `cure`: what encrypts and verifies it."""

    setting: str
    hosts: tuple[str, ...]
    is_encrypted: bool
    is_verified: bool
    has_password: bool
    cure: str


def ways(settings: Settings) -> list[Way]:
    """Those that leave this machine, whichever hosts they lead to."""
    found = (_database(settings.sqlalchemy_database_uri), _redis(settings.ratelimit_storage_uri), _mail(settings))
    return [way for way in found if way and way.hosts]


def traps(settings: Settings) -> list[str]:
    """The options in the database's address by which less is verified than it seems."""
    parts = ADDRESS.match(settings.sqlalchemy_database_uri)
    return [name for name in MARIADB_TRAPS if parts and name in parse_qs(parts["query"] or "")]


def is_this_machine(host: str) -> bool:
    """Loopback, or a socket in the file system or in Linux's abstract names."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost") or host[0] in "/@"


def _database(address: str) -> Way | None:
    parts = ADDRESS.match(address)
    query = parse_qs((parts and parts["query"]) or "")
    asked = {name: values[-1] for name, values in query.items()}
    if parts and address.startswith("postgresql"):
        mode = "verify-full" if asked.get("sslrootcert") == "system" else asked.get("sslmode", "prefer")
        verified, cure = mode in POSTGRESQL_VERIFYING, "sslmode=verify-full and sslrootcert=FILE"
        encrypted = verified or mode == "require"
    elif parts and address.startswith("mysql"):
        encrypted = any(name in asked for name in MARIADB_TLS) and "ssl_disabled" not in asked
        named = asked.get("ssl_check_hostname", "true").lower() not in NO
        verified, cure = encrypted and named and ("ssl_ca" in asked or "ssl_capath" in asked), "ssl_ca=FILE"
    else:
        return None
    hosts = _database_hosts(parts["ipv6"] or parts["host"] or "", query)
    return Way(DATABASE, _away(hosts), encrypted, verified, bool(parts["password"]), f"Use {cure}")


def _database_hosts(named: str, asked: dict[str, list[str]]) -> list[str]:
    """What stands behind `?` counts more. PostgreSQL may have several, each with a port."""
    if asked.get("unix_socket"):
        return []
    given = [host for name in ("hostaddr", "host") for value in asked.get(name, ()) for host in value.split(",") if host]
    return [_without_port(host) for host in given] or [named]


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.strip("[]") if colon and port.isdigit() and (":" not in name or name.startswith("[")) else host


def _redis(address: str) -> Way | None:
    parts = urlsplit(address)
    if parts.scheme not in ("redis", "rediss"):
        return None
    asked, encrypted = parse_qs(parts.query), parts.scheme == "rediss"
    verified = encrypted and asked.get("ssl_cert_reqs", ["required"])[-1] == "required"
    verified &= asked.get("ssl_check_hostname", ["true"])[-1].lower() not in NO
    return Way(REDIS, _away([parts.hostname or ""]), encrypted, verified, bool(parts.password), "Use rediss://")


def _mail(settings: Settings) -> Way | None:
    """Certificates are always checked where there is TLS. Mail without a login has a finding of its own."""
    encrypted = settings.mail_use_tls or settings.mail_use_ssl
    away = () if settings.uses_mailbox else _away([settings.mail_server])
    return Way(MAIL, away, encrypted, encrypted, True, "Set it to true, or MAIL_USE_SSL for port 465")


def _away(hosts: list[str]) -> tuple[str, ...]:
    return tuple(host.lower() for host in hosts if not is_this_machine(host.lower()))
