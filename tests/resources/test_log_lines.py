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
from tests.resources.cookie_page import Page


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
            *("method", "rule", "status", "duration_ms", "code", "network", "user_id"),
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


def test_a_refused_call_says_from_which_network_by_whom_and_under_which_request(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forged and foreign tokens, CSRF failures, spent links, limits, waits: on the request's line, and no row is made."""
    door = build(
        LOG_FORMAT="json", TRUSTED_PROXIES="1", JWT_TOKEN_LOCATION="headers,cookies", RATELIMIT_SENSITIVE="20 per minute"
    )
    door.account()
    page = Page(door)
    page.sign_in(X_Token_Location="cookies")
    access, spent = door.tokens()[0], door.confirm_link()
    log = heard_log(monkeypatch)
    here = {"X-Forwarded-For": "203.0.113.77"}
    before = door.counts(), len(door.rows("audit_facts"))
    calls = {
        "token_invalid": door.get("/profile", access[:-4] + "AAAA", headers=here),
        "csrf_failed": page.ask("PUT", "/profile", {"first_name": "Eve"}, csrf="forged", **here),
        "invalid_token": door.post(spent, headers=here),
        "validation_failed": door.put("/profile", {"is_admin": True}, access, headers=here),
    }
    while (limited := door.post("/resend-confirmation", {}, headers=here)).status_code != 429:
        pass
    calls["rate_limited"] = limited
    assert (door.counts(), len(door.rows("audit_facts"))) == before
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    for code, answer in calls.items():
        (line,) = [line for line in said if line["request_id"] == answer.headers["X-Request-ID"]]
        assert (line["code"], line["network"]) == (code, "203.0.113.0/24")
        assert line["user_id"] == (door.user()["id"] if code == "validation_failed" else None), code
        assert f": {code} from 203.0.113.0/24" in line["message"]
    assert "203.0.113.77" not in log.getvalue()


def test_a_call_that_went_well_says_nothing_of_the_caller(build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch) -> None:
    door = build(LOG_FORMAT="json")
    door.account()
    access, _ = door.tokens()
    log = heard_log(monkeypatch)
    door.get("/profile", access)
    line = json.loads(log.getvalue().splitlines()[-1])
    assert (line["rule"], line["network"], line["user_id"]) == ("/profile", None, None)
    assert "127.0.0" not in log.getvalue()


@pytest.mark.parametrize(("forwarded", "network"), [("2001:db8:1:2::3", "2001:db8:1::/48"), ("not an address\tx", "unknown")])
def test_the_network_is_a_known_one_or_unknown(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch, forwarded: str, network: str
) -> None:
    door = build(LOG_FORMAT="text", TRUSTED_PROXIES="1")
    log = heard_log(monkeypatch)
    door.get("/profile", headers={"X-Forwarded-For": forwarded})
    assert re.search(rf" GET /profile 401 in \d+ ms: authentication_required from {re.escape(network)}\n", log.getvalue())
