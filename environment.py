"""Settings from the environment: `.env` beneath it, every fault listed at once with its cure."""

import base64
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import ValidationError

from config import BREACH_LINE, GMAIL, LONGEST_BREACH_LINE, PLACEHOLDER, ROOT, SECRETS, Provider, Settings

ALIASES = {"google_discovery_url": "SERVER_METADATA_URL"}
WELL_KNOWN = "/.well-known/openid-configuration"
PARTS = ("client_id", "client_secret", "discovery_url")
EMPTY_HAS_MEANING = {"ratelimit_default", "ratelimit_sensitive", "log_file"}


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
    providers, more = _providers(environ, settings)
    settings = settings.model_copy(update={"oidc": providers})
    faults += [fault for fault in more if fault not in faults]
    told = {fault.partition(":")[0] for fault in faults}
    faults += [fault for fault in _cross_faults(settings) if fault.partition(":")[0] not in told]
    if faults:
        raise SettingsRefused(faults)
    return settings


def _given(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, field in Settings.model_fields.items():
        if field.exclude:
            continue
        value = environ.get(name.upper(), environ.get(ALIASES.get(name, "")))
        if name in SECRETS or name in ("mail_password", "google_client_secret"):
            value, fault = _secret(environ, name.upper())
            faults += fault
        if value or (value == "" and name in EMPTY_HAS_MEANING):
            values[name] = value
    return values, faults


def _secret(environ: Mapping[str, str], name: str) -> tuple[str | None, list[str]]:
    """A secret from the environment, or from the file that NAME_FILE names."""
    if not (path := environ.get(f"{name}_FILE")):
        return environ.get(name), []
    try:
        return Path(path).read_text(encoding="utf-8").strip(), []
    except (OSError, UnicodeDecodeError):
        return None, [f"{name}_FILE: cannot be read. Name a text file that this user may read."]


def _providers(environ: Mapping[str, str], settings: Settings) -> tuple[dict[str, Provider], list[str]]:
    """The OpenID providers that are configured. Google may be named without being configured; the others may not."""
    found: dict[str, Provider] = {}
    faults: list[str] = []
    for name in settings.oidc_providers:
        prefix = _prefix(name)
        secret, unread = _secret(environ, f"{prefix}_CLIENT_SECRET")
        given = (environ.get(f"{prefix}_CLIENT_ID"), secret, environ.get(f"{prefix}_DISCOVERY_URL"))
        if name == "google":
            given = (settings.google_client_id, settings.google_client_secret, settings.google_discovery_url)
            if not settings.google_client_id:
                continue
        try:
            found[name] = Provider.model_validate(dict(zip(PARTS, given, strict=True)) | {"name": name})
        except ValidationError as error:
            parts = [str(item["loc"][0]) for item in error.errors()]
            wrong = [part for part in parts if part != "client_secret" or not unread]
            faults += [f"{prefix}_{part.upper()}: is not set, or not valid. The provider's console shows it." for part in wrong]
        faults += unread
    return found, faults


def _prefix(name: str) -> str:
    """What the names of a provider's settings begin with."""
    return "GOOGLE" if name == "google" else f"OIDC_{name.upper()}"


def _provider_faults(settings: Settings) -> list[str]:
    """A document that came over plain http could name anybody's keys."""
    faults = []
    for provider in settings.oidc.values():
        name = f"{_prefix(provider.name)}_DISCOVERY_URL"
        if not _is_safe(provider.discovery_url):
            faults.append(f"{name}: is not https. Use the provider's https address.")
        elif not provider.discovery_url.endswith(WELL_KNOWN):
            faults.append(f"{name}: is no discovery document. Its address ends with {WELL_KNOWN} everywhere.")
    return faults


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost")


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _cure(name: str) -> str:
    return f"It means: {Settings.model_fields[name].description}."


def _cross_faults(settings: Settings) -> list[str]:
    examined = (_secret_faults, _mail_faults, _key_faults, _provider_faults, _cookie_faults, _breach_file_faults)
    rules = [fault for faults in examined for fault in faults(settings)]
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


def _key_faults(settings: Settings) -> list[str]:
    cure = "Make one with `flask keys new`, and name its file."
    if settings.jwt_algorithm == "HS256":
        return []
    missing = [path for path in settings.jwt_private_keys if not Path(path).is_file()]
    faults = [f"JWT_PRIVATE_KEYS: {path} is not a file. {cure}" for path in missing]
    return faults if settings.jwt_private_keys else [f"JWT_PRIVATE_KEYS: is not set. {cure}"]


def _cookie_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.takes_cookies and "*" in settings.cors_origins:
        faults.append("CORS_ORIGINS: * would let every page use the cookies. Name the origins, or leave cookies out.")
    if settings.jwt_cookie_samesite == "None" and not settings.over_https:
        faults.append("JWT_COOKIE_SAMESITE: None needs an https address. Set BASE_URL to one, or use Lax.")
    return faults


def _breach_file_faults(settings: Settings) -> list[str]:
    if settings.password_breach_file and (problem := _breach_file_problem(settings.password_breach_file)):
        return [f"PASSWORD_BREACH_FILE: {problem}. Name the sorted file of the Have I Been Pwned download, or none."]
    return []


def _breach_file_problem(path: str) -> str | None:
    """Only both ends are read: the file may have 40 GB."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before it is opened: a pipe would be waited for
            return "is not a regular file"
        with open(path, "rb") as file:
            first = file.readline(LONGEST_BREACH_LINE)
            file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_BREACH_LINE))
            last = file.read().splitlines(keepends=True)[-1:]
    except OSError:
        return "cannot be read"
    if not last or not all(BREACH_LINE.fullmatch(line) for line in (first, *last)):
        return "does not begin and end with a SHA-1 hash in hex"
    return "is not sorted" if first[:40].upper() > last[0][:40].upper() else None


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
