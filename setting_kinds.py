"""The kinds of values that settings have, each read from the text of an environment variable."""

import re
from email.utils import quote
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import BeforeValidator, Field

import hosts

IPV6 = re.compile(r"[0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]*")
HEADER = re.compile(r"[A-Za-z0-9-]+")
COOKIE_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
APP_SCHEMES = ("capacitor", "ionic", "tauri")
"""Pages of apps that are packed with their own web view; each has the one origin SCHEME://localhost."""

NAMED = re.compile(r'("(?:[^"\\]|\\.)*+" *+|[^"<>@]*+)<([^<>]*)>')
"""A display name, quoted or not, and an address (RFC 5322 §3.4). Without quotes it may have a comma, as people write it."""
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([^\s@,;]+)")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ONE_LIMIT = r"\s*+0*+[1-9][0-9]{0,9}\s*+(?:/|per)\s*+(?:[1-9][0-9]{0,3}\s*+)?(?:second|minute|hour|day|month|year)s?\s*+"
LIMITS = re.compile(rf"{ONE_LIMIT}(?:[,;|]{ONE_LIMIT})*", re.IGNORECASE)
"""What the package `limits` reads, which takes 7 MiB, too much for the master of the workers; but no limit of nothing."""


class Sender(NamedTuple):
    """Whom mail comes from; the address is in ASCII."""

    name: str
    address: str

    def __str__(self) -> str:
        """The name in quotes, so that nothing in it means anything."""
        return f'"{quote(self.name)}" <{self.address}>' if self.name else self.address


def sender(text: str) -> Sender:
    """The one mailbox that the text names. Raises ValueError where it names none, or several."""
    named = NAMED.fullmatch(text.strip())
    name, address = (part.strip() for part in named.groups()) if named else ("", text.strip())
    found = ADDRESS.fullmatch(address)
    if found is None or CONTROL.search(text):
        raise ValueError("must be one address such as no-reply@example.org, or Acme <no-reply@example.org>")
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Sender(name, address.removesuffix(found[1]) + hosts.ascii_host(found[1]))


def _host(value: object) -> object:
    return hosts.ascii_host(value) if isinstance(value, str) else value


def _hosts(value: object) -> object:
    """As addresses spell them; IPv6 without brackets."""
    parts = _ring(value)
    if not isinstance(parts, tuple):
        return parts
    found = tuple(hosts.ascii_host(part).lower().strip("[]") for part in parts)
    if not all(hosts.HOST.fullmatch(host) or IPV6.fullmatch(host) for host in found):
        raise ValueError("must be host names such as db.internal,redis, without scheme and port")
    return found


def _boolean(value: object) -> object:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, str):
        if value.lower() not in words:
            raise ValueError("must be one of true, false, 1, 0, yes, no")
        return words[value.lower()]
    return value


def _ring(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _origins(value: object) -> object:
    parts = _ring(value)
    if not isinstance(parts, tuple):
        return parts
    try:
        return tuple("*" if part == "*" else _origin(part) for part in parts)
    except ValueError as error:
        raise ValueError("must be origins such as https://app.example.org, comma-separated, without a path") from error


def _origin(text: str) -> str:
    """One origin as browsers send it; raises ValueError where it is none, or has a path."""
    found = hosts.origin_of(text) if hosts.ORIGIN.fullmatch(text) else ""
    scheme, _, rest = found.partition("://")
    if scheme not in hosts.DEFAULT_PORTS and not (scheme in APP_SCHEMES and rest == "localhost"):
        raise ValueError
    return found


def _outbound_hosts(value: object) -> object:
    """Each as a connection names it: lower case, IDNA 2008."""
    parts = _ring(value)
    if not isinstance(parts, tuple):
        return parts
    try:
        return tuple(map(hosts.outbound, parts))
    except ValueError as error:
        raise ValueError("must be hosts such as id.example.org, or *.example.org, comma-separated: no URL, no port") from error


def _headers(value: object) -> object:
    parts = _ring(value)
    if isinstance(parts, tuple) and not all(HEADER.fullmatch(part) for part in parts):
        raise ValueError("must be names of request headers such as X-Client-Version, comma-separated")
    return parts


def _cookie_prefix(value: object) -> object:
    """A browser holds names that begin with `__` to rules of their own (RFC 6265bis §4.1.3)."""
    if isinstance(value, str) and (value.startswith("__") or not COOKIE_PREFIX.fullmatch(value)):
        raise ValueError("must be 1 to 32 letters, digits, hyphens or underscores, such as shop, and must not begin with __")
    return value


def _web_address(value: object) -> object:
    if isinstance(value, str):
        parts = urlsplit(value)
        if parts.scheme not in hosts.DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address such as https://auth.example.org")
        try:
            hosts.origin_of(value)
        except ValueError as error:
            raise ValueError("has a host or port that no browser can reach") from error
        return value.rstrip("/")
    return value


def _page_address(value: object) -> object:
    """Pages are compared with what browsers send, so the origin has its one form."""
    found = _web_address(value)
    return f"{hosts.origin_of(found)}{urlsplit(found).path}" if isinstance(found, str) else found


def _database(value: object) -> object:
    """Plain names mean the drivers that are installed: psycopg 3 and PyMySQL."""
    if isinstance(value, str):
        value = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)
        value = re.sub(r"^(mysql|mariadb)://", "mysql+pymysql://", value)
        kind, _, rest = value.partition("://")
        if kind not in ("sqlite", "postgresql+psycopg", "mysql+pymysql") or (kind == "sqlite" and not re.match("/[^?]", rest)):
            raise ValueError("must begin with sqlite:///, postgresql:// or mysql://, and name a database")
        if kind != "sqlite":
            _check_place(rest)
    return value


