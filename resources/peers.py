"""From where a call comes: this machine, or anywhere else."""

from ipaddress import ip_address

from flask import request

from errors import NotFound
from extensions import settings

FORWARDED = ("forwarded", "via", "x-forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")


def refuse_outsiders() -> None:
    """Development pages answer to this machine only, by the peer's address and by the name that was asked for."""
    host = request.host.rsplit(":", 1)[0].strip("[]")
    if not settings().development or not is_on_this_machine() or not (host == "localhost" or is_loopback(host)):
        raise NotFound


def is_on_this_machine() -> bool:
    """A proxy on this machine connects from loopback too, but it says for whom."""
    return is_loopback(peer()) and not any(name.lower().startswith(FORWARDED) for name, _ in request.headers)


def peer() -> str:
    """The address of whoever is connected, whatever proxies say."""
    seen = request.environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR", "")
    return str(seen)


def is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
