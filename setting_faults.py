"""Faults of settings that are each valid by themselves, every one with its cure."""

import base64
import os
import ssl
import stat
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import transport
from config import BREACH_LINE, GMAIL, LONGEST_BREACH_LINE, PLACEHOLDER, SECRETS, Settings

DEFAULT_PASSWORDS = ("postgres", "root", "admin", "mysql", "mariadb", "redis", "foobared", "latchkey", "test", "123456", "toor")
WELL_KNOWN = "/.well-known/openid-configuration"


def found_in(settings: Settings) -> list[str]:
    examined = (
        *(_secret_faults, _mail_faults, _key_faults, _provider_faults, _cookie_faults, _breach_faults),
        *(_metrics_faults, _default_password_faults, _transport_faults, _certificate_faults),
    )
    rules = [fault for faults in examined for fault in faults(settings)]
    loopback = settings.host in ("127.0.0.1", "::1", "localhost")
    if settings.development and not loopback and not settings.dev_allow_remote:
        rules.append("HOST: development listens on loopback only. Set HOST=127.0.0.1, or DEV_ALLOW_REMOTE=true.")
    if settings.mail_use_tls and settings.mail_use_ssl:
        rules.append("MAIL_USE_SSL: excludes MAIL_USE_TLS. Set MAIL_USE_TLS=false for port 465.")
    if not settings.development and not settings.base_url:
        rules.append("BASE_URL: is not set. Set the public address, such as https://auth.example.org.")
    elif not settings.development and not _is_safe(settings.address):
        rules.append("BASE_URL: is plain http, so passwords and tokens travel in the clear. Put a proxy with TLS in front.")
    knows_https = settings.trusted_proxies or settings.tls_cert_file
    if not settings.development and settings.force_https and not (settings.over_https and knows_https):
        cure = "Set BASE_URL, and TRUSTED_PROXIES=1 or TLS_CERT_FILE."
        rules.append(f"FORCE_HTTPS: needs an https BASE_URL, and a proxy that says so or an own certificate. {cure}")
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


def _metrics_faults(settings: Settings) -> list[str]:
    if settings.development or settings.metrics_token is None or len(settings.metrics_token) >= 32:
        return []
    return [f"METRICS_TOKEN: is shorter than 32 characters. Set it to a fresh one: {recipe('metrics_token')}"]


def _certificate_faults(settings: Settings) -> list[str]:
    """Of the service's own. Who asks by plain http gets no answer then, so the public address must say https."""
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if not (certificate or key):
        return []
    if not (certificate and key):
        return [f"TLS_{'KEY' if certificate else 'CERT'}_FILE: is not set. Set TLS_CERT_FILE and TLS_KEY_FILE, or neither."]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=str)
    except (ssl.SSLError, ValueError):
        return [
            "TLS_CERT_FILE: does not fit TLS_KEY_FILE, or one is no PEM. Name the whole chain, and its key without passphrase."
        ]
    except OSError:
        return ["TLS_CERT_FILE: cannot be read, or TLS_KEY_FILE cannot. Let this user read both files."]
    if not settings.development and not settings.over_https:
        return ["BASE_URL: is http, while TLS_CERT_FILE makes the service speak https only. Set it to the https address."]
    return []


def _default_password_faults(settings: Settings) -> list[str]:
    """What every scanner tries first. An empty one may be right: a socket, a file of passwords, a trusted network."""
    if settings.development:
        return []
    addresses = {
        "SQLALCHEMY_DATABASE_URI": settings.sqlalchemy_database_uri,
        "RATELIMIT_STORAGE_URI": settings.ratelimit_storage_uri,
    }
    cure = "Give that user a long random password."
    return [f"{name}: has a default password. {cure}" for name, address in addresses.items() if _is_default_password(address)]


def _is_default_password(address: str) -> bool:
    parts = urlsplit(address)
    asked = dict(parse_qsl(parts.query))  # PostgreSQL's driver takes both from there too
    password = (unquote(parts.password or "") or asked.get("password", "")).lower()
    user = (unquote(parts.username or "") or asked.get("user", "")).lower()
    known = password in DEFAULT_PASSWORDS or password == user
    return bool(password) and (known or bool(PLACEHOLDER.search(password)))


def _transport_faults(settings: Settings) -> list[str]:
    """What somebody on the network between could read or answer."""
    if settings.development:
        return []
    faults = []
    for way in transport.ways(settings):
        plain = " and ".join(host for host in way.hosts if host not in settings.plaintext_hosts)
        if plain and not way.is_encrypted:
            cure = f"{way.cure}, or name {plain} in PLAINTEXT_HOSTS if that network is yours alone."
            faults.append(f"{way.setting}: does not ask {plain} by TLS. {cure}")
    for trap in transport.traps(settings)[:1]:
        cure = "Name ssl_ca=FILE alone: by it certificate and name are checked."
        faults.append(f"{transport.DATABASE}: {trap} makes the driver forget ssl_ca. {cure}")
    return faults


def _breach_faults(settings: Settings) -> list[str]:
    faults = []
    if settings.password_breach_file and (problem := _breach_file_problem(settings.password_breach_file)):
        faults.append(f"PASSWORD_BREACH_FILE: {problem}. Name the sorted file of the Have I Been Pwned download, or none.")
    if settings.password_breach_url and not _is_safe(settings.password_breach_url):
        faults.append("PASSWORD_BREACH_URL: is not https, so the answer could be anybody's. Use the service's https address.")
    return faults


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
    faults = _sender_faults(settings)
    if settings.development:
        return faults
    if settings.mail_server == GMAIL and not settings.mail_username:
        faults.append("MAIL_USERNAME: is needed by the default MAIL_SERVER. Set it, or your own MAIL_SERVER.")
    if not (settings.mail_default_sender or settings.mail_username):
        faults.append("MAIL_DEFAULT_SENDER: no sender. Set the address that mail comes from.")
    return faults


def _sender_faults(settings: Settings) -> list[str]:
    try:
        _ = settings.sender
    except ValueError:
        why = "is not one address" if settings.mail_default_sender else "is not set, and MAIL_USERNAME is not an address"
        return [f"MAIL_DEFAULT_SENDER: {why}. Set the one address that mail comes from, such as Acme <no-reply@example.org>."]
    return []


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


def prefix_of(name: str) -> str:
    """What the names of a provider's settings begin with."""
    return "GOOGLE" if name == "google" else f"OIDC_{name.upper()}"


def _provider_faults(settings: Settings) -> list[str]:
    """A document that came over plain http could name anybody's keys."""
    faults = []
    for provider in settings.oidc.values():
        name = f"{prefix_of(provider.name)}_DISCOVERY_URL"
        if not _is_safe(provider.discovery_url):
            faults.append(f"{name}: is not https. Use the provider's https address.")
        elif not provider.discovery_url.endswith(WELL_KNOWN):
            faults.append(f"{name}: is no discovery document. Its address ends with {WELL_KNOWN} everywhere.")
        elif not settings.may_ask(host := urlsplit(provider.discovery_url).hostname or ""):
            faults.append(f"OUTBOUND_HOSTS: lacks the host of {name}. Add {host}, and the hosts that its document names.")
    trusted = dict.fromkeys(pair.partition(":")[0] for pair in settings.oidc_trusted_for)
    if strange := [provider for provider in trusted if provider not in settings.oidc_providers]:
        faults.append(f"OIDC_TRUSTED_FOR: no such provider: {' and '.join(strange)}. Name those of OIDC_PROVIDERS.")
    return faults


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost")