def _check_place(rest: str) -> None:
    """SQLAlchemy would take all behind the first `@` for the host, a part of the password with it, and show that."""
    if rest.partition("?")[0].count("@") > 1:
        raise ValueError("has more than one @: write one in the password as %40")
    place = re.split("[/?]", rest.rpartition("@")[2])[0].rpartition("]")[2]
    _, colon, port = place.partition(":")
    if colon and not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("has a port that is none")


def _limits(value: object) -> object:
    if isinstance(value, str) and value and not LIMITS.fullmatch(value):
        raise ValueError(
            "must be limits such as 200 per day;50 per hour, or 5 per 10 minutes: at least 1 in so many seconds, minutes, "
            "hours, days, months or years; empty for none"
        )
    return value


def _limit_storage(value: object) -> object:
    """The message does not repeat the value: it may hold a password."""
    if isinstance(value, str) and value != "memory://" and not _names_redis(value):
        raise ValueError("must be memory://, redis://host:6379/0 or rediss://host:6379/0")
    return value


def _names_redis(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _names(value: object) -> object:
    parts = _ring(value)
    # `exchange` and `link` are paths of ours beneath /auth.
    if isinstance(parts, tuple) and not all(re.fullmatch(r"(?!(?:exchange|link)$)[a-z][a-z0-9]{0,30}", part) for part in parts):
        raise ValueError("must be lower-case names such as google,example; exchange and link are none")
    return parts


def _trusted_for(value: object) -> object:
    """Each domain in the form that addresses are compared by."""
    parts = _ring(value)
    return tuple(map(_trusted, parts)) if isinstance(parts, tuple) and isinstance(value, str) else parts


def _trusted(pair: str) -> str:
    provider, _, domain = pair.partition(":")
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False).ascii_domain
    except EmailNotValidError:
        found = ""
    if not found or not re.fullmatch(r"[a-z][a-z0-9]{0,30}", provider):
        raise ValueError("must be pairs of a provider and a domain, such as google:gmail.com, comma-separated")
    return f"{provider}:{found.lower()}"


def _prompt(value: object) -> object:
    """`none` would sign people in without asking them."""
    if isinstance(value, str) and not {*value.split()} <= {"login", "consent", "select_account"}:
        raise ValueError("must be empty, or of the words login, consent, select_account")
    return value


def _locations(value: object) -> object:
    """One spelling for both orders."""
    parts = _ring(value)
    return ",".join(sorted(set(parts), reverse=True)) if isinstance(parts, tuple) else value


CENTURY = 100 * 365 * 86400
"""Seconds. What is longer leaves the calendar: no moment is so far ahead, or so long ago."""
Boolean = Annotated[bool, BeforeValidator(_boolean)]
CookiePrefix = Annotated[str, BeforeValidator(_cookie_prefix)]
Database = Annotated[str, BeforeValidator(_database), Field(repr=False)]
Headers = Annotated[tuple[str, ...], BeforeValidator(_headers)]
Host = Annotated[str, Field(min_length=1), BeforeValidator(_host)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]
Limits = Annotated[str, BeforeValidator(_limits)]
LimitStorage = Annotated[str, BeforeValidator(_limit_storage), Field(repr=False)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
OutboundHosts = Annotated[tuple[str, ...], BeforeValidator(_outbound_hosts)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_origins)]
PageAddress = Annotated[str, BeforeValidator(_page_address)]
Prompt = Annotated[str, BeforeValidator(_prompt)]
Paths = Annotated[tuple[str, ...], BeforeValidator(_ring)]
Ring = Annotated[tuple[str, ...], BeforeValidator(_ring), Field(repr=False)]
Seconds = Annotated[int, Field(gt=0, le=CENTURY)]
TokenLocation = Annotated[Literal["headers", "cookies", "headers,cookies"], BeforeValidator(_locations)]
TrustedFor = Annotated[tuple[str, ...], BeforeValidator(_trusted_for)]
WebAddress = Annotated[str, BeforeValidator(_web_address)]
