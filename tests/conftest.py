"""The house under test: on three engines, over real SMTP, with TESTING off as in production, and once with it on."""

import base64
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import bcrypt
import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete

import config
import environment
from app import create_app
from database import Base, db, in_transaction, unit_of_work
from extensions import limiter
from schema import migrations
from services import bounded_http, clock
from tests.parts import mariadb, postgresql
from tests.parts.missing import Missing
from tests.parts.smtp import MailServer
from tests.people import House

ENGINES = ("sqlite", "sqlite-testing", "postgresql", "mariadb")
SECRETS = {
    name.upper(): base64.urlsafe_b64encode(bytes(range(index, index + 32))).decode()
    for index, name in enumerate(config.SECRETS)
}
ROOMY = {
    "RATELIMIT_DEFAULT": "100000 per day",
    "RATELIMIT_SIGNED_IN": "100000 per day",
    "RATELIMIT_SENSITIVE": "10000 per minute",
    "BCRYPT_LOG_ROUNDS": "4",
}
UPLOADS = tempfile.TemporaryDirectory(prefix="latchkey-uploads-")
"""Of this test process; gone when it ends."""
ASK: Callable[..., Any] = bounded_http._Bounded.send
HASHPW: Callable[[bytes, bytes], bytes] = bcrypt.hashpw


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the full figures: more rounds, more samples")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test begins first; begun last, it would be waited for by processes that have no more to do."""
    items.sort(key=lambda item: item.path.name != "test_soak.py")


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    with MailServer("starttls", user="latchkey", password="mail-password") as server:
        yield server


@pytest.fixture(scope="session")
def smtp(mail_server: MailServer) -> dict[str, str]:
    """Settings that reach the mail server, STARTTLS and password included."""
    return {
        "MAIL_SERVER": str(mail_server.host),
        "MAIL_PORT": str(mail_server.port),
        "MAIL_USERNAME": "latchkey",
        "MAIL_PASSWORD": "mail-password",
        "MAIL_CA_FILE": str(mail_server.ca_file),
        "MAIL_DEFAULT_SENDER": "Latchkey <door@latchkey.example.org>",
    }


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def database_uri(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp(engine)
    with ExitStack() as stack:
        yield start_database(stack, engine, folder)


def start_database(stack: ExitStack, engine: str, folder: Path) -> str:
    """An empty database on a server of our own."""
    if engine.startswith("sqlite"):
        return f"sqlite:///{folder / 'test.db'}"
    part = {"postgresql": postgresql, "mariadb": mariadb}[engine]
    start: Any = getattr(part, engine)
    try:
        url: str = stack.enter_context(start(folder))
    except Missing as missing:
        refuse_or_skip(missing)
    created: str = part.create_database(url, "latchkey")
    return created


def refuse_or_skip(missing: Missing) -> NoReturn:
    """In CI a missing part fails; elsewhere it skips and says what is missing."""
    if os.environ.get("CI"):
        pytest.fail(str(missing))
    pytest.skip(str(missing))


def settings_with(**changes: str) -> config.Settings:
    """Checked settings for tests, as if the environment held them."""
    fixed = {"FLASK_ENV": "development", "LOG_FILE": "", "LOG_LEVEL": "DEBUG", "UPLOAD_FOLDER": UPLOADS.name}
    return environment.load(fixed | SECRETS | ROOMY | changes)


@pytest.fixture(scope="session")
def app(engine: str, database_uri: str, smtp: dict[str, str]) -> Flask:
    made = create_app(settings_with(SQLALCHEMY_DATABASE_URI=database_uri, **smtp))
    made.testing = engine == "sqlite-testing"
    with made.app_context():
        migrations().upgrade()
    return made


@pytest.fixture
def house(app: Flask, mail_server: MailServer) -> Iterator[House]:
    """The empty house, with an in-process client. Each answer is compared with the OpenAPI document."""
    mail_server.clear()
    with app.app_context():
        _empty()
        limiter.reset()
        yield House(app, mail_server)


def _empty() -> None:
    with unit_of_work():
        for table in reversed(Base.metadata.sorted_tables):
            db.session.execute(delete(table))


@pytest.fixture
def standing_clock() -> Iterator[time_machine.Traveller]:
    """The clock stands at the beginning of a TOTP step until the test shifts it."""
    with time_machine.travel(clock.now().timestamp() // 30 * 30, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def no_hash_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 logins that hash inside BEGIN IMMEDIATE make every other writer wait for seconds."""

    def watched(password: bytes, salt: bytes) -> bytes:
        assert not in_transaction(), "a transaction is open while a password is hashed"
        return HASHPW(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", watched)


@pytest.fixture(autouse=True)
def no_question_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider or another service that is slow would make every other writer wait."""

    def watched(*given: Any, **options: Any) -> Any:
        assert not in_transaction(), "a transaction is open while another service is asked"
        return ASK(*given, **options)

    monkeypatch.setattr(bounded_http._Bounded, "send", watched)
