"""The log as JSON: one object a line, whose fields another program can rely on."""

import json
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_text_says_the_time_in_utc_wherever_the_machine_is(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        door = build(LOG_FORMAT="text")
        log = heard_log(monkeypatch)
        before = datetime.now(UTC)
        door.get("/healthz")
        after = datetime.now(UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
    told = re.search(r"^(\S+Z) INFO .* GET /healthz 200", log.getvalue(), re.MULTILINE)
    assert told, log.getvalue()
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(told[1]) <= after


def test_the_log_file_is_its_owners_alone_also_after_it_was_moved(build: Callable[..., Door], tmp_path: Path) -> None:
    old = os.umask(0o000)
    try:
        file = tmp_path / "own.log"
        door = build(LOG_FILE=str(file))
        door.get("/healthz")
        file.rename(tmp_path / "own.log.1")
        door.get("/healthz")
        assert [path.stat().st_mode & 0o777 for path in (file, tmp_path / "own.log.1")] == [0o600, 0o600]
        assert all("GET /healthz" in path.read_text() for path in (file, tmp_path / "own.log.1"))
    finally:
        os.umask(old)
        build(LOG_FILE="")
