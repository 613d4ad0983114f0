"""A person's data is really gone: canaries through whole lives, then deletion, erasure, and a search of all that is left."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import MetaData, select

from app import create_app
from database import db, unit_of_work
from services import clock, erasure, identities
from services.pictures import NAME
from tests.attacks import doors, rows
from tests.attacks.doors import Answer, call
from tests.conftest import settings_with
from tests.parts import forms
from tests.parts.images import encoded
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

LIVES = 2
CROWD = 300
AGENT = "Kanarienbrowser/47.11"
OWN = {"TRUSTED_PROXIES": "1", "ACCOUNT_ERASE_SECONDS": "1", "LOG_LEVEL": "DEBUG", "SQLITE_SYNCHRONOUS": "NORMAL"}


@dataclass
class Person:
    """Whose every word is a canary; what is only made during the life is added to `canaries`."""

    number: int
    canaries: dict[str, str] = field(default_factory=dict)
    picture: bytes = b""
    access: str = ""

    def __post_init__(self) -> None:
        words = ("old-name", "new-name", "wanted", "first", "last", "old-last")
        self.canaries = {word: f"kanari{word.replace('-', '')}{self.number}" for word in words}
        self.canaries |= {word: f"kanari{word}{self.number}@example.org" for word in ("oldmail", "newmail")}
        self.canaries |= {"phone": f"+4416329609{self.number:02}", "ip": f"203.0.113.{170 + self.number}"}
        self.canaries |= {"agent": f"{AGENT}-{self.number}", "subject": f"kanarisubject{self.number}"}

    def ask(self, door: Service, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {"X-Forwarded-For": self.canaries["ip"], "User-Agent": self.canaries["agent"], "Accept": "application/json"}
        return call(door, method, path, body, self.access or None, headers | more.get("headers", {}))


@dataclass(frozen=True)
class Left:
    """Where something of a person could be left."""

    uri: str
    folder: Path

    def places(self) -> Iterator[tuple[str, bytes]]:
        """Every file, and on a database server every value that a query finds."""
        for file in self.folder.rglob("*"):
            if file.is_file():
                yield file.name, file.name.encode() + file.read_bytes()
        if not self.uri.startswith("sqlite"):
            yield "database", "\n".join(self._values()).encode()

    def _values(self) -> Iterator[str]:
        engine, metadata = doors.engine_of(self.uri), MetaData()
        with engine.connect() as connection:
            metadata.reflect(connection)
            for table in metadata.sorted_tables:
                for row in connection.execute(select(table)):
                    yield from map(str, row)
        engine.dispose()

    def hits(self, person: Person) -> dict[str, set[str]]:
        """In which places each canary is found, in any case of its letters."""
        content = {name: raw.lower() for name, raw in self.places()}
        words = {word: value.encode() for word, value in person.canaries.items()} | {"picture": person.picture}
        return {word: {name for name, raw in content.items() if value.lower() in raw} for word, value in words.items()}


@pytest.fixture
def left(uri: str, tmp_path: Path, kind: str) -> Left:
    """All that the service writes lies in one folder."""
    if kind == "sqlite":
        (tmp_path / "state").mkdir()
        uri = f"sqlite:///{tmp_path / 'state' / 'person.db'}"
    return Left(uri, tmp_path / "state")


def test_nothing_of_a_person_is_left(left: Left, smtp: dict[str, str], mail_server: MailServer, kind: str) -> None:
    mail_server.clear()
    left.folder.mkdir(exist_ok=True)
    own = OWN | {"UPLOAD_FOLDER": str(left.folder / "uploads"), "LOG_FILE": str(left.folder / "app.log")}
    people = [Person(number) for number in range(LIVES)]
    with doors.service(left.uri, smtp, **own) as door:
        _crowd(left.uri)
        for person in people:
            _live(door, person, mail_server, left)
        before = [left.hits(person) for person in people]
        for person in people:
            assert person.ask(door, "DELETE", "/profile", {"password": PASSWORD}).status == 204
        doors.wait_until_mail_is_settled(left.uri)
        _crowd_moves(left.uri)
        # A former address may bring the account back for seven days, and erasure waits for that.
        doors.behind_its_back(left.uri, "UPDATE held_addresses SET until = since")
        time.sleep(1.1)
        erased = _erase(left.uri, own)
        after = [left.hits(person) for person in people]
        (left.folder / "planted").write_text(people[0].canaries["first"])
        assert "planted" in left.hits(people[0])["first"], "the search finds what is there"
        assert doors.login(door, "u1").status == 401, "the service goes on"
    missed = [word for found in before for word, places in found.items() if not places]
    stayed = [(word, places) for found in after for word, places in found.items() if places]
    logged = [word for found in before for word, places in found.items() if "app.log" in places]
    print(
        f"\n[{kind}] {LIVES} people, {sum(map(len, before))} canaries: found before {sum(map(bool, _places(before)))},"
        f" in the log {len(logged)}, found after the erasure {len(stayed)}"
    )
    gone_already = {"old-name", "old-last"} if kind != "sqlite" else set()
    assert (set(missed), logged, erased, stayed) == (gone_already, [], LIVES, [])
    assert [file.name for file in (left.folder / "uploads" / "profile_pictures").iterdir()] == []
    assert doors.look(left.uri, "SELECT count(*) FROM audit_facts WHERE kind = 'account_erased'") == [(LIVES,)]


def _places(found: list[dict[str, set[str]]]) -> Iterator[set[str]]:
    return (places for one in found for places in one.values())


def _crowd(uri: str) -> None:
    """Rows of others before and behind, so that pages split, merge and are used again."""
    engine = doors.engine_of(uri)
    rows.people(engine, CROWD, clock.now())
    rows.sessions(engine, 2000, CROWD, clock.now())
    engine.dispose()


def _crowd_moves(uri: str) -> None:
    engine = doors.engine_of(uri)
    rows.sessions(engine, 500, CROWD, clock.now() - timedelta(seconds=5))
    engine.dispose()


def _live(door: Service, person: Person, mail: MailServer, left: Left) -> None:
    said = person.canaries
    names = {"first_name": said["first"], "last_name": said["old-last"], "phone_number": said["phone"]}
    body = {"username": said["old-name"], "email": said["oldmail"], "password": PASSWORD} | names
    assert person.ask(door, "POST", "/signup", body).status == 201
    assert person.ask(door, "POST", doors.path_of(mail.wait_to(said["oldmail"])[0].links[0])).status == 200
    for password in ("wrong-horse-battery", PASSWORD):
        answer = person.ask(door, "POST", "/login", {"username": said["oldmail"], "password": password})
    person.access = answer.json["access_token"]
    assert person.ask(door, "POST", "/mfa").status == 200
    _changes(door, person, mail)
    _sends_a_picture(door, person, left)
    _is_linked(person, left.uri)
    for path in ("/profile", "/profile/export", "/security-events", "/sessions"):
        assert person.ask(door, "GET", path).status == 200


def _changes(door: Service, person: Person, mail: MailServer) -> None:
    """User name, name and address, and then another address that is never proved."""
    said = person.canaries
    new = {"username": said["new-name"], "last_name": said["last"], "email": said["newmail"]}
    assert person.ask(door, "PUT", "/profile", new).status == 200
    link = next(link for link in mail.wait_to(said["newmail"])[0].links if "/confirm/" in link)
    assert person.ask(door, "POST", doors.path_of(link)).status == 200
    assert person.ask(door, "PUT", "/profile", {"email": f"{said['wanted']}@example.org"}).status == 200
    mail.wait_to(f"{said['wanted']}@example.org")


def _sends_a_picture(door: Service, person: Person, left: Left) -> None:
    content = encoded(Image.effect_noise((50, 50), 80 + person.number).convert("RGB"), "PNG")
    headers = {"Content-Type": forms.CONTENT_TYPE}
    for _ in range(2):
        assert person.ask(door, "PUT", "/profile", forms.body(forms.file(content)), headers=headers).status == 200
    name = person.ask(door, "GET", "/profile").json["profile_picture"].rsplit("/", 1)[1]
    assert NAME.fullmatch(name)
    stored = (left.folder / "uploads" / "profile_pictures" / name).read_bytes()
    person.canaries["picture's name"], person.picture = name, stored[200:260]


def _is_linked(person: Person, uri: str) -> None:
    name = person.canaries["new-name"]
    user_id = doors.look(uri, "SELECT id FROM users WHERE username = :name", name=name)[0][0]
    app = create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri))
    with app.app_context():
        with unit_of_work():
            identities.link(user_id, "google", "https://accounts.example.org", person.canaries["subject"])
        _close()


def _erase(uri: str, own: dict[str, str]) -> int:
    """What the job does, in a process of its own."""
    app = create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri, **own | {"LOG_FILE": ""}))
    with app.app_context():
        erased = erasure.erase_due()
        _close()
    return erased


def _close() -> None:
    for engine in db.engines.values():
        engine.dispose()
