"""The Flask extensions, made once and bound by `create_app`; and the settings of the running app."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from flask import Flask, current_app, request
from flask_bcrypt import Bcrypt
from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_mail import Mail

from config import Settings

WITH_PORT = re.compile(r"\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", re.ASCII)
"""An IPv6 address needs brackets for it, and may have them without a port."""


def client_address() -> str:
    """The client's address in its one spelling; `unknown` where a proxy forwarded something else."""
    return _spelt(request.remote_addr or "")[0]


def client_network() -> str:
    """Whom the limits count: an IPv4 address, or an IPv6 /64, since one client may use all of it."""
    return _spelt(request.remote_addr or "")[1]


@lru_cache(maxsize=1024)
def _spelt(text: str) -> tuple[str, str]:
    """The address and its network. Azure's proxies append the port: `203.0.113.1:1001`, `[2001:db8::1]:443`."""
    with_port = WITH_PORT.fullmatch(text)
    try:
        given = ip_address((with_port[1] or with_port[2] if with_port else text).partition("%")[0])
    except ValueError:
        return "unknown", "unknown"
    address = getattr(given, "ipv4_mapped", None) or given
    network = IPv6Address(int(address) >> 64 << 64) if address.version == 6 else address
    return str(address), str(network)


class StorageOfLimits(Limiter):
    """Flask-Limiter for its storages; the check of each call is `services.rate_limits`'."""

    def init_app(self, app: Flask) -> None:
        app.extensions["limiter"] = {self}  # it takes itself for bound already, and so adds no hooks of its own
        super().init_app(app)


jwt = JWTManager()
bcrypt = Bcrypt()
cors = CORS()
mail = Mail()
limiter = StorageOfLimits(key_func=client_network)


def settings() -> Settings:
    """The settings of the running app."""
    found: Settings = current_app.extensions["settings"]
    return found
