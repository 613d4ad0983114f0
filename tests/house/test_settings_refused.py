"""Bad settings never start: every fault at once, each with its cure, none with the secret in it."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from config import ROOT, SECRETS, Settings
from environment import SettingsRefused, load
from tests.conftest import SECRETS as KEYS
from tests.parts.authority import Authority

GOOD = {
    "FLASK_ENV": "production",
    "BASE_URL": "https://auth.example.org",
    "MAIL_USERNAME": "door@example.org",
    "LOG_FILE": "",
} | KEYS
OTHER = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
NAMES = [name.upper() for name in SECRETS]
WEAK = {
    "missing": "",
    "a placeholder": "change-me-change-me-change-me-change-me-0123456789",
    "short": "fuZa5xqL81",
    "too regular": "ab" * 40,
    "short beneath a good one": f"{OTHER},fuZa5xqL81",
    "twice in its ring": f"{OTHER},{OTHER}",
}
NO_FERNET_KEYS = {
    "31 bytes": base64.urlsafe_b64encode(bytes(range(31))).decode(),
    "33 bytes": base64.urlsafe_b64encode(bytes(range(33))).decode(),
    "hexadecimal": bytes(range(32)).hex(),
    "cut off": OTHER[:-2],
    "bad beneath a good one": f"{OTHER},{bytes(range(32)).hex()}",
}
PG, MARIADB = "postgresql://a:s1mXgQ8hTzPq@db.internal/a", "mysql://a:s1mXgQ8hTzPq@db.internal/a"
PRODUCTION_FAULTS = {
    "no public address": ("BASE_URL", {"BASE_URL": ""}),
    "Gmail without a user": ("MAIL_USERNAME", {"MAIL_USERNAME": "", "MAIL_DEFAULT_SENDER": "door@example.org"}),
    "no sender": ("MAIL_DEFAULT_SENDER", {"MAIL_USERNAME": "", "MAIL_SERVER": "mail.example.org"}),
    "two senders": ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": "door@example.org, bell@example.org"}),
    "two senders with names": ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": "A <a@example.org>, B <b@example.org>"}),
    "a sender that is no address": ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": "Acme, Inc."}),
    "a sender of two lines": ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": "A\nBcc: e@example.org <a@example.org>"}),
    "a sender that mail servers cannot spell": ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": "jürgen@example.org"}),
    "a sender of no host": ("MAIL_DEFAULT_SENDER", {"MAIL_DEFAULT_SENDER": "door@-ß-.example"}),
    "a user name as sender": ("MAIL_DEFAULT_SENDER", {"MAIL_USERNAME": "apikey"}),
    "a mail server of no host": ("MAIL_SERVER", {"MAIL_SERVER": "-ß-.example"}),
    "weak bcrypt": ("BCRYPT_LOG_ROUNDS", {"BCRYPT_LOG_ROUNDS": "9"}),
    "TLS twice": ("MAIL_USE_SSL", {"MAIL_USE_SSL": "true"}),
    "passwords in the clear": ("BASE_URL", {"BASE_URL": "http://auth.example.org"}),
    "passwords in the clear on a network": ("BASE_URL", {"BASE_URL": "http://192.0.2.1:5000"}),
    "a debugger": ("FLASK_DEBUG", {"FLASK_DEBUG": "1"}),
    "a debugger by a word": ("FLASK_DEBUG", {"FLASK_DEBUG": "on"}),
    "metrics for whoever guesses": ("METRICS_TOKEN", {"METRICS_TOKEN": "a" * 31}),
    "PostgreSQL's default": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": "postgresql://postgres:postgres@127.0.0.1/x"},
    ),
    "MariaDB's default": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": "mysql://root:root@127.0.0.1/x"}),
    "a password that is the name": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": "mysql://Shop:shop@localhost/x"}),
    "a well-known password": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": "postgresql://a:p%61ssword@[::1]/x"}),
    "a default password behind the address": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": "postgresql://127.0.0.1/a?user=latchkey&password=postgres"},
    ),
    "Redis's default": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "redis://:foobared@127.0.0.1:6379/0"}),
    "PostgreSQL that may be asked plainly": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": f"{PG}?sslmode=prefer"}),
    "PostgreSQL asked plainly": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": PG}),
    "one of two PostgreSQLs asked plainly": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": "postgresql:///a?host=127.0.0.1:1,db2.internal:2"},
    ),
    "PostgreSQL asked plainly at an address": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": f"{PG}?hostaddr=192.0.2.1"},
    ),
    "PostgreSQL asked plainly where one of its addresses is left out": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": "postgresql:///a?host=a.internal,b.internal&hostaddr=127.0.0.1,"},
    ),
    "MariaDB asked plainly": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": MARIADB}),
    "MariaDB with TLS taken back": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": f"{MARIADB}?ssl_ca=x&ssl_disabled=1"},
    ),
    "MariaDB with a CA that is forgotten": (
        "SQLALCHEMY_DATABASE_URI",
        {"SQLALCHEMY_DATABASE_URI": f"{MARIADB}?ssl_ca=x&ssl_verify_cert=true"},
    ),
    "Redis asked plainly": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "redis://redis.internal/0"}),
    "mail handed over plainly": ("MAIL_USE_TLS", {"MAIL_SERVER": "mail.internal", "MAIL_USE_TLS": "false"}),
    "another host asked plainly than is named": (
        "RATELIMIT_STORAGE_URI",
        {"RATELIMIT_STORAGE_URI": "redis://redis.internal/0", "PLAINTEXT_HOSTS": "internal,redis"},
    ),
    "plain hosts by a star": ("PLAINTEXT_HOSTS", {"PLAINTEXT_HOSTS": "*"}),
    "plain hosts with a port": ("PLAINTEXT_HOSTS", {"PLAINTEXT_HOSTS": "redis:6379"}),
    "an address without scheme": ("BASE_URL", {"BASE_URL": "auth.example.org"}),
    "an origin with a path": ("CORS_ORIGINS", {"CORS_ORIGINS": "https://app.example.org/app"}),
    "an origin with a user": ("CORS_ORIGINS", {"CORS_ORIGINS": "https://ada@app.example.org"}),
    "an origin without a host": ("CORS_ORIGINS", {"CORS_ORIGINS": "https://:443"}),
    "an origin at no port": ("CORS_ORIGINS", {"CORS_ORIGINS": "https://app.example.org:99999"}),
    "an origin that no browser sends": ("CORS_ORIGINS", {"CORS_ORIGINS": "https://\u2603\ufe0f\u200d.example"}),
    "an app's origin at another host": ("CORS_ORIGINS", {"CORS_ORIGINS": "capacitor://app.example.org"}),
    "an app's origin with a port": ("CORS_ORIGINS", {"CORS_ORIGINS": "tauri://localhost:80"}),
    "a file's origin": ("CORS_ORIGINS", {"CORS_ORIGINS": "file://localhost"}),
    "no origin": ("CORS_ORIGINS", {"CORS_ORIGINS": "null"}),
    "every header": ("CORS_HEADERS", {"CORS_HEADERS": "*"}),
    "two headers in one": ("CORS_HEADERS", {"CORS_HEADERS": "X-One X-Two"}),
    "a front end that no browser reaches": ("FRONTEND_URL", {"FRONTEND_URL": "https://app.example.org:99999"}),
    "a cookie's name with a space": ("COOKIE_PREFIX", {"COOKIE_PREFIX": "my shop"}),
    "a cookie's name that browsers keep for themselves": ("COOKIE_PREFIX", {"COOKIE_PREFIX": "__Secure-shop"}),
    "cookies for every origin": ("CORS_ORIGINS", {"CORS_ORIGINS": "*", "JWT_TOKEN_LOCATION": "cookies"}),
    "cookies too for every origin": ("CORS_ORIGINS", {"CORS_ORIGINS": "*", "JWT_TOKEN_LOCATION": "headers,cookies"}),
    "a token location that is none": ("JWT_TOKEN_LOCATION", {"JWT_TOKEN_LOCATION": "query_string"}),
    "no SameSite": ("JWT_COOKIE_SAMESITE", {"JWT_COOKIE_SAMESITE": "off"}),
    "cross-site cookies over http": (
        "JWT_COOKIE_SAMESITE",
        {"JWT_COOKIE_SAMESITE": "None", "BASE_URL": "http://127.0.0.1:5000"},
    ),
    "an unknown database": ("SQLALCHEMY_DATABASE_URI", {"SQLALCHEMY_DATABASE_URI": "oracle://x"}),
    "a port that is none": ("PORT", {"PORT": "70000"}),
    "https forced at an http address": (
        "FORCE_HTTPS",
        {"FORCE_HTTPS": "true", "TRUSTED_PROXIES": "1", "BASE_URL": "http://127.0.0.1:5000"},
    ),
    "https forced without a proxy": ("FORCE_HTTPS", {"FORCE_HTTPS": "true"}),
    "an outbound host with a scheme": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "https://id.example.org"}),
    "an outbound host with a path": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "id.example.org/oauth"}),
    "an outbound host with a port": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "id.example.org:443"}),
    "an outbound host with a user": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "ada@id.example.org"}),
    "every outbound host": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "id.example.org,*"}),
    "every outbound host of a top-level domain": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "*.org"}),
    "an asterisk within an outbound host": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "id.*.example.org"}),
    "an outbound host of dots": ("OUTBOUND_HOSTS", {"OUTBOUND_HOSTS": "*..example.org"}),
    "limits that are none": ("RATELIMIT_DEFAULT", {"RATELIMIT_DEFAULT": "fifty an hour"}),
    "limits of sensitive calls that are none": ("RATELIMIT_SENSITIVE", {"RATELIMIT_SENSITIVE": "5 per fortnight"}),
    "limits of sessions that let nobody call": ("RATELIMIT_SIGNED_IN", {"RATELIMIT_SIGNED_IN": "0 per minute"}),
    "limits kept elsewhere": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "memcached://127.0.0.1:11211"}),
    "limits kept in a Redis without a host": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "redis://:sesame@/0"}),
    "limits kept in a Redis at no port": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "redis://:sesame@redis:many/0"}),
    "limits kept in memory with more words": ("RATELIMIT_STORAGE_URI", {"RATELIMIT_STORAGE_URI": "memory"}),
    "an unknown environment": ("FLASK_ENV", {"FLASK_ENV": "staging"}),
}
NOTHING = {
    "FLASK_ENV": "production",
    "PORT": "many",
    "WEB_CONCURRENCY": "many",
    "RATELIMIT_ENABLED": "on",
    "BCRYPT_LOG_ROUNDS": "4",
}
NOTHING_FAULTS = NOTHING.keys() - {"FLASK_ENV"} | {*NAMES, "BASE_URL", "MAIL_USERNAME", "MAIL_DEFAULT_SENDER"}


def faults_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsRefused) as refused:
        load(environ)
    return refused.value.faults


def named(faults: list[str]) -> list[str]:
    return [fault.split(":")[0] for fault in faults]


def test_good_settings_are_taken() -> None:
    assert not load(GOOD).development


def test_production_is_what_nobody_chose() -> None:
    assert load({name: value for name, value in GOOD.items() if name != "FLASK_ENV"}).flask_env == "production"


def test_all_faults_are_listed_at_once_each_with_its_cure() -> None:
    faults = faults_of(NOTHING)
    assert set(named(faults)) == NOTHING_FAULTS
    assert len(faults) == len(NOTHING_FAULTS)
    assert all(re.fullmatch(r"[A-Z_]+: [^.]+\. .{12,}", fault) for fault in faults), faults


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weakness", WEAK)
def test_a_weak_secret_is_refused_and_not_shown(name: str, weakness: str) -> None:
    faults = faults_of(GOOD | {name: WEAK[weakness]})
    assert named(faults) == [name]
    assert not [key for key in WEAK[weakness].split(",") if key and key in faults[0]]


@pytest.mark.parametrize("name", NAMES[1:])
def test_one_secret_is_not_used_for_two_things(name: str) -> None:
    assert named(faults_of(GOOD | {name: f"{OTHER},{GOOD[NAMES[0]]}"})) == [name]


@pytest.mark.parametrize("kind", NO_FERNET_KEYS)
def test_a_fernet_key_has_32_bytes_in_url_safe_base64(kind: str) -> None:
    assert named(faults_of(GOOD | {"FERNET_KEY": NO_FERNET_KEYS[kind]})) == ["FERNET_KEY"]


@pytest.mark.parametrize("kind", PRODUCTION_FAULTS)
def test_a_production_fault_refuses_the_start(kind: str) -> None:
    name, changes = PRODUCTION_FAULTS[kind]
    assert named(faults_of(GOOD | changes)) == [name]


def test_the_password_of_redis_is_never_shown() -> None:
    for uri in ("redis://:sesame@127.0.0.1:6379/0", "rediss://latchkey:sesame@redis.example.org"):
        taken = load(GOOD | {"RATELIMIT_STORAGE_URI": uri})
        assert taken.ratelimit_storage_uri == uri
        assert not taken.counts_limits_in_memory
        assert "sesame" not in repr(taken)
    refused = faults_of(GOOD | {"RATELIMIT_STORAGE_URI": "redis://:sesame@redis:many/0"})
    assert "sesame" not in str(refused)
    assert "redis://host:6379/0" in str(refused), "the cure"


@pytest.mark.parametrize("name", ["RATELIMIT_DEFAULT", "RATELIMIT_SIGNED_IN", "RATELIMIT_SENSITIVE"])
def test_limits_that_cannot_be_read_are_told_with_those_that_can(name: str) -> None:
    for text in ("fast", "0 per minute", " ", "5 per minute;"):
        (fault,) = faults_of(GOOD | {name: text})
        assert re.fullmatch(rf"{name}: must be limits such as 200 per day;50 per hour, [^.]+; empty for none\. .{{12,}}", fault)
    assert getattr(load(GOOD | {name: ""}), name.lower()) == ""


def test_limits_are_counted_in_memory_unless_redis_is_named_or_nothing_is_counted() -> None:
    assert load(GOOD).counts_limits_in_memory
    assert not load(GOOD | {"RATELIMIT_ENABLED": "false"}).counts_limits_in_memory


def test_every_origin_may_call_without_cookies_and_cross_site_cookies_go_over_https() -> None:
    assert load(GOOD | {"CORS_ORIGINS": "*"}).cors_origins == ("*",)
    assert load(GOOD | {"JWT_COOKIE_SAMESITE": "None", "JWT_TOKEN_LOCATION": "cookies"}).jwt_cookie_samesite == "None"


def test_a_mail_server_is_never_looked_for_at_a_domain_that_is_spelt_alike() -> None:
    """Python's own look-up would ask for mail.strasse.de."""
    assert load(GOOD | {"MAIL_SERVER": "mail.straße.de"}).mail_server == "mail.xn--strae-oqa.de"
    for host in ("mail.example.org", "localhost", "127.0.0.1", "::1", "smtp_relay"):
        assert load(GOOD | {"MAIL_SERVER": host}).mail_server == host


