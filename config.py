"""Settings: every setting, typed, with its unit, checked, frozen. Knows nothing of Flask.

Each field is one environment variable of the same name in capitals; `.env` is read beneath the environment.
"""

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

ROOT = Path(__file__).resolve().parent
GMAIL = "smtp.gmail.com"
SECRETS = ("secret_key", "wtf_csrf_secret_key", "jwt_secret_key", "password_pepper", "fernet_key")
EMPTY_HAS_MEANING = {"ratelimit_default", "ratelimit_sensitive", "log_file"}
PLACEHOLDER = re.compile(r"change.?me|placeholder|example|your[-_ ]|replace|default|^secret|^password", re.IGNORECASE)
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")


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


Boolean = Annotated[bool, BeforeValidator(_boolean)]
Ring = Annotated[tuple[str, ...], BeforeValidator(_ring), Field(repr=False)]
Seconds = Annotated[int, Field(gt=0)]
WebAddress = Annotated[str, BeforeValidator(_web_address)]


class Settings(BaseModel):
    """All that the environment decides. Descriptions are the meanings that the README's table shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    flask_env: Literal["development", "production"] = Field(
        "production", description="`development`: mailbox instead of SMTP, fresh secrets; else `production`"
    )
    host: str = Field("127.0.0.1", description="where `python app.py` listens")
    port: int = Field(5000, ge=1, le=65535, description="the port it listens on")
    dev_allow_remote: Boolean = Field(False, description="lets development listen on a host that is not loopback")
    service_name: str = Field("Latchkey", min_length=1, description="the name in mails and the password policy")
    web_concurrency: int = Field(1, ge=1, description="production workers; limits are counted in each")
    web_threads: int = Field(8, ge=1, description="threads of a production worker")

    secret_key: Ring = Field((), description="signs the hosted pages' cookie; 32 bytes or more")
    wtf_csrf_secret_key: Ring = Field((), description="signs the hosted pages' forms; 32 bytes or more")
    jwt_secret_key: Ring = Field((), description="signs tokens; a ring: the first signs, all verify")
    password_pepper: Ring = Field((), description="keys the pre-hash of passwords; a ring: the first hashes, all verify")
    fernet_key: Ring = Field((), description="encrypts secrets at rest; a ring of 32 bytes each in URL-safe base64")

    jwt_issuer: str | None = Field(None, description="claim `iss`; `BASE_URL` where not set")
    jwt_audience: str = Field("latchkey", min_length=1, description="claim `aud`")
    jwt_access_token_expires: Seconds = Field(1800, description="life of an access token, seconds")
    jwt_refresh_token_expires: Seconds = Field(86400, description="life of a refresh token, seconds")
    refresh_reuse_seconds: int = Field(
        10, ge=0, le=300, description="grace in which a spent refresh token gives its one successor again"
    )
    inactivity_seconds: int = Field(1200, ge=2, description="a session without a call ends after as many seconds")
    session_max_seconds: Seconds = Field(2592000, description="a session's absolute end, seconds after sign-in")

    sqlalchemy_database_uri: Annotated[str, BeforeValidator(_database)] = Field(
        "sqlite:///user.db", repr=False, description="database; also `postgresql://`, `postgres://`, `mysql://`"
    )
    db_pool_size: int = Field(5, ge=1, description="connections kept open, for each worker")
    db_max_overflow: int = Field(10, ge=0, description="connections above that in a rush")
    db_pool_timeout: Seconds = Field(10, description="wait for a free connection, seconds")
    db_pool_recycle: Seconds = Field(1800, description="age at which a connection is made anew, seconds")
    sqlite_synchronous: Literal["FULL", "NORMAL"] = Field("FULL", description="durability of SQLite")

    base_url: WebAddress | None = Field(
        None, description="the public address; mailed links start with it. Development: `http://127.0.0.1:PORT`"
    )
    frontend_url: WebAddress | None = Field(None, description="the SPA's address; mailed links then point there")
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_origins)] = Field(
        (), description="exact origins that may call, comma-separated; `*` for all"
    )
    trusted_proxies: int = Field(0, ge=0, le=10, description="how many proxies append to `X-Forwarded-For`")

    mail_server: str = Field(GMAIL, min_length=1, description="SMTP host")
    mail_port: int = Field(587, ge=1, le=65535, description="SMTP port")
    mail_use_tls: Boolean = Field(True, description="STARTTLS")
    mail_use_ssl: Boolean = Field(False, description="TLS from the first byte (port 465)")
    mail_username: str | None = Field(None, description="SMTP user name")
    mail_password: str | None = Field(None, repr=False, description="SMTP password (Gmail: an App Password)")
    mail_default_sender: str | None = Field(None, description="sender; `MAIL_USERNAME` where not set")
    mail_timeout: Seconds = Field(20, description="wait for each SMTP answer, seconds")
    mail_ca_file: str | None = Field(None, description="PEM file of authorities for SMTP; else the system's")

    signup_enabled: Boolean = Field(True, description="false: sign-up answers 403 `signup_closed`")
    password_min_length: int = Field(8, ge=8, description="least length of a password, code points")
    password_max_length: int = Field(256, ge=64, le=1024, description="greatest length, code points")
    password_min_strength: int = Field(2, ge=0, le=4, description="least zxcvbn score, 0 to 4")
    bcrypt_log_rounds: int = Field(12, ge=4, le=16, description="cost of a password hash; at least 10 in production")
    confirm_seconds: Seconds = Field(86400, description="life of a confirmation link, seconds")

    unconfirmed_erase_seconds: Seconds = Field(604800, description="pending sign-ups are erased after as many seconds")

    ratelimit_enabled: Boolean = Field(True, description="limits for each client address and route")
    ratelimit_default: str = Field("200 per day;50 per hour", description="limit of every route; empty: none")
    ratelimit_sensitive: str = Field("5 per minute", description="further limit of sensitive routes; empty: none")

    scheduler_enabled: Boolean = Field(True, description="run the jobs (mail, idle sessions, clearing out) in this process")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level that is logged")
    log_file: str = Field("app.log", description="log file beside the console; empty: none")
    log_format: Literal["text", "json"] = Field("text", description="`json`: one object a line")

    @property
    def development(self) -> bool:
        return self.flask_env == "development"

    @property
    def address(self) -> str:
        """The public address, without a trailing slash."""
        return self.base_url or f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return self.jwt_issuer or self.address

    @property
    def sender(self) -> str:
        return self.mail_default_sender or self.mail_username or "latchkey@localhost"

    @property
    def uses_mailbox(self) -> bool:
        """Development without SMTP settings keeps mail on this machine."""
        return self.development and self.mail_server == GMAIL and not self.mail_username


class SettingsRefused(Exception):
    """The environment does not make valid settings; `faults` names each with its cure."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def environment(env_file: Path = ROOT / ".env") -> dict[str, str]:
    """`.env` with the process's environment above it."""
    return {name: value for name, value in dotenv_values(env_file).items() if value is not None} | dict(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Checked settings; raises SettingsRefused with every fault at once."""
    values, faults = _given(environ)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        wrong = {str(fault["loc"][0]): fault["msg"] for fault in error.errors()}
        faults += [f"{name.upper()}: {_plain(message)}. {_cure(name)}" for name, message in wrong.items()]
        settings = Settings.model_validate({name: value for name, value in values.items() if name not in wrong})
    faults += _cross_faults(settings)
    if faults:
        raise SettingsRefused(faults)
    return settings


def _given(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name in Settings.model_fields:
        value = environ.get(name.upper())
        path = environ.get(f"{name.upper()}_FILE")
        if path and (name in SECRETS or name == "mail_password"):
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                faults.append(f"{name.upper()}_FILE: cannot be read. Name a text file that this user may read.")
        if value or (value == "" and name in EMPTY_HAS_MEANING):
            values[name] = value
    return values, faults


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _cure(name: str) -> str:
    return f"It means: {Settings.model_fields[name].description}."


def _cross_faults(settings: Settings) -> list[str]:
    rules = [*_secret_faults(settings), *_mail_faults(settings)]
    loopback = settings.host in ("127.0.0.1", "::1", "localhost")
    if settings.development and not loopback and not settings.dev_allow_remote:
        rules.append("HOST: development listens on loopback only. Set HOST=127.0.0.1, or DEV_ALLOW_REMOTE=true.")
    if settings.mail_use_tls and settings.mail_use_ssl:
        rules.append("MAIL_USE_SSL: excludes MAIL_USE_TLS. Set MAIL_USE_TLS=false for port 465.")
    if not settings.development and not settings.base_url:
        rules.append("BASE_URL: is not set. Set the public address, such as https://auth.example.org.")
    if not settings.development and settings.bcrypt_log_rounds < 10:
        rules.append("BCRYPT_LOG_ROUNDS: is below 10. Leave it at 12.")
    return rules


def _mail_faults(settings: Settings) -> list[str]:
    if settings.development:
        return []
    faults = []
    if settings.mail_server == GMAIL and not settings.mail_username:
        faults.append("MAIL_USERNAME: is needed by the default MAIL_SERVER. Set it, or your own MAIL_SERVER.")
    if not (settings.mail_default_sender or settings.mail_username):
        faults.append("MAIL_DEFAULT_SENDER: no sender. Set the address that mail comes from.")
    return faults


def _secret_faults(settings: Settings) -> list[str]:
    faults: list[str] = []
    seen: set[str] = set()
    for name in SECRETS:
        ring: tuple[str, ...] = getattr(settings, name)
        if problem := _secret_problem(name, ring, seen):
            faults.append(f"{name.upper()}: {problem}. Set it to a fresh one: {recipe(name)}")
        seen.update(ring)
    return faults


def _secret_problem(name: str, ring: tuple[str, ...], seen: set[str]) -> str | None:
    if not ring:
        return "is not set"
    if any(PLACEHOLDER.search(key) for key in ring):
        return "is a placeholder"
    if name == "fernet_key" and not all(is_fernet_key(key) for key in ring):
        return "is not 32 bytes in URL-safe base64"
    if any(len(key.encode()) < 32 or len(set(key)) < 8 for key in ring):
        return "is shorter than 32 bytes, or too regular"
    return "is used twice" if seen.intersection(ring) or len(set(ring)) < len(ring) else None


def recipe(name: str) -> str:
    """A command that prints a fresh value."""
    if name == "fernet_key":
        return 'python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
    return 'python -c "import secrets; print(secrets.token_urlsafe(48))"'


def is_fernet_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False
