"""A session ends after its call was judged and before the call writes: nothing of it is done.

Calls and their bodies come from the route table; a new call that changes something is in the matrix without anybody's doing.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from sqlalchemy import event, text

from database import db, unit_of_work
from resources.contract import Access
from services import identities
from tests.attacks.secrets_of import NEWER, Holder, holder
from tests.attacks.test_kinds_of_token import BODIES, PROVIDER, contracts
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.conftest import Door, door_with

BY_SESSION = (Access.SIGNED_IN, Access.EITHER_WAY, Access.EITHER_TOKEN)
CALLS = [(method, path) for method, path, access, _ in contracts() if access in BY_SESSION and method != "GET"]
KEPT_EITHER_WAY = {"audit_facts", "attempts"}


@dataclass
class Scene:
    """Somebody with two sessions: the call is made in one, and the other may end it."""

    one: Holder
    other: str
    ended: list[int] = field(default_factory=list)

    @property
    def session_id(self) -> str:
        claims: dict[str, str] = jwt.decode(self.one.access, options={"verify_signature": False})
        return claims["sid"]

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> int:
        return self.one.door.ask(method, path, body, token).status_code

    def deactivate(self) -> int:
        result = self.one.door.app.test_cli_runner().invoke(args=["users", "deactivate", self.one.name])
        return result.exit_code


WAYS: dict[str, Callable[[Scene], int]] = {
    "logout": lambda scene: scene.ask("POST", "/logout", None, scene.one.secrets["refresh token"]),
    "DELETE /sessions/<id>": lambda scene: scene.ask("DELETE", f"/sessions/{scene.session_id}", None, scene.other),
    "DELETE /sessions": lambda scene: scene.ask("DELETE", "/sessions", None, scene.other),
    "reset": lambda scene: scene.ask("POST", f"/reset-password/{scene.one.secrets['reset link']}", {"password": NEWER}),
    "change of password": lambda scene: scene.ask(
        "POST", "/change-password", {"current_password": PASSWORD, "new_password": NEWER}, scene.other
    ),
    "MFA off": lambda scene: scene.ask("DELETE", "/mfa", {"mfa_code": scene.one.spare[-1]}, scene.other),
    "undo": lambda scene: scene.ask("POST", f"/undo/{scene.one.secrets['undo link of an address']}"),
    "not me": lambda scene: scene.ask("POST", f"/not-me/{scene.one.secrets['not-me link']}"),
    "deletion": lambda scene: scene.ask("DELETE", "/profile", {"password": PASSWORD}, scene.other),
    "deactivation": lambda scene: scene.deactivate(),
}
PAIRS = list(itertools.product(CALLS, WAYS))
COMPACT = {(call, list(WAYS)[number % len(WAYS)]) for number, call in enumerate(CALLS)}
"""Each call, and each way, at least once. That the same calls are made while the session lives, `test_kinds_of_token` shows."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Door:
    mail_server.clear()
    own = {"SQLITE_SYNCHRONOUS": "NORMAL", "HASHING_CONCURRENCY": "4"}
    return door_with(tmp_path_factory.mktemp("meanwhile"), mail_server, smtp, **PROVIDER | own)


def scene_of(house: Door) -> Scene:
    one = holder(house)
    answer = house.post("/login", {"username": one.name, "password": PASSWORD, "mfa_code": one.spare.pop()})
    one.settle()
    return Scene(one, answer.get_json()["access_token"])


def made(scene: Scene, method: str, path: str) -> tuple[int, str]:
    """The call with everything right but, perhaps, its session; status and code."""
    one = scene.one
    body_of = BODIES.get((method, path))
    body = body_of(one) if body_of else None
    other_session = jwt.decode(scene.other, options={"verify_signature": False})["sid"]
    address = path.replace("<string:provider>", "google").replace("<string:session_id>", other_session)
    address = address.replace("<string:token>", one.secrets["change link"])
    answer = one.door.ask(method, address, body, one.access)
    return answer.status_code, (answer.get_json(silent=True) or {}).get("code", "")


def _is_linked(one: Holder) -> None:
    """To the provider that the call is about; without it the call is refused before anything is written."""
    with one.door.app.app_context(), unit_of_work():
        identities.link(one.id, "google", "http://127.0.0.1:9", one.name)


@contextmanager
def before_it_writes(house: Door, do: Callable[[], None]) -> Iterator[None]:
    """Does it as soon as the next transaction takes its connection: before its BEGIN, which locks SQLite."""
    with house.app.app_context():
        engine = db.engine
    left = [do]

    def interpose(*what: object) -> None:
        if left:
            with ThreadPoolExecutor(1) as beside:  # contexts of its own, as another request has
                beside.submit(left.pop()).result()

    event.listen(engine, "checkout", interpose)
    try:
        yield
    finally:
        event.remove(engine, "checkout", interpose)


def everything(house: Door) -> dict[str, list[Any]]:
    with house.app.app_context(), db.engines["reader"].connect() as connection:
        tables = [table for table in house.counts() if table not in KEPT_EITHER_WAY]
        return {table: list(connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).all()) for table in tables}


@pytest.mark.parametrize(("call", "way"), PAIRS, ids=lambda one: one if isinstance(one, str) else " ".join(one))
def test_a_call_whose_session_ended_before_it_wrote_does_nothing(
    house: Door, call: tuple[str, str], way: str, request: pytest.FixtureRequest
) -> None:
    if (call, way) not in COMPACT and not request.config.getoption("--long"):
        pytest.skip("by --long")
    scene, seen = scene_of(house), []

    def end() -> None:
        scene.ended.append(WAYS[way](scene))
        scene.one.settle()
        seen.append(everything(house))

    if call[1] == "/auth/<string:provider>/reauthenticate":
        _is_linked(scene.one)
    with before_it_writes(house, end):
        status, code = made(scene, *call)
    assert scene.ended in ([200], [204], [0])
    assert (status, code) in ((401, "session_ended"), (401, "invalid_otp")), code  # the code may have become void with it
    assert everything(house) == seen[0]


def test_a_sign_in_that_has_grown_old_meanwhile_is_asked_for_again(house: Door) -> None:
    """Freshness too is judged again: here a step-up of long ago."""
    scene = scene_of(house)
    with before_it_writes(house, lambda: house.app.extensions.update(settings=_impatient(house))):
        answer = made(scene, "DELETE", "/profile")
    house.app.extensions["settings"] = house.app.extensions.pop("patient")
    assert answer == (401, "reauthentication_required")
    assert house.user(scene.one.name)["deleted_at"] is None


def _impatient(house: Door) -> Any:
    house.app.extensions["patient"] = house.app.extensions["settings"]
    return house.app.extensions["settings"].model_copy(update={"fresh_seconds": -1})
