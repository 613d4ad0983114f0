"""Where password hashing is full, calls that hash are told to come back, and all others go on."""

from collections.abc import Callable

import pytest

from services import hashing
from tests.people import PASSWORD
from tests.resources.conftest import Door

WRONG = "wrong-horse-battery"


@pytest.fixture
def full(build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch) -> Door:
    """A door with `ada` and a token of hers, whose only turn is taken."""
    door = build(HASHING_CONCURRENCY="1")
    door.account()
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.01)
    return door


def test_a_call_that_hashes_gets_503_and_its_guess_is_not_counted(full: Door) -> None:
    access, _ = full.tokens()
    turns: hashing.Turns = full.app.extensions["hashing"]
    before = [row["failures"] for row in full.rows("attempts")]
    turns.take()
    calls = {
        "/login": ({"username": "ada", "password": WRONG}, None),
        "/verify-otp": ({"email": "ada@example.org", "otp_code": "123456", "password": WRONG}, None),
        "/reauthenticate": ({"password": WRONG}, access),
        "/change-password": ({"current_password": WRONG, "new_password": PASSWORD * 2}, access),
        "/signup": ({"username": "bob", "email": "bob@example.org", "password": PASSWORD}, None),
    }
    for path, (body, token) in calls.items():
        answer = full.post(path, body, token)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "busy"), path
        assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert full.get("/profile", access).status_code == 200
    assert [row["failures"] for row in full.rows("attempts")] == before
    turns.running.release()
    assert full.login(password=WRONG).status_code == 401
    assert full.login().status_code == 200
