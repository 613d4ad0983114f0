"""The Flask extensions, made once and bound by `create_app`; and the settings of the running app."""

from ipaddress import IPv6Address, ip_address

from apscheduler.schedulers.background import BackgroundScheduler
from flask import current_app, request
from flask_bcrypt import Bcrypt
from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_mail import Mail
from flask_migrate import Migrate

from config import Settings


def client_address() -> str:
    """The client's address in its one spelling; `unknown` where a proxy forwarded something else."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    return str(getattr(address, "ipv4_mapped", None) or address)


def client_network() -> str:
    """Whom the limits count: an IPv4 address, or an IPv6 /64, since one client may use all of it."""
    address = client_address()
    return str(IPv6Address(int(IPv6Address(address)) >> 64 << 64)) if ":" in address else address


jwt = JWTManager()
bcrypt = Bcrypt()
cors = CORS()
mail = Mail()
migrate = Migrate()
limiter = Limiter(key_func=client_network, headers_enabled=True)


def new_scheduler() -> BackgroundScheduler:
    """One for each process: it must start after a fork, and a stopped one cannot start again."""
    return BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": 60})


def settings() -> Settings:
    """The settings of the running app."""
    found: Settings = current_app.extensions["settings"]
    return found
