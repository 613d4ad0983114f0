"""A fresh database for each attack, on three engines."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.town import Town
from tests.conftest import refuse_or_skip, start_database
from tests.parts import mariadb, postgresql
from tests.parts.missing import Missing
from tests.parts.redis import redis
from tests.parts.service import Service
from tests.parts.smtp import MailServer


@pytest.fixture(scope="session", params=("sqlite", "postgresql", "mariadb"))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def database_server(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running database server, without a database; empty for SQLite."""
    with ExitStack() as stack:
        uri = start_database(stack, kind, tmp_path_factory.mktemp(kind))
        yield "" if kind == "sqlite" else uri.rpartition("/")[0]


@pytest.fixture
def uri(kind: str, database_server: str, tmp_path: Path) -> str:
    """An empty database of this test's own."""
    return new_database(kind, database_server, tmp_path)


def new_database(kind: str, server: str, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'attack.db'}"
    return postgresql.create_database(server) if kind == "postgresql" else mariadb.create_database(server)


@pytest.fixture(scope="module")
def town(
    kind: str,
    database_server: str,
    smtp: dict[str, str],
    mail_server: MailServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """Two processes that stay for all tests of a module: each test has people of its own."""
    mail_server.clear()
    uri = new_database(kind, database_server, tmp_path_factory.mktemp("town"))
    with doors.services(uri, smtp) as pair:
        yield Town(pair, uri, kind, mail_server)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often a race is run."""
    return 50 if request.config.getoption("--long") else 10


@pytest.fixture
def in_production(smtp: dict[str, str], mail_server: MailServer, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts the service with these settings, on PostgreSQL and Redis."""
    mail_server.clear()
    with ExitStack() as stack:

        def start(**settings: str) -> Service:
            uri = start_database(stack, "postgresql", tmp_path)
            try:
                shared = stack.enter_context(redis(tmp_path))
            except Missing as missing:
                refuse_or_skip(missing)
            return stack.enter_context(doors.service(uri, smtp, **settings, RATELIMIT_STORAGE_URI=shared))

        yield start
