"""Rows that strangers make, as many as they like: each goes again by itself."""

import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

import jobs
from services import clock, retention
from tests.parts.hostile_provider import hostile_provider
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.conftest import METADATA, Door, build
from tests.visitors import Visitor, set_up

__all__ = ["build"]
pytestmark = pytest.mark.timeout(3600)
CALLS, MANY = 25, 10_000
TABLES = sorted(METADATA.tables.keys() - {"job_runs"})
KINDS: dict[str, Callable[[Door, int], object]] = {
    "login": lambda door, n: door.login(f"nobody{n}"),
    "login by address": lambda door, n: door.login(f"nobody{n}@example.org"),
    "login at a pending sign-up": lambda door, n: door.login(f"pending{n}"),
    "verify-otp": lambda door, n: door.post(
        "/verify-otp", {"email": f"no{n}@example.org", "otp_code": "000000", "password": PASSWORD}
    ),
    "send-otp": lambda door, n: door.post("/send-otp", {"email": f"nobody{n}@example.org"}),
    "forgot-password": lambda door, n: door.post("/forgot-password", {"email": f"nobody{n}@example.org"}),
    "forgot-password of a pending sign-up": lambda door, n: door.post("/forgot-password", {"email": f"p{n}@example.org"}),
    "resend-confirmation": lambda door, n: door.post("/resend-confirmation", {"email": f"p{n}@example.org"}),
    "provider": lambda door, n: Visitor(door).leave(),
    "links": lambda door, n: [
        door.post(f"/{path}/{secrets.token_urlsafe(32)}", {"password": PASSWORD} if path == "reset-password" else None)
        for path in ("confirm", "reset-password", "undo", "not-me")
    ],
    "exchange": lambda door, n: door.post("/auth/exchange", {"code": secrets.token_urlsafe(32)}),
    "tokens": lambda door, n: [door.get("/profile", f"{n}.e.f"), door.post("/refresh", token=f"{n}.e.f")],
}


def test_whatever_strangers_do_leaves_no_row_for_ever(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    count = MANY if request.config.getoption("--long") else CALLS
    with hostile_provider() as provider, MailServer("plain") as mail:
        door = build(RATELIMIT_ENABLED="false", MAIL_USERNAME="", MAIL_USE_TLS="false", MAIL_PORT=str(mail.port))
        set_up(door, monkeypatch, provider.realm())
        for number in range(count):
            assert door.sign_up(f"pending{number}", f"p{number}@example.org").status_code == 201
        for call in KINDS.values():
            for number in range(count):
                call(door, number)
        door.deliver()
    made = {table: len(door.rows(table)) for table in TABLES}
    assert {table for table, rows in made.items() if rows} >= {"users", "letters", "attempts", "audit_facts", "tickets"}
    left = {}
    for days in (0, 1, 8, 31, retention.NOBODYS_DAYS + 8):
        with time_machine.travel(clock.now() + timedelta(days=days)):
            for job in (jobs.deliver_mail, jobs.catch_up, jobs.end_idle_sessions, jobs.clear_out, jobs.forget):
                job(door.app)
        left[days] = {table: rows for table in made if (rows := len(door.rows(table)))}
    print(f"\n{len(KINDS) + 1} kinds of calls, {count} of each; rows made {made}")
    print("\n".join(f"after {days} days: {rows or 'none'}" for days, rows in left.items()))
    assert left[retention.NOBODYS_DAYS + 8] == {}
