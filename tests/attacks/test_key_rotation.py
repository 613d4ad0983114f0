"""The signing key is replaced while people work: nobody is refused, and then nothing by the old key is taken."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.conftest import SECRETS
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.services.test_signing import new_key

pytestmark = pytest.mark.timeout(1500)  # the full figures take their time
CALLERS = 4
REFRESH_EVERY = 5
PAUSE = 0.01
"""Seconds between two calls, or the processes that start would find no time to."""
OTHER_SECRETS = {
    "new": "a-second-key-of-more-than-32-bytes-0123456789",
    "early": "a-third-key-of-more-than-32-bytes-9876543210",
}


@dataclass(frozen=True)
class Keys:
    """Named keys of one algorithm: how a ring of them is set, and what each signs with."""

    algorithm: str
    setting: str
    values: dict[str, str]
    signs: dict[str, Any]

    def ring(self, *names: str) -> dict[str, str]:
        return {"JWT_ALGORITHM": self.algorithm, self.setting: ",".join(self.values[name] for name in names)}


@pytest.fixture(params=["HS256", "EdDSA"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    if request.param == "HS256":
        secrets = {"old": SECRETS["JWT_SECRET_KEY"], **OTHER_SECRETS}
        return Keys("HS256", "JWT_SECRET_KEY", secrets, secrets)
    files = {name: new_key(tmp_path, f"{name}.pem", "EdDSA") for name in ("old", "new", "early")}
    return Keys(
        "EdDSA", "JWT_PRIVATE_KEYS", {n: str(f) for n, f in files.items()}, {n: f.read_bytes() for n, f in files.items()}
    )


@pytest.fixture
def pair(tmp_path: Path, smtp: dict[str, str], mail_server: MailServer, keys: Keys) -> Iterator[list[Service]]:
    mail_server.clear()
    uri = f"sqlite:///{tmp_path / 'rotation.db'}"
    changes = {"BASE_URL": "http://127.0.0.1:5000", "SQLITE_SYNCHRONOUS": "NORMAL"} | keys.ring("old")
    with ExitStack() as stack:
        started = [stack.enter_context(doors.service(uri, smtp, **changes)) for _ in range(2)]
        doors.account(started[0], mail_server, "ada")
        yield started


@pytest.fixture
def wanted(request: pytest.FixtureRequest) -> int:
    """Honest calls of one rotation."""
    return 10000 if request.config.getoption("--long") else 1000


def test_a_rotation_refuses_no_honest_call_and_retires_the_old_key(pair: list[Service], keys: Keys, wanted: int) -> None:
    _check_that_refusals_are_seen(pair, keys)
    sleeper = doors.login(pair[0], "ada").json
    with _calling(pair) as callers:
        for number, ring in enumerate((("old", "new"), ("new", "old"), ("new",)), 1):
            if number == 3:
                _wait_until_all_have_refreshed(callers)
                assert call(pair[0], "GET", "/profile", token=sleeper["access_token"]).status == 200
            for door in pair:
                door.restart(**keys.ring(*ring))
            _until(lambda number=number: _calls(callers) >= wanted * number // 3)  # type: ignore[misc]
    refused = [refusal for caller in callers for refusal in caller.refused]
    old = _signed_by_the_old_key(sleeper, callers[0].tokens, keys)
    accepted = [name for name, (method, path, token) in old.items() if _is_taken_anywhere(pair, method, path, token)]
    print(
        f"[{keys.algorithm}] rotation on two processes: failed honest calls {len(refused)} of {_calls(callers)};"
        f" signed by the old key and accepted afterwards {len(accepted)} of {len(old)}"
    )
    assert refused == accepted == []


def _check_that_refusals_are_seen(pair: list[Service], keys: Keys) -> None:
    """The control, a rotation in the wrong order: one process signs with a key that the other does not know yet."""
    pair[0].restart(**keys.ring("early", "old"))
    with _calling(pair) as callers:
        _until(lambda: _calls(callers) >= 100)
    refused = sum(len(caller.refused) for caller in callers)
    print(f"\n[{keys.algorithm}] control, the new key first at once: failed honest calls {refused} of {_calls(callers)}")
    assert refused > 0
    pair[0].restart(**keys.ring("old"))


def _signed_by_the_old_key(sleeper: dict[str, Any], present: dict[str, Any], keys: Keys) -> dict[str, tuple[str, str, str]]:
    """Tokens that were minted before, and fresh ones for a session that lives, by somebody who has the old key."""
    found = {}
    old_header = jwt.get_unverified_header(sleeper["access_token"])
    for kind, call_of_it in {"access": ("GET", "/profile"), "refresh": ("POST", "/refresh")}.items():
        claims = jwt.decode(present[f"{kind}_token"], options={"verify_signature": False})
        new_header = jwt.get_unverified_header(present[f"{kind}_token"])
        for header in (old_header, new_header):
            token = jwt.encode(claims, keys.signs["old"], keys.algorithm, header)
            found[f"{kind} signed now, kid {header['kid']}"] = (*call_of_it, token)
        found[f"{kind} minted before"] = (*call_of_it, sleeper[f"{kind}_token"])
    return found


def _is_taken_anywhere(pair: Sequence[Service], method: str, path: str, token: str) -> bool:
    answers = [call(door, method, path, token=token) for door in pair]
    assert {answer.status for answer in answers} <= {200, 401}
    return any(answer.status == 200 for answer in answers)


@dataclass
class Caller:
    """Somebody signed in, who reads and refreshes again and again; what a stopping process cuts off goes to the other."""

    pair: Sequence[Service]
    tokens: dict[str, Any]
    calls: int = 0
    renewed: float = 0.0
    refused: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            self._ask("GET", "/profile", self.tokens["access_token"])
            if self.calls % REFRESH_EVERY == 0:
                asked = time.monotonic()
                answer = self._ask("POST", "/refresh", self.tokens["refresh_token"])
                if answer.status == 200:
                    self.tokens, self.renewed = answer.json, asked

    def _ask(self, method: str, path: str, token: str) -> Answer:
        for attempt in range(1000):
            try:
                answer = call(self.pair[(self.calls + attempt) % len(self.pair)], method, path, token=token)
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
                continue
            self.calls += 1
            if answer.status != 200:
                self.refused.append(f"{method} {path} {answer.code}")
            return answer
        raise AssertionError("no process answers")


@contextmanager
def _calling(pair: Sequence[Service]) -> Iterator[list[Caller]]:
    """The callers at work beside the body."""
    callers = [Caller(pair, doors.login(pair[1], "ada").json) for _ in range(CALLERS)]
    stop = threading.Event()
    with ThreadPoolExecutor(CALLERS) as pool:
        running = [pool.submit(caller.run, stop) for caller in callers]
        try:
            yield callers
        finally:
            stop.set()
    for done in running:
        done.result()


def _calls(callers: Sequence[Caller]) -> int:
    return sum(caller.calls for caller in callers)


def _wait_until_all_have_refreshed(callers: Sequence[Caller]) -> None:
    """What a day does in earnest: nobody honest holds a token by the old key any more, unless somebody was refused."""
    began = time.monotonic()
    _until(lambda: all(caller.renewed > began or caller.refused for caller in callers))


def _until(reached: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"it did not come to that in {seconds} s"
        time.sleep(0.01)