def test_a_sender_is_one_address_in_development_too() -> None:
    development = {"FLASK_ENV": "development", "MAIL_SERVER": "mail.example.org"} | KEYS
    assert named(faults_of(development | {"MAIL_USERNAME": "apikey"})) == ["MAIL_DEFAULT_SENDER"]
    assert load(development).sender == ("", "latchkey@localhost")


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_mailed_code_lives_for_ten_minutes_at_most(environment: str) -> None:
    """OWASP ASVS 5.0, 6.5.5."""
    assert load(GOOD | {"FLASK_ENV": environment, "OTP_SECONDS": "600"}).otp_seconds == 600
    for seconds in ("601", "86400"):
        (fault,) = faults_of(GOOD | {"FLASK_ENV": environment, "OTP_SECONDS": seconds})
        assert re.fullmatch(r"OTP_SECONDS: .*600\. It means: .*at most 600\.", fault), fault


def test_no_time_leaves_the_calendar() -> None:
    """A hundred years at most: a moment that far back or ahead still exists."""
    durations = [name.upper() for name in Settings.model_fields if re.search("_(seconds|expires|recycle|timeout)$", name)]
    assert len(durations) >= 13
    for name in durations:
        assert named(faults_of(GOOD | {name: "3153600001"})) == [name]
    long = GOOD | {name: "3153600000" for name in durations if not re.search("OTP|REUSE|TIMEOUT", name)}
    assert load(long).session_max_seconds == 3153600000


