"""The kinds of values that settings have, each read from the text of an environment variable."""

import re
from email.utils import quote
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import BeforeValidator, Field

ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")

NAMED = re.compile(r'("(?:[^"\\]|\\.)*"|[^"<>@]*) *<([^<>]*)>')
"""A display name, quoted or not, and an address (RFC 5322 §3.4). Without quotes it may have a comma, as people write it."""
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([^\s@,;]+)")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
    return Sender(name, address.removesuffix(found[1]) + _ascii_host(found[1]))


def _ascii_host(host: str) -> str:
    """By IDNA 2008. Python's own codec knows IDNA 2003 only, by which straße.de is strasse.de."""
    if host.isascii():
        return host
    try:
        return str(validate_email(f"postmaster@{host}", check_deliverability=False, globally_deliverable=False).ascii_domain)
    except EmailNotValidError as error:
        raise ValueError("must be a host such as mail.example.org") from error


def _host(value: object) -> object:
    return _ascii_host(value) if isinstance(value, str) else value


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
    if isinstance(parts, tuple) and any(part != "*" and not ORIGIN.fullmatch(part) for part in parts):
        raise ValueError("must be origins such as https://app.example.org, comma-separated, without a path")
    return parts


def _web_address(value: object) -> object:
    if isinstance(value, str):
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address such as https://auth.example.org")
        return value.rstrip("/")
    return value


def _database(value: object) -> object:
    """Plain names mean the drivers that are installed: psycopg 3 and PyMySQL."""
    if isinstance(value, str):
        value = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)
        value = re.sub(r"^(mysql|mariadb)://", "mysql+pymysql://", value)
        if not re.match(r"(sqlite|postgresql\+psycopg|mysql\+pymysql)://", value):
            raise ValueError("must begin with sqlite:///, postgresql:// or mysql://")
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


Boolean = Annotated[bool, BeforeValidator(_boolean)]
Database = Annotated[str, BeforeValidator(_database), Field(repr=False)]
Host = Annotated[str, Field(min_length=1), BeforeValidator(_host)]
LimitStorage = Annotated[str, BeforeValidator(_limit_storage), Field(repr=False)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_origins)]
Prompt = Annotated[str, BeforeValidator(_prompt)]
Paths = Annotated[tuple[str, ...], BeforeValidator(_ring)]
Ring = Annotated[tuple[str, ...], BeforeValidator(_ring), Field(repr=False)]
Seconds = Annotated[int, Field(gt=0)]
TokenLocation = Annotated[Literal["headers", "cookies", "headers,cookies"], BeforeValidator(_locations)]
TrustedFor = Annotated[tuple[str, ...], BeforeValidator(_trusted_for)]
WebAddress = Annotated[str, BeforeValidator(_web_address)]
