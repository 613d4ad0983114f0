"""Hosts in the one form in which browsers and connections name them: lower case, IDNA 2008."""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

import idna
from email_validator import EmailNotValidError, validate_email

ORIGIN = re.compile(r"[A-Za-z]+://[^\s/?#@%\\]+")
HOST = re.compile(r"[a-z0-9._-]+")
DEFAULT_PORTS = {"http": 80, "https": 443}


def ascii_host(host: str) -> str:
    """By IDNA 2008. Python's own codec knows IDNA 2003 only, by which straße.de is strasse.de."""
    if host.isascii():
        return host
    try:
        return str(validate_email(f"postmaster@{host}", check_deliverability=False, globally_deliverable=False).ascii_domain)
    except EmailNotValidError as error:
        raise ValueError("must be a host such as mail.example.org") from error


def origin_of(address: str) -> str:
    """An address's origin as browsers send it: lower case, IDNA 2008, no default port (RFC 6454 §6.2, UTS #46).

    Raises ValueError for a host that has no such form.
    """
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port
    if ":" in host:
        host = f"[{IPv6Address(host)}]"
    elif not host.isascii():
        host = idna.encode(host, uts46=True).decode()
    elif not HOST.fullmatch(host):
        raise ValueError("no host name")
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, DEFAULT_PORTS.get(parts.scheme)) else "")


def outbound(text: str) -> str:
    """An entry of OUTBOUND_HOSTS as connections name hosts. Raises ValueError where it is none, or a whole top-level domain."""
    subdomains = text.startswith("*.")
    host = text.removeprefix("*.")
    if ":" in host:
        return str(IPv6Address("" if subdomains else host))
    found = origin_of(f"https://{host}").removeprefix("https://") if ORIGIN.fullmatch(f"https://{host}") else ""
    if not found.strip(".") or found != found.strip(".") or (subdomains and "." not in found):
        raise ValueError
    return f"*.{found}" if subdomains else found


def is_listed(host: str, listed: tuple[str, ...]) -> bool:
    """Whether a host is among these, as `outbound` returns them. `*.` stands for one label or more."""
    plain = host.lower().strip("[]").rstrip(".")
    return any(plain.endswith(one[1:]) if one.startswith("*.") else plain == one for one in listed)