def test_the_least_length_of_a_password_is_below_the_greatest() -> None:
    assert named(faults_of(GOOD | {"PASSWORD_MIN_LENGTH": "65"})) == ["PASSWORD_MIN_LENGTH"]
    assert load(GOOD | {"PASSWORD_MIN_LENGTH": "64", "PASSWORD_MAX_LENGTH": "64"}).password_min_length == 64


@pytest.mark.parametrize("text", ["headers,cookies", "cookies,headers", " cookies , headers, cookies"])
def test_both_token_locations_may_be_named_in_any_order(text: str) -> None:
    settings = load(GOOD | {"JWT_TOKEN_LOCATION": text})
    assert (settings.takes_headers, settings.takes_cookies) == (True, True)


def test_a_certificate_of_its_own_is_whole_fits_its_key_and_goes_with_an_https_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, other = authority.issue("own", "auth.example.org"), authority.issue("other", "auth.example.org")
    good = {"TLS_CERT_FILE": str(own.chain), "TLS_KEY_FILE": str(own.key)}
    assert load(GOOD | good | {"FORCE_HTTPS": "true"}).trusted_proxies == 0, "nobody else need say that it is https"
    for name, changes in (
        ("TLS_KEY_FILE", {"TLS_KEY_FILE": ""}),
        ("TLS_CERT_FILE", {"TLS_CERT_FILE": ""}),
        ("TLS_CERT_FILE", {"TLS_KEY_FILE": str(other.key)}),
        ("TLS_CERT_FILE", {"TLS_CERT_FILE": str(own.key)}),
        ("TLS_CERT_FILE", {"TLS_CERT_FILE": str(tmp_path / "nowhere")}),
        ("TLS_CERT_FILE", {"TLS_KEY_FILE": str(_with_passphrase(own.key))}),
        ("BASE_URL", {"BASE_URL": "http://127.0.0.1:5000"}),
    ):
        faults = faults_of(GOOD | good | changes)
        assert named(faults) == [name]
        assert re.fullmatch(r"[A-Z_]+: [^.]+\. .{12,}", faults[0])


