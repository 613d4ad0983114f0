"""The log as JSON: one object a line, whose fields another program can rely on."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.resources.conftest import Door, heard_log


def test_a_request_is_one_object_with_its_rule_status_and_duration(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = build(LOG_FORMAT="json", LOG_LEVEL="INFO")
    log = heard_log(monkeypatch)
    door.get("/problems/busy", headers={"X-Request-ID": "mine"})
    door.get("/confirm/a-secret")
    door.post("/login", {"username": "nobody", "password": "not-the-password"})
    first, *_, last = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (
        first.keys()
        == last.keys()
        == {
            *("time", "level", "logger", "request_id", "message"),
            *("method", "rule", "status", "duration_ms", "code"),
        }
    )
    assert (first["level"], first["logger"], first["request_id"]) == ("INFO", "latchkey", "mine")
    assert (first["method"], first["rule"], first["status"], first["code"]) == ("GET", "/problems/<string:code>", 200, None)
    assert (last["method"], last["rule"], last["status"], last["code"]) == ("POST", "/login", 401, "invalid_credentials")
    assert first["time"].endswith("Z")
    assert abs(datetime.fromisoformat(last["time"]) - datetime.now(UTC)) < timedelta(seconds=30)
    assert 0 < last["duration_ms"] < 10000
    assert "secret" not in log.getvalue()


def test_an_exception_stays_on_its_line(build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch) -> None:
    door = build(LOG_FORMAT="json")
    log = heard_log(monkeypatch)
    monkeypatch.setattr("flows.auth.sign_in", lambda *given: 1 / 0)
    assert door.post("/login", {"username": "nobody", "password": "not-the-password"}).status_code == 500
    faults = [line for line in map(json.loads, log.getvalue().splitlines()) if line["level"] == "ERROR"]
    assert len(faults) == 1
    assert "ZeroDivisionError" in faults[0]["exc_info"]
    assert "division by zero" not in log.getvalue()


@pytest.mark.parametrize("path", ["/confrim/a-secret-token", "/a-secret-token", "/confirm/a-secret-token/"])
def test_a_path_that_is_none_of_ours_is_called_unmatched(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    door = build(LOG_LEVEL="DEBUG")
    log = heard_log(monkeypatch)
    assert door.get(path).status_code == 404
    assert "GET (unmatched) 404 in " in log.getvalue()
    assert "a-secret-token" not in log.getvalue()
    measured = door.get("/metrics").get_data(as_text=True)
    assert 'route="(unmatched)"' in measured
    assert "a-secret-token" not in measured
