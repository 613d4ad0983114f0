"""Settings: every setting, typed, with its unit, checked, frozen. Knows nothing of Flask.

Each field is one environment variable of the same name in capitals; `environment.py` reads them.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

import hosts
from machine import processors
from setting_kinds import (
    CENTURY,
    Boolean,
    CookiePrefix,
    Database,
    Headers,
    Host,
    Hosts,
    Limits,
    LimitStorage,
    Names,
    Origins,
    OutboundHosts,
    PageAddress,
    Paths,
    Prompt,
    Ring,
    Seconds,
    Sender,
    TokenLocation,
    TrustedFor,
    WebAddress,
    sender,
)

ROOT = Path(__file__).resolve().parent
GMAIL = "smtp.gmail.com"
GOOGLE = "https://accounts.google.com/.well-known/openid-configuration"
SECRETS = ("secret_key", "wtf_csrf_secret_key", "jwt_secret_key", "password_pepper", "fernet_key")
PLACEHOLDER = re.compile(r"change.?me|placeholder|example|your[-_ ]|replace|default|^secret|^password", re.IGNORECASE)
BREACH_LINE = re.compile(rb"[0-9A-Fa-f]{40}(:[0-9]{1,20})?(\r?\n)?")
LONGEST_BREACH_LINE = 64


class Provider(BaseModel):
    """An OpenID provider that people may sign in with. `discovery_url`: of its OpenID Connect Discovery 1.0 document."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1, repr=False)
    discovery_url: WebAddress
    prompt: Prompt = "select_account"


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
    server: Literal["gunicorn", "granian"] = Field(
        "gunicorn", description="production server; `granian` is faster, and to be had behind a proxy only"
    )
    web_concurrency: int | None = Field(
        None, ge=1, description="production workers; else 1 with `memory://` limits, or one for each processor, 8 at most"
    )
    hashing_concurrency: int | None = Field(
        None, ge=1, description="password hashes at once in a worker; else half of its share of the processors"
    )
    web_threads: int | None = Field(
        None, ge=1, description="threads of a production worker; else 4 for each processor of its share, 8 to 32"
    )
    worker_seconds: int = Field(
        86400, ge=60, le=CENTURY, description="a production worker gives way to a fresh one after as many seconds"
    )
    tls_cert_file: str | None = Field(
        None,
        description="PEM file of the service's own certificate and its chain: the production servers then speak https only",
    )
    tls_key_file: str | None = Field(None, description="PEM file of that certificate's key, without a passphrase")

    secret_key: Ring = Field((), description="Flask's own key; no cookie is signed with it at present; 32 bytes or more")
    wtf_csrf_secret_key: Ring = Field((), description="signs the hosted pages' forms; 32 bytes or more")
    jwt_secret_key: Ring = Field((), description="signs tokens; a ring: the first signs, all verify")
    password_pepper: Ring = Field((), description="keys the pre-hash of passwords; a ring: the first hashes, all verify")
    fernet_key: Ring = Field((), description="encrypts secrets at rest; a ring of 32 bytes each in URL-safe base64")
    encryption_format: Literal["fernet", "aes-256-gcm"] = Field(
        "fernet", description="format of new secrets at rest; both are read. The release before reads `fernet` only"
    )

    jwt_algorithm: Literal["HS256", "EdDSA", "ES256"] = Field(
        "HS256", description="signs tokens; `EdDSA` and `ES256` with key files, so that others can verify"
    )
    jwt_private_keys: Paths = Field(
        (),
        description="PEM files for `EdDSA` or `ES256`, comma-separated: the first fits `JWT_ALGORITHM` and signs",
    )
    jwt_issuer: str | None = Field(None, description="claim `iss`; `BASE_URL` where not set")
    jwt_audience: str = Field("latchkey", min_length=1, description="claim `aud`")
    jwt_token_location: TokenLocation = Field(
        "headers", description="where tokens travel: `headers`, `cookies`, or `headers,cookies` for both"
    )
    jwt_cookie_samesite: Literal["Lax", "Strict", "None"] = Field(
        "Lax", description="SameSite of the token cookies: `Lax`, `Strict`, or `None` (needs an https `BASE_URL`)"
    )
    cookie_prefix: CookiePrefix = Field(
        "latchkey", description="start of every cookie's name; services that share a host each need their own"
    )
    jwt_access_token_expires: Seconds = Field(1800, description="life of an access token, seconds")
    jwt_refresh_token_expires: Seconds = Field(86400, description="life of a refresh token, seconds")
    refresh_reuse_seconds: int = Field(
        10, ge=0, le=300, description="grace in which a spent refresh token gives its one successor again"
    )
    inactivity_seconds: int = Field(1200, ge=2, le=CENTURY, description="a session without a call ends after as many seconds")
    fresh_seconds: Seconds = Field(600, description="how recent a sign-in the calls that change credentials want, seconds")
    session_max_seconds: Seconds = Field(2592000, description="a session's absolute end, seconds after sign-in")

    sqlalchemy_database_uri: Database = Field(
        "sqlite:///user.db", repr=False, description="database; also `postgresql://`, `postgres://`, `mysql://`"
    )
    db_pool_size: int = Field(5, ge=1, description="connections kept open, for each worker")
    db_max_overflow: int = Field(10, ge=0, description="connections above that in a rush")
    db_pool_timeout: Seconds = Field(10, le=3600, description="wait for a free connection, seconds")
    db_pool_recycle: Seconds = Field(1800, description="age at which a connection is made anew, seconds")
    sqlite_synchronous: Literal["FULL", "NORMAL"] = Field("FULL", description="durability of SQLite")

    plaintext_hosts: Hosts = Field(
        (), description="hosts of a private network of your own that may be asked without TLS, comma-separated; else refused"
    )

    base_url: WebAddress | None = Field(
        None, description="the public address; mailed links start with it. Development: `http://127.0.0.1:PORT`"
    )
    frontend_url: PageAddress | None = Field(None, description="the SPA's address; mailed links then point there")
    api_docs: Boolean = Field(True, description="serves `/docs`, `/openapi.json` and the Postman files; false: they answer 404")
    confirm_by_link_alone: Boolean | None = Field(
        None, description="a mailed link alone confirms an address, also by GET; else true in development, false in production"
    )
    cors_origins: Origins = Field((), description="exact origins that may call, comma-separated; `*` for all, without cookies")
    cors_headers: Headers = Field((), description="more request headers that pages of other origins may send, comma-separated")
    force_https: Boolean = Field(
        False, description="over http: pages redirect to `BASE_URL`, calls get 403 `https_required`; over https: HSTS"
    )
    trusted_proxies: int = Field(
        0, ge=0, le=10, description="how many proxies append to `X-Forwarded-For`; the nearest sets `X-Forwarded-Proto`"
    )

    google_client_id: str | None = Field(None, description="turns Google sign-in on; from the Google Cloud Console")
    google_client_secret: str | None = Field(None, repr=False, description="the secret that belongs to it")
    google_discovery_url: WebAddress = Field(
        GOOGLE, description="the provider's discovery document; `SERVER_METADATA_URL` means the same"
    )
    oidc_providers: Names = Field(
        ("google",),
        description="providers at `/auth/<name>`; each but `google` has `OIDC_<NAME>_CLIENT_ID`, `…_SECRET`, `…_DISCOVERY_URL`",
    )
    oidc_google_prompt: Prompt = Field(
        "select_account",
        description="what the provider asks before each sign-in: `select_account`, `login`, `consent`; empty: its own choice. "
        "Others: `OIDC_<NAME>_PROMPT`",
    )
    oidc_trusted_for: TrustedFor = Field(
        (),
        description="`google:gmail.com,…`: providers trusted to link an existing account of that domain without further proof",
    )
    outbound_hosts: OutboundHosts = Field(
        (),
        description="the only hosts where providers are asked, `*.example.com` for subdomains, comma-separated; "
        "none: any https host",
    )
    oidc: dict[str, Provider] = Field({}, exclude=True, description="what `environment` gathered of all providers")

    mail_server: Host = Field(GMAIL, description="SMTP host")
    mail_port: int = Field(587, ge=1, le=65535, description="SMTP port")
    mail_use_tls: Boolean = Field(True, description="STARTTLS")
    mail_use_ssl: Boolean = Field(False, description="TLS from the first byte (port 465)")
    mail_username: str | None = Field(None, description="SMTP user name")
    mail_password: str | None = Field(None, repr=False, description="SMTP password (Gmail: an App Password)")
    mail_default_sender: str | None = Field(None, description="sender; `MAIL_USERNAME` where not set")
    mail_timeout: Seconds = Field(20, le=3600, description="wait for each SMTP answer, seconds")
    mail_ca_file: str | None = Field(None, description="PEM file of authorities for SMTP; else the system's")

    signup_enabled: Boolean = Field(True, description="false: sign-up answers 403 `signup_closed`")
    password_min_length: int = Field(8, ge=8, le=64, description="least length of a password, code points")
    password_max_length: int = Field(256, ge=64, le=1024, description="greatest length, code points")
    password_min_strength: int = Field(2, ge=0, le=4, description="least zxcvbn score, 0 to 4")
    password_breach_file: str | None = Field(
        None, description="file of leaked passwords: sorted SHA-1 hashes in hex, one a line, also with `:count`"
    )
    password_breach_url: WebAddress | None = Field(
        None, description="service that knows leaked passwords, such as `https://api.pwnedpasswords.com/range/`"
    )
    bcrypt_log_rounds: int = Field(12, ge=4, le=16, description="cost of a password hash; at least 10 in production")
    otp_passwordless_login: Boolean = Field(False, description="a mailed code alone signs in, without the password")
    confirm_seconds: Seconds = Field(86400, description="life of a confirmation link, seconds")
    reset_seconds: Seconds = Field(1800, description="life of a link that sets a new password, seconds")
    otp_seconds: int = Field(600, gt=0, le=600, description="life of a mailed code, seconds; at most 600")

    account_erase_seconds: int = Field(
        604800, ge=0, le=CENTURY, description="a deleted account is erased after as many seconds; 0: at once"
    )
    unconfirmed_erase_seconds: Seconds = Field(604800, description="pending sign-ups are erased after as many seconds")

    address_retention_seconds: Seconds = Field(2592000, description="client addresses are shortened after as many seconds")

    max_upload_bytes: int = Field(16777216, ge=1024, description="greatest size of a picture's file, bytes")
    upload_folder: str = Field("uploads", min_length=1, description="where pictures are kept, under `profile_pictures/`")
    picture_max_pixels: int = Field(25000000, ge=1, description="greatest number of pixels of a picture")

    ratelimit_enabled: Boolean = Field(True, description="limits for each client address and route")
    ratelimit_default: Limits = Field(
        "200 per day;50 per hour", description="limit of every route, for calls without a live session; empty: none"
    )
    ratelimit_signed_in: Limits = Field("600 per minute", description="limit of each session over all routes; empty: none")
    ratelimit_sensitive: Limits = Field("5 per minute", description="further limit of sensitive routes; empty: none")
    ratelimit_storage_uri: LimitStorage = Field(
        "memory://", repr=False, description="where limits are counted; `redis://` or `rediss://`: once for all workers"
    )

    scheduler_enabled: Boolean = Field(True, description="run the jobs (mail, idle sessions, clearing out) in this process")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level that is logged")
    log_file: str = Field("app.log", description="log file beside the console; empty: none")
    log_format: Literal["text", "json"] = Field("text", description="`json`: one object a line")
    metrics_token: str | None = Field(
        None, repr=False, description="bearer token for `/metrics`; without one, this machine alone may ask"
    )

    @property
    def development(self) -> bool:
        return self.flask_env == "development"

    @property
    def workers(self) -> int:
        return self.web_concurrency or (1 if self.counts_limits_in_memory else min(8, processors()))

    @property
    def share(self) -> int:
        """A worker's share of the processors."""
        return max(1, processors() // self.workers)

    @property
    def threads(self) -> int:
        return self.web_threads or min(32, max(8, 4 * self.share))

    @property
    def address(self) -> str:
        """The public address, without a trailing slash."""
        return self.base_url or f"http://127.0.0.1:{self.port}"

    @property
    def links_alone_confirm(self) -> bool:
        return self.development if self.confirm_by_link_alone is None else self.confirm_by_link_alone

    @property
    def base_path(self) -> str:
        """The path of the public address, which a proxy takes off; empty where there is none."""
        return urlsplit(self.address).path

    @property
    def over_https(self) -> bool:
        return self.address.startswith("https://")

    def cookie_name(self, what: str) -> str:
        """Over https a name that no other host and no plain connection can set (RFC 6265bis §4.1.3.2)."""
        return f"{'__Host-' if self.over_https else ''}{self.cookie_prefix}_{what}"

    @property
    def takes_headers(self) -> bool:
        return "headers" in self.jwt_token_location

    @property
    def takes_cookies(self) -> bool:
        return "cookies" in self.jwt_token_location

    def may_ask(self, host: str) -> bool:
        """Whether a provider, or the service of leaked passwords, may be asked there."""
        breach_host = urlsplit(self.password_breach_url or "").hostname
        return not self.outbound_hosts or host == breach_host or hosts.is_listed(host, self.outbound_hosts)

    @property
    def issuer(self) -> str:
        return self.jwt_issuer or self.address

    @property
    def sender(self) -> Sender:
        """Whom mail comes from. Raises ValueError where that is not one address; the service does not start with such."""
        return sender(self.mail_default_sender or self.mail_username or "latchkey@localhost")

    @property
    def counts_limits_in_memory(self) -> bool:
        """Whether each worker counts for itself, so that several of them serve several times the limits."""
        return self.ratelimit_enabled and self.ratelimit_storage_uri == "memory://"

    @property
    def uses_mailbox(self) -> bool:
        """Development without SMTP settings keeps mail on this machine."""
        return self.development and self.mail_server == GMAIL and not self.mail_username