def _with_passphrase(key: Path) -> Path:
    """Whoever starts the service is never asked for one."""
    locked = key.with_suffix(".locked")
    lock = serialization.BestAvailableEncryption(b"sesame")
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked.write_bytes(plain.private_bytes(*pem, lock))
    return locked


def test_development_listens_on_loopback_unless_told_otherwise() -> None:
    remote = {"FLASK_ENV": "development", "HOST": "0.0.0.0"} | KEYS
    assert named(faults_of(remote)) == ["HOST"]
    assert load(remote | {"DEV_ALLOW_REMOTE": "true"}).host == "0.0.0.0"


def test_the_server_exits_78_and_prints_every_fault(tmp_path: Path) -> None:
    # Empty ones also hide what a developer's .env says.
    empty = {name.upper(): "" for name in Settings.model_fields} | {f"{name}_FILE": "" for name in (*NAMES, "MAIL_PASSWORD")}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        env={"PATH": os.environ["PATH"], **empty, **NOTHING},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 78, ended.stderr
    assert [fault for fault in faults_of(NOTHING) if f"  - {fault}\n" not in ended.stderr] == []
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://latchkey:se@same@database/latchkey",
        "mysql://latchkey:sesame@database:many/latchkey",
        "postgresql://latchkey:sesame@database:70000/latchkey",
        "postgresql://latchkey:sesame@[::1]:x/latchkey",
        "sqlite://",
        "sqlite:///",
        "sqlite://user.db",
        "postgresql:/latchkey:sesame@database/latchkey",
    ],
)
def test_a_database_address_that_is_none_is_refused_and_not_shown(uri: str) -> None:
    faults = faults_of(GOOD | {"SQLALCHEMY_DATABASE_URI": uri})
    assert named(faults) == ["SQLALCHEMY_DATABASE_URI"]
    assert not [part for part in ("sesame", "se@same", "same@") if part in faults[0]]


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql:///latchkey?host=/run/postgresql",
        "postgresql://latchkey:a%40b%2Fc@database:5432/latchkey?sslmode=verify-full&options=-csearch_path%3Da",
        "postgresql://latchkey@[::1]:5432/latchkey",
        "mysql://latchkey:a:b/c@localhost/latchkey",
        "sqlite:///user.db",
        "sqlite:////var/lib/latchkey/user.db",
    ],
)
def test_a_database_address_in_any_of_its_forms_is_taken(uri: str) -> None:
    assert load(GOOD | {"SQLALCHEMY_DATABASE_URI": uri}).sqlalchemy_database_uri.endswith(uri.partition("://")[2])


