"""A fresh database for each attack, on three engines."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import start_database
from tests.parts import mariadb, postgresql

COUNTER = itertools.count(1)


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
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'attack.db'}"
    name = f"attack{next(COUNTER)}"
    (postgresql if kind == "postgresql" else mariadb).create_database(database_server, name)
    return f"{database_server}/{name}"


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often a race is run."""
    return 50 if request.config.getoption("--long") else 10
