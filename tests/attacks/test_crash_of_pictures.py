"""SIGKILL at every boundary of a picture's change and of a deletion: no file without owner, no owner without file."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from app import create_app
from database import Base, db, rows, unit_of_work
from model import AuditFact, Letter, Session, User
from services import addresses, clock, erasure, passwords, pictures, sessions, tokens, users
from services.erasure import NOBODY
from tests.conftest import ROOMY, settings_with
from tests.parts import images
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(600)
ROOT = Path(__file__).resolve().parents[2]
MOST = 100
"""Accounts, each for one boundary: more than there are."""
NEW = base64.b64encode(images.jpeg()).decode()


@dataclass
class Town:
    """Accounts `p0`, `p1`, …, each signed in and with a picture."""

    app: Flask
    settings: dict[str, str]
    folder: Path

    def tokens(self, count: int) -> list[str]:
        return [self._inhabitant(f"p{number}") for number in range(count)]

    def _inhabitant(self, name: str) -> str:
        with unit_of_work():
            account = users.get(users.sign_up(name, f"{name}@example.org", self.hash))
            assert account
            assert addresses.prove(account)
            users.change(account.id, {"picture": pictures.keep(images.png(), "png")})
            return tokens.mint_access(sessions.open_for(account, ("pwd",), NOBODY))

    @property
    def hash(self) -> str:
        if not hasattr(self, "_hash"):
            self._hash = passwords.hashed(PASSWORD)
        return self._hash

    def killed_at_every_boundary(self, calls: list[dict[str, Any]]) -> int:
        """How many boundaries there were."""
        spec = self.folder.parent / "spec.json"
        spec.write_text(json.dumps({"settings": self.settings, "calls": calls}))
        command = [sys.executable, "-m", "tests.attacks.mortal", str(spec)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return int(ended.stdout)

    def ask(self, call: dict[str, Any]) -> int:
        """As a client would try again."""
        headers = {"Authorization": f"Bearer {call['token']}"}
        return self.app.test_client().delete(call["path"], json=call["json"], headers=headers).status_code

    def files(self) -> set[str]:
        return {file.name for file in self.folder.glob("*")}

    def owned(self) -> set[str]:
        return {row.picture for row in rows(select(User.picture).where(User.picture.is_not(None)))}

    def sweep(self) -> int:
        with time_machine.travel(clock.now() + timedelta(hours=1, seconds=5)):
            return pictures.sweep()


@pytest.fixture
def build(uri: str, tmp_path: Path) -> Iterator[Callable[..., Town]]:
    opened = []

    def made(**changes: str) -> Town:
        own = {"SQLALCHEMY_DATABASE_URI": uri, "UPLOAD_FOLDER": str(tmp_path / "uploads"), "SQLITE_SYNCHRONOUS": "NORMAL"}
        app = create_app(settings_with(**own, **changes))
        context = app.app_context()
        context.push()
        opened.append(context)
        Base.metadata.create_all(db.engine)
        return Town(app, ROOMY | own | changes, tmp_path / "uploads" / "profile_pictures")

    yield made
    for context in opened:
        for engine in db.engines.values():
            engine.dispose()
        context.pop()


def test_a_picture_is_the_old_or_the_new_one_and_never_missing(build: Callable[..., Town], kind: str) -> None:
    town = build()
    given = town.tokens(MOST)
    before = town.files()
    calls = [{"method": "PUT", "path": "/profile", "token": token, "file": NEW} for token in given]
    count = town.killed_at_every_boundary(calls)
    owned, files = town.owned(), town.files()
    untouched = MOST - count - 1
    kept, missing, orphans = len(owned & before) - untouched, owned - files, files - owned
    swept = town.sweep()
    print(
        f"\n[{kind}] killed at {count} boundaries of a picture's change: kept the old one {kept}, owners"
        f" without file {len(missing)}, files without owner {len(orphans)}, after the sweep {len(town.files() - owned)}"
    )
    assert count > 15
    assert 0 < kept < count
    assert (missing, len(orphans)) == (set(), swept)
    assert orphans, "somewhere between the file and its row it was killed"
    assert town.files() == owned
    assert len(owned) == MOST


@pytest.mark.parametrize("seconds", ["0", "604800"])
def test_a_deletion_is_whole_or_not_at_all(build: Callable[..., Town], kind: str, seconds: str) -> None:
    town = build(ACCOUNT_ERASE_SECONDS=seconds)
    given = town.tokens(MOST)
    calls = [{"method": "DELETE", "path": "/profile", "token": token, "json": {"password": PASSWORD}} for token in given]
    count = town.killed_at_every_boundary(calls)
    deleted = _halves(seconds == "0")
    assert town.owned() - town.files() == set()
    again = {town.ask(calls[number]) for number in range(count) if number not in deleted}
    town.sweep()
    print(f"\n[{kind}] killed at {count} boundaries of a deletion ({seconds} s): done {len(deleted)}, tried again {again}")
    assert count > 20
    assert 0 < len(deleted) < count
    assert again == {204}
    assert town.files() == town.owned()
    assert len(town.owned()) == MOST - (count + 1 if seconds == "0" else 0)


def _halves(at_once: bool) -> set[int]:
    """Which accounts are deleted; fails where one is deleted by half."""
    ended = dict(rows(select(Session.user_id, Session.end_reason)))
    facts = [tuple(row) for row in rows(select(AuditFact.user_id, AuditFact.kind).where(AuditFact.kind.like("account%")))]
    found = rows(select(User.id, User.created_at, User.deleted_at, User.erased_at, User.picture).order_by(User.created_at))
    deleted = {number for number, user in enumerate(found) if user.deleted_at}
    for number, user in enumerate(found):
        gone = number in deleted
        assert (ended[user.id] == "account_deleted") is gone
        assert ((user.id, "account_deleted") in facts) is gone
        assert ((user.id, "account_erased") in facts, user.erased_at is not None, user.picture is None) == (
            gone and at_once,
        ) * 3
    ordered = rows(select(Letter.id).where(Letter.kind == "account_deleted"))
    assert len(ordered) == (0 if at_once else len(deleted))
    return deleted


def test_the_job_that_erases_goes_on_where_it_was_killed(build: Callable[..., Town], kind: str) -> None:
    town = build()
    town.tokens(6)
    with unit_of_work():
        db.session.execute(update(User).values(deleted_at=clock.now() - timedelta(days=8)))
    count = town.killed_at_every_boundary([{"job": True}] * MOST)
    assert town.owned() - town.files() == set()
    assert erasure.erase_due() == 0, "the last run came to its end"
    swept = town.sweep()
    erased = rows(select(AuditFact.user_id).where(AuditFact.kind == "account_erased"))
    print(f"\n[{kind}] the erasing job killed {count} times: erased {len(erased)} of 6, once each; files swept {swept}")
    assert len({row.user_id for row in erased}) == len(erased) == 6
    assert (town.files(), town.owned()) == (set(), set())
