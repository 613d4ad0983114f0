"""What an installation is like on its first day, and a password two years later."""

from collections.abc import Callable
from datetime import timedelta

import time_machine
from sqlalchemy import func, select

import model
from database import rows
from services import clock
from tests.people import PASSWORD
from tests.resources.conftest import Door

USUAL_NAMES = ("admin", "administrator", "root", "test", "user", "guest", "latchkey", "admin@example.org")
USUAL_PASSWORDS = ("admin", "password", "latchkey", "changeme", "")


def test_a_fresh_installation_has_no_account_and_usual_names_do_not_sign_in(build: Callable[..., Door]) -> None:
    door = build()
    with door.app.app_context():
        assert rows(select(func.count()).select_from(model.User))[0][0] == 0
    for name in USUAL_NAMES:
        for password in USUAL_PASSWORDS:
            answer = door.post("/login", {"username": name, "password": password})
            assert answer.status_code in (400, 401, 422, 429), name
            assert "access_token" not in answer.text


def test_a_password_does_not_expire(door: Door, standing_clock: time_machine.Traveller) -> None:
    door.account()
    standing_clock.move_to(clock.now() + timedelta(days=731))
    assert door.login(password=PASSWORD).status_code == 200


def test_nothing_is_kept_that_hints_at_a_password(door: Door) -> None:
    kept = {column.name for column in model.User.__table__.columns}
    asked = set(door.get("/openapi.json").get_json()["components"]["schemas"]["SignUpBody"]["properties"])
    assert not [name for name in kept | asked if "hint" in name or "question" in name or "answer" in name]
