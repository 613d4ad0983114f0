"""Database and Redis by TLS: only the authority that is named is believed, for the host in the address, and nothing falls back.

Each server takes plain connections too, so that a fall-back would work.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import text

from app import create_app
from database import db
from extensions import limiter
from schema import migrations
from tests.conftest import refuse_or_skip, settings_with
from tests.parts import mariadb, postgresql
from tests.parts.authority import Authority, Tls
from tests.parts.missing import Missing
from tests.parts.ports import LOOPBACK
from tests.parts.redis import redis_by_tls
from tests.parts.tls_end import TlsEnd
from tests.people import PASSWORD

SPEAKS = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_version'"


@dataclass(frozen=True)
class Town:
    """Two authorities; every server's certificate is of the first, for 127.0.0.1 and not for localhost."""

    ours: Authority
    others: Authority
    tls: Tls


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    ours, others = Authority(tmp_path_factory.mktemp("ours")), Authority(tmp_path_factory.mktemp("others"))
    return Town(ours, others, Tls(ours.issue("server", LOOPBACK), ours.ca_file))


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def plainly(kind: str, town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database that has its tables."""
    with ExitStack() as stack:
        try:
            folder = tmp_path_factory.mktemp(kind)
            uri = stack.enter_context(mariadb.mariadb(folder, town.tls) if kind == "mariadb" else postgresql.postgresql(folder))
        except Missing as missing:
            refuse_or_skip(missing)
        uri = (mariadb if kind == "mariadb" else postgresql).create_database(uri)
        with made(SQLALCHEMY_DATABASE_URI=uri):
            migrations().upgrade()
        yield uri


@pytest.fixture
def end(plainly: str, town: Town) -> Iterator[TlsEnd]:
    """Before PostgreSQL; MariaDB speaks TLS itself."""
    with TlsEnd(urlsplit(plainly).port or 0, town.tls, knows_clients=False) as started:
        yield started


@contextmanager
def made(**settings: str) -> Iterator[Flask]:
    app = create_app(settings_with(**settings))
    with app.app_context():
        try:
            yield app
        finally:
            for engine in db.engines.values():
                engine.dispose()


def address(plainly: str, host: str, port: int, ca_file: Path) -> str:
    """By which the service asks that server, and believes that authority."""
    if plainly.startswith("mysql"):
        return f"{plainly.replace(LOOPBACK, host)}?ssl_ca={ca_file}"
    return f"postgresql://latchkey@{host}:{port}{urlsplit(plainly).path}?sslmode=verify-full&sslrootcert={ca_file}"


def test_a_database_of_the_named_authority_serves(plainly: str, kind: str, town: Town, end: TlsEnd) -> None:
    with made(SQLALCHEMY_DATABASE_URI=address(plainly, LOOPBACK, end.port, town.ours.ca_file)) as app:
        assert app.test_client().get("/readyz").status_code == 200
        person = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
        assert app.test_client().post("/signup", json=person).status_code == 201
        if kind == "mariadb":
            for engine in db.engines.values():
                with engine.connect() as connection:
                    assert connection.execute(text(SPEAKS)).scalar_one() in ("TLSv1.2", "TLSv1.3")
        else:
            assert (end.told > 0, end.plain) == (True, 0)


@pytest.mark.parametrize("false", ["another authority", "another name"])
def test_a_false_database_is_told_nothing(plainly: str, town: Town, end: TlsEnd, false: str) -> None:
    ca_file, host = (town.others.ca_file, LOOPBACK) if false == "another authority" else (town.ours.ca_file, "localhost")
    with made(SQLALCHEMY_DATABASE_URI=address(plainly, host, end.port, ca_file)) as app:
        assert app.test_client().get("/readyz").status_code == 503
        answer = app.test_client().post("/login", json={"username": "ada", "password": PASSWORD})
        assert (answer.status_code, (answer.json or {})["code"]) == (503, "unavailable")
        assert (end.told, end.plain) == (0, 0)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_database_may_know_the_service_by_its_certificate(plainly: str, town: Town) -> None:
    status = {}
    with TlsEnd(urlsplit(plainly).port or 0, town.tls, knows_clients=True) as end:
        asked = address(plainly, LOOPBACK, end.port, town.ours.ca_file)
        for whose, authority in (("ours", town.ours), ("another's", town.others)):
            shown = authority.issue("service", common_name="service")
            with made(SQLALCHEMY_DATABASE_URI=f"{asked}&sslcert={shown.chain}&sslkey={shown.key}") as app:
                status[whose] = app.test_client().get("/readyz").status_code
        with made(SQLALCHEMY_DATABASE_URI=asked) as app:
            status["nobody's"] = app.test_client().get("/readyz").status_code
        assert end.plain == 0
    assert status == {"ours": 200, "another's": 503, "nobody's": 503}


@pytest.fixture(scope="module")
def store(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(redis_by_tls(tmp_path_factory.mktemp("redis"), town.tls))
        except Missing as missing:
            refuse_or_skip(missing)


@pytest.mark.parametrize(
    "false", [None, "another authority", "another name", "no certificate of ours", "a stranger's certificate"]
)
def test_limits_are_counted_in_the_redis_of_the_named_authority_alone(
    store: tuple[int, str], town: Town, false: str | None
) -> None:
    """It wants a client certificate. Whatever is false, the service goes on and counts by itself."""
    port, plainly = store
    ca_file = (town.others if false == "another authority" else town.ours).ca_file
    ours = (town.others if false == "a stranger's certificate" else town.ours).issue("service", common_name="service")
    shown = "" if false == "no certificate of ours" else f"&ssl_certfile={ours.chain}&ssl_keyfile={ours.key}"
    host = "localhost" if false == "another name" else LOOPBACK
    uri = f"rediss://{host}:{port}/0?ssl_ca_certs={ca_file}{shown}"
    with Redis.from_url(plainly) as looks, made(RATELIMIT_STORAGE_URI=uri, RATELIMIT_SENSITIVE="1 per hour") as app:
        looks.flushall()
        answers = [app.test_client().post("/login", json={}).status_code for _ in range(2)]
        assert answers == [422, 429]
        assert limiter.storage.check() is (false is None)
        assert bool(looks.dbsize()) is (false is None), "what was counted there"
