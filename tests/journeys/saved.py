"""Houses that are saved and brought back, each with its own database and pictures, and what people hold before."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commands.backup.stores import let_go
from database import unit_of_work
from schema import migrations
from services import pictures, provider_visits
from tests import factors, mailed
from tests.conftest import refuse_or_skip, start_database
from tests.parts import postgresql
from tests.parts.images import encoded, plain
from tests.parts.missing import Missing
from tests.parts.smtp import MailServer
from tests.resources.conftest import Door, app_with
from tests.resources.gallery import data_uri

ADA, BEA, CAL = (f"{name}@example.org" for name in ("ada", "bea", "cal"))
NUMBERS = count()


@dataclass
class Place:
    """A house with its own database and pictures, in one folder."""

    door: Door
    folder: Path
    uri: str

    def run(self, *words: str) -> tuple[int, str]:
        result = self.door.app.test_cli_runner().invoke(args=list(words))
        return result.exit_code, (result.output.strip().splitlines() or [repr(result.exception)])[-1]

    def leave(self) -> None:
        """Its connections close, also those that wait to be collected, as when a process ends."""
        with self.door.app.app_context():
            let_go()
        gc.collect()

    def picture_of(self, access: str) -> TestResponse:
        url = self.door.get("/profile", access).get_json()["profile_picture"]
        return self.door.get("/uploads" + url.split("/uploads")[1])

    def everything(self) -> tuple[dict[str, int], list[str]]:
        with self.door.app.app_context():
            found = sorted(pictures.names())
        kept = self.door.counts() | {"hashes": hash(str(self.door.rows("users")))}
        self.leave()
        return kept, found


Settle = Callable[..., Place]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def fresh_uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes an empty database at each call; the client programs stand on PATH."""
    folder = tmp_path_factory.mktemp("databases")
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{folder}/{next(NUMBERS)}.db"
        return
    with ExitStack() as stack, client_programs():
        uri = start_database(stack, "postgresql", folder).rpartition("/")[0]
        yield lambda: postgresql.create_database(uri)


@contextmanager
def client_programs() -> Iterator[None]:
    """Those that fit the server of the tests."""
    try:
        programs = postgresql._wheel_programs()
    except Missing as missing:
        refuse_or_skip(missing)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}{os.pathsep}{before}"
    yield
    os.environ["PATH"] = before


@pytest.fixture
def settle(
    fresh_uri: Callable[[], str],
    tmp_path: Path,
    mail_server: MailServer,
    smtp: dict[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[Settle]:
    made: list[Place] = []

    def make(name: str, *, migrated: bool = True, **changes: str) -> Place:
        known = [place for place in made if place.folder.name == name]
        uri = known[0].uri if known else fresh_uri()
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        own = {"SQLALCHEMY_DATABASE_URI": uri, "UPLOAD_FOLDER": str(folder / "uploads"), "MAX_UPLOAD_BYTES": "100000"}
        app = app_with(folder / "unused", **smtp | own | changes)
        if migrated and not known:
            with app.app_context():
                migrations().upgrade()
                let_go()
        made.append(Place(Door(app, mail_server), folder, uri))
        return made[-1]

    mail_server.clear()
    gc.freeze()  # else `leave` would search through all that the tests before these have left
    yield make
    for place in made:
        place.leave()
    gc.unfreeze()


@dataclass
class Before:
    """What people hold when the backup is made."""

    access: str
    refresh: str
    reset: str
    confirm: str
    mfa_token: str
    login_code: str
    phone: factors.Phone
    state: str


def inhabited(place: Place) -> Before:
    """`ada`; `bea` with an app, recovery codes and a picture; `cal`, who has not confirmed."""
    door = place.door
    with door.app.app_context():
        door.account()
        bea, phone = factors.protected(door, "bea", BEA)
        assert door.put("/profile", {"profile_picture": data_uri(encoded(plain(), "PNG"))}, bea).status_code == 200
        door.sign_up("cal", CAL)
        confirm = mailed.newest(door, CAL, mailed.CONFIRM)
        access, refresh = door.tokens()
        reset = mailed.ask_for_reset(door, ADA)
        code = mailed.ask_for_code(door, ADA)
        mfa_token = factors.pending(door, "bea")
        with unit_of_work():
            state = provider_visits.depart("google", "browser", {"nonce": "n"})
        return Before(access, refresh, reset, confirm, mfa_token, code, phone, state)


@contextmanager
def load(app: Flask, mail_server: MailServer, work: Callable[[Door, int], None]) -> Iterator[list[int]]:
    """Goes on calling until the block ends; the list counts the rounds."""
    over, rounds = Event(), [0]

    def go_on() -> None:
        while not over.is_set():
            work(Door(app, mail_server), rounds[0])
            rounds[0] += 1

    thread = Thread(target=go_on)
    thread.start()
    while not rounds[0]:
        over.wait(0.01)
    try:
        yield rounds
    finally:
        over.set()
        thread.join()
