"""Head and one byte of a request, then its session ends, then the rest: 401, and nothing is done. On both servers."""

import base64
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import jwt
import pyotp
import pytest
from flask import Flask

from app import create_app
from resources.contract import Access
from tests.attacks import doors
from tests.attacks.doors import call
from tests.attacks.test_kinds_of_token import PROVIDER, contracts
from tests.attacks.town import Owner, Town
from tests.conftest import settings_with
from tests.parts.images import of_size
from tests.parts.ports import LOOPBACK
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

NEWER = "nine-purple-lanterns"
LARGE = "PUT /profile, a large picture"
LARGE_SIZE = 9 * 2**20
"""More than both ends of a connection hold: once all but its last byte is sent, the service reads it, so it was judged."""
BODIES: dict[str, Any] = {
    "POST /change-password": {"current_password": PASSWORD, "new_password": NEWER},
    "POST /reauthenticate": {"password": PASSWORD},
    "PUT /profile": {"email": "eve@example.org"},
    "DELETE /profile": {"password": PASSWORD},
    "POST /auth/exchange": {"code": "x"},
    "POST /verify-otp": {"otp_code": "123456"},
    "DELETE /mfa": {"mfa_code": "123456"},
    "POST /mfa/recovery-codes": {"mfa_code": "123456"},
    LARGE: {"profile_picture": "data:image/png;base64," + base64.b64encode(of_size(LARGE_SIZE)).decode()},
}
"""What the call wants; the others take none."""
BY_SESSION = (Access.SIGNED_IN, Access.EITHER_WAY, Access.EITHER_TOKEN)
CALLS = [f"{method} {path}" for method, path, access, _ in contracts() if access in BY_SESSION and method != "GET"] + [LARGE]


@dataclass
class Scene:
    """Somebody, the session that is held, and another one of the same person."""

    app: Flask
    town: Town
    owner: Owner
    other: str

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> int:
        return call(self.town.doors[0], method, path, body, token).status

    def by_mail(self, ask: tuple[str, str, Any], part: str, body: Any = None) -> int:
        self.ask(*ask, self.other)
        self.town.settle()
        return self.ask("POST", self.town.link(self.owner.email, part), body)

    def deactivate(self) -> int:
        return self.app.test_cli_runner().invoke(args=["users", "deactivate", self.owner.name]).exit_code

    def undo(self) -> int:
        moved = f"moved-{self.owner.email}"
        self.ask("PUT", "/profile", {"email": moved}, self.other)
        self.town.settle()
        self.ask("POST", self.town.link(moved, "/confirm/"), None, self.other)
        self.town.settle()
        return self.ask("POST", self.town.link(self.owner.email, "/undo/"))

    def turn_on_mfa(self) -> int:
        secret = call(self.town.doors[0], "POST", "/mfa", None, self.other).json["mfa_secret"]
        return self.ask("POST", "/mfa", {"mfa_code": pyotp.TOTP(secret).now()}, self.other)


def session_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sid"])


CHANGE = ("POST", "/change-password", {"current_password": PASSWORD, "new_password": NEWER})
WAYS: dict[str, Callable[[Scene], int]] = {
    "logout": lambda one: one.ask("POST", "/logout", None, one.owner.refresh),
    "DELETE /sessions/<id>": lambda one: one.ask("DELETE", f"/sessions/{session_of(one.owner.access)}", None, one.other),
    "DELETE /sessions": lambda one: one.ask("DELETE", "/sessions", None, one.other),
    "change of password": lambda one: one.ask(*CHANGE, one.other),
    "reset": lambda one: one.by_mail(
        ("POST", "/forgot-password", {"email": one.owner.email}), "/reset-password/", {"password": NEWER}
    ),
    "MFA on": Scene.turn_on_mfa,
    "undo": Scene.undo,
    "not me": lambda one: one.by_mail(("PUT", "/profile", {"email": f"x-{one.owner.email}"}), "/not-me/"),
    "deletion": lambda one: one.ask("DELETE", "/profile", {"password": PASSWORD}, one.other),
    "deactivation": Scene.deactivate,
}
COMPACT = ("logout", "reset", "MFA on", "deactivation")


@pytest.fixture(scope="module", params=("gunicorn", "granian"))
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smtp: dict[str, str], mail_server: MailServer
) -> Iterator[Town]:
    mail_server.clear()
    uri = f"sqlite:///{tmp_path_factory.mktemp('held') / 'held.db'}"
    # A held body takes a thread, and whoever ends the session needs one.
    own = {"SERVER": str(request.param), "WEB_CONCURRENCY": "1", "WEB_THREADS": "32", "SQLITE_SYNCHRONOUS": "NORMAL"}
    with doors.service(uri, smtp, **PROVIDER | doors.PRODUCTION | own) as door:
        yield Town([door], uri, "sqlite", mail_server)


def halves(name: str, token: str) -> tuple[bytes, bytes]:
    """Head and one byte; of a large body, all but the last byte, so that the call is judged before the rest comes."""
    method, path = (
        name.partition(",")[0]
        .replace("<string:provider>", "google")
        .replace("<string:session_id>", "x")
        .replace("<string:token>", "x" * 43)
        .split()
    )
    raw = json.dumps(BODIES.get(name, {})).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    cut = len(raw) - 1 if name == LARGE else 1
    return head.encode() + raw[:cut], raw[cut:]


def answered(line: socket.socket) -> tuple[int, str]:
    received = b""
    while piece := line.recv(65536):
        received += piece
    return int(received.split()[1]), json.loads(received.partition(b"\r\n\r\n")[2] or b"{}").get("code", "")


@pytest.mark.parametrize("way", WAYS)
def test_a_request_whose_body_was_held_back_does_nothing(town: Town, way: str, request: pytest.FixtureRequest) -> None:
    if way not in COMPACT and not request.config.getoption("--long"):
        pytest.skip("by --long")
    owner = town.person(f"held{list(WAYS).index(way)}x")
    other = doors.login(town.doors[0], owner.name).json["access_token"]
    app = create_app(settings_with(SQLALCHEMY_DATABASE_URI=town.uri))
    with ExitStack() as stack:
        held = {}
        for name in CALLS:
            line = stack.enter_context(socket.create_connection((LOOPBACK, town.doors[0].port), timeout=30))
            first, rest = halves(name, owner.access)
            line.sendall(first)
            held[name] = (line, rest)
        assert WAYS[way](Scene(app, town, owner, other)) in (200, 204, 0)
        town.settle()
        before = _state(town)
        for line, rest in held.values():
            line.sendall(rest)
        answers = {name: answered(line) for name, (line, _) in held.items()}
    print(f"\n{way}: {len(CALLS)} held calls, done {sum(status < 400 for status, _ in answers.values())}")
    assert answers == dict.fromkeys(CALLS, (401, "session_ended"))
    town.settle()
    assert _state(town) == before


def _state(town: Town) -> list[Any]:
    queries = ("SELECT * FROM users", "SELECT id, ended_at, auth_time FROM sessions", "SELECT id, spent_at FROM tickets")
    return [sorted(map(str, town.look(query))) for query in (*queries, "SELECT id FROM letters")]
