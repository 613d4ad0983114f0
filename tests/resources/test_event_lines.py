"""Every audit event is also one line of the log, written once it is committed, for a collector to carry away."""

import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from sqlalchemy.exc import OperationalError

from database import db
from tests import factors, mailed
from tests.factors import WRONG_PASSWORD
from tests.people import PASSWORD
from tests.resources.conftest import Door, heard_log
from tests.resources.test_commands import run

HERE = {"X-Forwarded-For": "203.0.113.77"}
OF_A_LINE = {"event", "event_id", "event_time", "user_id", "session_id", "network", "details"}


def told(log: io.StringIO) -> list[dict[str, Any]]:
    """The lines of events, oldest first."""
    return [line for line in map(json.loads, log.getvalue().splitlines()) if "event" in line]


def kept(door: Door) -> dict[str, dict[str, Any]]:
    """What the lines should say of the rows that are kept, by id."""
    return {
        row["id"]: {
            "event": row["kind"],
            "event_id": row["id"],
            "event_time": row["time"].isoformat(),
            "user_id": row["user_id"],
            "session_id": row["session_id"],
            "network": "127.0.0.0/24" if row["ip"] else None,
            "details": {name: text for name, text in row["details"].items() if name != "request_id"},
        }
        for row in door.rows("audit_facts")
    }


def live(door: Door, clock: time_machine.Traveller) -> None:
    """A life with most of what can happen to an account."""
    door.sign_up()
    door.login()
    door.post(door.confirm_link())
    door.login(password=WRONG_PASSWORD)
    access, refresh = door.tokens()
    door.post("/login", {"username": "ada", "password": PASSWORD}, headers={"User-Agent": "Kite/1.0"})
    door.put("/profile", {"first_name": "Ada"}, access)
    phone = factors.set_up(door, access)
    clock.shift(60)
    factors.sign_in(door, phone.wrong())
    access = factors.sign_in(door, phone.recovery_codes[0]).get_json()["access_token"]
    door.post("/reauthenticate", {"password": WRONG_PASSWORD, "mfa_code": phone.code()}, access)
    step_up = door.post("/reauthenticate", {"password": PASSWORD, "mfa_code": phone.code()}, access)
    access = factors.renewed(access, step_up)
    clock.shift(60)
    door.post("/mfa/recovery-codes", {"mfa_code": phone.code()}, access)
    door.ask("DELETE", "/sessions", token=access)
    clock.shift(60)
    factors.second(door, factors.pending(door), phone.code())
    clock.shift(60)
    door.ask("DELETE", "/mfa", {"mfa_code": phone.code()}, access)
    mailed.move(door, access)
    change = {"current_password": PASSWORD, "new_password": mailed.FRESH_PASSWORD}
    door.post("/change-password", change, access)
    door.post(mailed.newest(door, mailed.NEW, mailed.NOT_ME))
    mailed.reset(door, mailed.ask_for_reset(door, mailed.NEW))
    access, refresh = door.tokens("ada", mailed.FRESH_PASSWORD)
    door.post("/logout", token=refresh)
    for _ in range(7):
        door.login(password=WRONG_PASSWORD)
    for words in (("deactivate",), ("activate",), ("make-admin",), ("revoke-admin",), ("unlock",)):
        assert run(door, "users", *words, "ada")[0] == 0
    access, _ = door.tokens("ada", mailed.FRESH_PASSWORD)
    door.ask("DELETE", "/profile", {"password": mailed.FRESH_PASSWORD}, access)


MET = {
    *("signed_up", "email_confirmed", "signed_in", "new_device", "sign_in_failed", "sign_in_refused", "sign_in_wants_factor"),
    *("code_failed", "too_many_attempts", "reauthenticated", "reauthentication_failed", "signed_out", "other_sessions_ended"),
    *("profile_changed", "password_changed", "password_reset", "email_change_asked", "email_changed", "not_me"),
    *("account_deleted", "mfa_enabled", "mfa_disabled", "recovery_code_used", "recovery_codes_renewed", "unlocked"),
    *("account_activated", "account_deactivated", "made_admin", "admin_revoked"),
}


def test_every_event_of_a_life_is_one_line_under_the_id_of_its_call(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch, standing_clock: time_machine.Traveller
) -> None:
    door = build(LOG_FORMAT="json", LOG_LEVEL="INFO")
    log = heard_log(monkeypatch)
    live(door, standing_clock)
    lines, rows = told(log), kept(door)
    assert {line["event"] for line in lines} >= MET
    assert Counter(line["event_id"] for line in lines) == dict.fromkeys(rows, 1)
    for line in lines:
        assert {name: line[name] for name in OF_A_LINE} == rows[line["event_id"]]
    of_calls = {row["id"]: row["details"].get("request_id", "-") for row in door.rows("audit_facts")}
    assert {line["event_id"]: line["request_id"] for line in lines} == of_calls
    assert len(set(of_calls.values())) > 20
    assert {line["details"].get("operator") for line in lines if line["request_id"] == "-"} > {None}


def test_a_call_that_comes_to_nothing_leaves_no_line_but_for_what_outlives_it(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = build(LOG_FORMAT="json", LOG_LEVEL="INFO")
    door.account()
    log = heard_log(monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr("flows.signup.tickets.issue", lambda *given: 1 / 0)
        assert door.sign_up("bea", "bea@example.org").status_code == 500
    with monkeypatch.context() as broken:
        broken.setattr(db.session, "commit", lost)
        assert door.sign_up("cleo", "cleo@example.org").status_code == 503
        assert door.login(password=WRONG_PASSWORD).status_code == 401
    assert [line["event"] for line in told(log)] == ["sign_in_failed"]
    assert {row["id"] for row in door.rows("audit_facts")} > {line["event_id"] for line in told(log)}


def lost() -> None:
    raise OperationalError("COMMIT", {}, OSError("gone"))


def test_a_line_names_the_network_and_neither_address_nor_device(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = build(LOG_FORMAT="json", LOG_LEVEL="INFO", TRUSTED_PROXIES="1")
    door.account()
    log = heard_log(monkeypatch)
    body = {"username": "ada", "password": PASSWORD}
    door.post("/login", body, headers=HERE | {"User-Agent": "Kite/1.0"})
    (line,) = told(log)
    assert (line["event"], line["network"], line["details"]) == ("signed_in", "203.0.113.0/24", {"method": "pwd"})
    assert line["logger"] == "services.audit"
    assert [word for word in ("203.0.113.77", "Kite", "ada") if word in log.getvalue()] == []


def test_as_text_it_is_one_short_line(build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch) -> None:
    door = build(LOG_FORMAT="text", LOG_LEVEL="INFO", TRUSTED_PROXIES="1")
    door.sign_up()
    log = heard_log(monkeypatch)
    door.post("/login", {"username": "ada", "password": PASSWORD}, headers=HERE | {"X-Request-ID": "mine"})
    whose = door.user()["id"]
    said = f"account: {whose}, network: 203.0.113.0/24, method: pwd, reason: email_not_confirmed"
    assert f" INFO    services.audit [mine] event sign_in_refused, {said}\n" in log.getvalue()
    assert run(door, "sessions", "end-all", "--yes")[0] == 0
    assert "event everybody_signed_out, account: nobody, network: none, operator: " in log.getvalue()
