"""What a caller is told when the service itself is at fault, or closed."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from flows import auth
from tests.conftest import start_database
from tests.people import PASSWORD
from tests.resources.conftest import Door, app_with, heard_log

ADDRESS = "ada@example.org"
LOGIN = {"username": "ada", "password": PASSWORD}


def test_a_closed_sign_up_says_so_and_writes_nothing(build: Callable[..., Door]) -> None:
    closed = build(SIGNUP_ENABLED="false")
    answer = closed.sign_up()
    assert (answer.status_code, answer.get_json()["code"]) == (403, "signup_closed")
    assert set(closed.counts().values()) == {0}


def test_an_unexpected_fault_is_a_problem_document_without_its_message(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError(ADDRESS)

    monkeypatch.setattr(auth, "sign_in", fail)
    log = heard_log(monkeypatch)
    answer = door.post("/login", LOGIN)
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal_error")
    assert ADDRESS not in answer.get_data(as_text=True)
    said = log.getvalue()
    assert "RuntimeError" in said
    assert answer.get_json()["request_id"] in said
    assert ADDRESS not in said


def test_a_database_that_is_gone_is_a_503_with_retry_after(tmp_path: Path, door: Door) -> None:
    with ExitStack() as stack:
        uri = start_database(stack, "postgresql", tmp_path)
    stopped = Door(app_with(tmp_path / "unused.db", SQLALCHEMY_DATABASE_URI=uri), door.mail_server)
    answer = stopped.post("/login", LOGIN)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert stopped.get("/healthz").status_code == 200
