"""A cheaper house, on SQLite alone, for what does not depend on the engine; built anew where other settings are wanted.

No app context stays open between its requests, so each has its own `g`, as behind a real server.
"""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import MetaData, delete, func, select, update

import extensions
from app import create_app
from database import Base, db, unit_of_work
from model import User
from services import pictures
from tests.conftest import settings_with
from tests.parts.smtp import MailServer
from tests.people import House
from tests.resources.gallery import MOST_BYTES, Gallery

METADATA: MetaData = Base.metadata


class Door(House):
    """The house on SQLite, with questions about what is written."""

    def open(self) -> None:
        with self.app.app_context():
            METADATA.create_all(db.engine)

    def deliver(self) -> None:
        with self.app.app_context():
            super().deliver()

    def empty(self) -> None:
        with self.app.app_context(), unit_of_work():
            for table in reversed(METADATA.sorted_tables):
                db.session.execute(delete(table))
        self.mail_server.clear()

    def counts(self) -> dict[str, int]:
        """How many rows each table has, except those that also keep what was refused: the audit's and the guesses'."""
        with self.app.app_context(), db.engine.connect() as connection:
            tables = [table for table in METADATA.sorted_tables if table.name not in ("audit_facts", "attempts")]
            return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables}

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self.app.app_context(), db.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(METADATA.tables[table])).mappings()]

    def change(self, table: str, **values: Any) -> None:
        """Changes every row of a table, behind the service's back."""
        with self.app.app_context(), unit_of_work():
            db.session.execute(update(METADATA.tables[table]).values(values))

    def user(self, username: str = "ada") -> dict[str, Any]:
        return next(row for row in self.rows(User.__tablename__) if row["username"] == username)


def app_with(database: Path, **changes: str) -> Flask:
    """An app with these settings, and with limits of its own."""
    previous = extensions.limiter
    extensions.limiter = extensions.StorageOfLimits(key_func=extensions.client_network)
    try:
        return create_app(settings_with(**{"SQLALCHEMY_DATABASE_URI": f"sqlite:///{database}"} | changes))
    finally:
        extensions.limiter = previous


def heard_log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the app that was made last will say to the console."""
    console = next(handler for handler in logging.getLogger().handlers if getattr(handler, "is_latchkey", False))
    heard = io.StringIO()
    monkeypatch.setattr(console, "stream", heard)
    return heard


def door_with(folder: Path, mail_server: MailServer, smtp: dict[str, str], **changes: str) -> Door:
    """A house of its own with these settings."""
    made = Door(app_with(folder / "door.db", **smtp | changes), mail_server)
    made.open()
    return made


@pytest.fixture(scope="session")
def standing_door(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Door:
    return door_with(tmp_path_factory.mktemp("door"), mail_server, smtp, SQLITE_SYNCHRONOUS="NORMAL")


@pytest.fixture
def door(standing_door: Door) -> Door:
    standing_door.empty()
    return standing_door


@pytest.fixture
def build(tmp_path: Path, mail_server: MailServer, smtp: dict[str, str]) -> Callable[..., Door]:
    """Makes a house with other settings; a second one shares the first one's database."""
    mail_server.clear()

    def make(**changes: str) -> Door:
        return door_with(tmp_path, mail_server, smtp, **changes)

    return make


@pytest.fixture(scope="session")
def standing_gallery(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Door:
    """A house with a folder of its own for pictures, and a small bound on their files."""
    folder = tmp_path_factory.mktemp("gallery")
    own = {"UPLOAD_FOLDER": str(folder / "uploads"), "MAX_UPLOAD_BYTES": str(MOST_BYTES), "SQLITE_SYNCHRONOUS": "NORMAL"}
    return door_with(folder, mail_server, smtp, **own)


@pytest.fixture
def gallery(standing_gallery: Door) -> Gallery:
    """`ada`, signed in and without a picture."""
    standing_gallery.empty()
    with standing_gallery.app.app_context():
        folder = pictures.folder()
    for file in folder.glob("*"):
        file.unlink()
    standing_gallery.account(first_name="Ada", last_name="Lovelace")
    return Gallery(standing_gallery, folder, standing_gallery.tokens()[0])
