"""A session is ended while its tokens are refreshed a hundred times a second: nothing of it works from then on."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app import create_app
from database import db, unit_of_work
from model import User
from services import sessions
from tests.attacks import doors, loops
from tests.attacks.doors import call
from tests.attacks.loops import Minted
from tests.conftest import settings_with
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
AFTERWARDS = 0.2
"""Seconds for which the loop goes on once the session has ended."""
NEWEST = 16
"""Pairs of each round that are tried again at the end; those before them differ in nothing."""
NEW_PASSWORD = "another-horse-battery-9"
MAILED = 5
"""Rounds of a way that needs a mail: no more of one kind go to one address in an hour."""


@dataclass
class Scene:
    """One round: the session that is refreshed, by its tokens, and the access token of another one of the same person."""

    app: Flask
    pair: list[Service]
    mail: MailServer
    other: str
    tokens: dict[str, Any]

    def link(self, path: str) -> str:
        """The newest mailed link of a kind, once there is one that no earlier round has used."""
        used = self.app.config.setdefault("USED_LINKS", set())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            links = [link for mail in list(self.mail.messages) for link in mail.links if f"/{path}/" in link]
            if fresh := [link for link in links if link not in used]:
                used.add(fresh[-1])
                return doors.path_of(fresh[-1])
            time.sleep(0.05)
        raise TimeoutError(f"no fresh link of {path} was mailed")


def _logout(scene: Scene) -> None:
    assert call(scene.pair[0], "POST", "/logout", token=scene.tokens["access_token"]).status == 200


def _from_another_session(scene: Scene) -> None:
    assert call(scene.pair[1], "DELETE", "/sessions", token=scene.other).status == 204


def _end_all(scene: Scene) -> None:
    """By a third process, as a command of the operator would."""
    with scene.app.app_context():
        user = doors.look(scene.app.extensions["settings"].sqlalchemy_database_uri, "SELECT id FROM users")[0][0]
        with unit_of_work():
            assert sessions.end_all(user, "revoked_by_admin") >= 1


def _deactivate(scene: Scene) -> None:
    result = scene.app.test_cli_runner().invoke(args=["users", "deactivate", "ada"])
    assert (result.exit_code, result.output) == (0, "ada is inactive, and its sessions have ended.\n")


def _delete(scene: Scene) -> None:
    assert call(scene.pair[1], "DELETE", "/profile", {"password": PASSWORD}, scene.other).status == 204


def _change_the_password(scene: Scene) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert call(scene.pair[1], "POST", "/change-password", body, scene.other).status == 200


def _reset_the_password(scene: Scene) -> None:
    assert call(scene.pair[1], "POST", "/forgot-password", {"email": "ada@example.org"}).status == 202
    assert call(scene.pair[1], "POST", scene.link("reset-password"), {"password": NEW_PASSWORD}).status == 200


def _press_not_me(scene: Scene) -> None:
    """In the notices of the changed passwords: this way comes after those."""
    assert call(scene.pair[1], "POST", scene.link("not-me")).status == 200


WAYS: dict[str, Callable[[Scene], None]] = {
    "logout": _logout,
    "DELETE /sessions": _from_another_session,
    "end_all": _end_all,
    "deactivation": _deactivate,
    "deletion": _delete,
    "change of password": _change_the_password,
    "reset": _reset_the_password,
    "not me": _press_not_me,
}
NEED_A_MAIL = {"change of password", "reset", "not me"}


@pytest.fixture
def pair(uri: str, smtp: dict[str, str], mail_server: MailServer) -> Iterator[list[Service]]:
    mail_server.clear()
    with doors.services(uri, smtp, SQLITE_SYNCHRONOUS="NORMAL") as started:  # the loop's pace, not the disk's
        doors.account(started[0], mail_server, "ada")
        yield started


@pytest.fixture
def app(uri: str, pair: list[Service]) -> Iterator[Flask]:
    made = create_app(settings_with(SQLALCHEMY_DATABASE_URI=uri))
    yield made
    with made.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_nothing_that_was_minted_works_once_its_session_has_ended(
    app: Flask, pair: list[Service], mail_server: MailServer, kind: str, rounds: int
) -> None:
    _check_that_a_live_session_is_counted(pair, kind)
    everything = []
    for name, end in WAYS.items():
        count = min(MAILED, rounds // 2) if name in NEED_A_MAIL else max(3, rounds // 2)
        runs = [_ended_while_refreshing(app, pair, mail_server, end) for _ in range(count)]
        late = sum(pair.asked > ended for minted, ended in runs for pair in minted)
        newest = [pair for minted, _ in runs for pair in minted[-NEWEST:]]
        accepted = loops.accepted_after(pair, newest)
        count, pace = sum(len(minted) for minted, _ in runs), sum(_pace(minted) for minted, _ in runs) / len(runs)
        print(
            f"[{kind}] {name}, {len(runs)} rounds: {count} pairs minted, {pace:.0f} a second; minted for who asked"
            f" afterwards {late}; accepted afterwards on two workers {accepted} of the newest {len(newest)}"
        )
        assert (late, accepted) == (0, 0)
        everything += newest
    for door in pair:
        door.restart()
    accepted = loops.accepted_after(pair, everything)
    print(f"[{kind}] after a restart: accepted {accepted} of {len(everything)} pairs")
    assert accepted == 0


def _check_that_a_live_session_is_counted(pair: list[Service], kind: str) -> None:
    """The control: of a session that lives, the newest pair works at both doors."""
    tokens = doors.login(pair[0], "ada").json
    with loops.refreshing(pair, tokens, after=6) as minted:
        pass
    accepted = loops.accepted_after(pair, minted[-1:])
    print(f"\n[{kind}] control, a live session: {accepted} taken of 2 tokens at 2 doors")
    assert accepted == 4


def _ended_while_refreshing(
    app: Flask, pair: list[Service], mail: MailServer, end: Callable[[Scene], None]
) -> tuple[list[Minted], float]:
    """What was minted, and the moment from which the session had ended."""
    kept = doors.look(app.extensions["settings"].sqlalchemy_database_uri, "SELECT password_hash FROM users")[0][0]
    other = doors.login(pair[1], "ada").json["access_token"]
    tokens = doors.login(pair[0], "ada").json
    with loops.refreshing(pair, tokens, after=20) as minted:
        end(Scene(app, pair, mail, other, tokens))
        ended = time.monotonic()
        time.sleep(AFTERWARDS)
    with app.app_context(), unit_of_work():  # what has ended stays so, also where the account is opened again
        db.session.execute(update(User).values(is_active=True, deleted_at=None, password_hash=kept))
    return minted, ended


def _pace(minted: list[Minted]) -> float:
    return len(minted) / (minted[-1].answered - minted[0].asked)