@pytest.mark.parametrize(
    "fine",
    [
        {"BASE_URL": "http://127.0.0.1:5000"},
        {"BASE_URL": "http://[::1]:5000"},
        {"BASE_URL": "http://localhost:5000"},
        {"FLASK_DEBUG": "0"},
        {"FLASK_DEBUG": "False"},
        {"METRICS_TOKEN": "a" * 32},
        {"SQLALCHEMY_DATABASE_URI": "postgresql://latchkey@127.0.0.1/latchkey"},
        {"SQLALCHEMY_DATABASE_URI": "mysql://root:s1mXgQ8hTzPq@localhost/latchkey"},
        {"SQLALCHEMY_DATABASE_URI": f"{PG}?sslmode=require"},
        {"SQLALCHEMY_DATABASE_URI": f"{PG}?sslrootcert=system"},
        {"SQLALCHEMY_DATABASE_URI": "postgresql://db.internal/a?host=/run/postgresql"},
        {"SQLALCHEMY_DATABASE_URI": "postgresql:///a?host=[::1]:5432,127.0.0.2:5433"},
        {"SQLALCHEMY_DATABASE_URI": f"{MARIADB}?ssl_ca=/ca.pem"},
        {"SQLALCHEMY_DATABASE_URI": f"{MARIADB}?unix_socket=/run/mysqld/mysqld.sock"},
        {"RATELIMIT_STORAGE_URI": "rediss://redis.internal/0"},
        {"MAIL_SERVER": "mail.internal", "MAIL_USE_TLS": "false", "MAIL_USE_SSL": "true"},
        {"SQLALCHEMY_DATABASE_URI": PG, "PLAINTEXT_HOSTS": "Redis , DB.internal"},
        {"RATELIMIT_STORAGE_URI": "redis://[fd00::1]/0", "PLAINTEXT_HOSTS": "[fd00::1]"},
    ],
    ids=str,
)
def test_what_only_looks_like_it_is_taken(fine: dict[str, str]) -> None:
    load(GOOD | fine)


def test_development_takes_what_production_refuses() -> None:
    local = {"FLASK_ENV": "development", "FLASK_DEBUG": "1", "METRICS_TOKEN": "a", "BASE_URL": "http://auth.example.org"}
    load(GOOD | local | {"SQLALCHEMY_DATABASE_URI": "postgresql://postgres:postgres@db/x"})
