"""What people hold besides a password: an authenticator app, its recovery codes, and the codes in their mail."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
import pyotp
from sqlalchemy import select
from werkzeug.test import TestResponse

from database import Base, db
from services import clock
from tests.people import PASSWORD, House

STEP = 30
WRONG_PASSWORD = "wrong-horse-battery"
ADA = "ada@example.org"
UNSHAPED = ("audit_facts", "attempts")
"""What a refusal may write."""


def wait_for_room(seconds: float = 2) -> None:
    """Until the next step of TOTP where this one ends so soon that the code of the step before would be too old on arrival."""
    left = STEP - clock.now().timestamp() % STEP
    if left < seconds:
        time.sleep(left)


@dataclass
class Phone:
    """An app that was told the secret, and the recovery codes on paper beside it."""

    secret: str
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, steps: int = 0) -> str:
        """What it shows now, or showed or will show so many steps away."""
        if steps < 0:
            wait_for_room()
        return pyotp.TOTP(self.secret).at(int(clock.now().timestamp()) + steps * STEP)

    def wrong(self) -> str:
        """Six digits that it shows nowhere near."""
        near = {self.code(steps) for steps in range(-4, 5)}
        return next(text for text in (f"{number:06d}" for number in range(10)) if text not in near)


def set_up(house: House, access: str) -> Phone:
    """Turns the second factor on by the code of the step before, so that the present one is still unused."""
    phone = Phone(house.post("/mfa", token=access).get_json()["mfa_secret"])
    answer = house.post("/mfa", {"mfa_code": phone.code(-1)}, access)
    assert answer.status_code == 200, answer.get_json()
    phone.recovery_codes = answer.get_json()["recovery_codes"]
    return phone


def protected(house: House, username: str = "ada", email: str = ADA) -> tuple[str, Phone]:
    """Somebody with a second factor, signed in; the mail so far is forgotten."""
    house.account(username, email)
    access, _ = house.tokens(username)
    phone = set_up(house, access)
    house.mail_to(email)
    house.mail_server.clear()
    return access, phone


def sign_in(house: House, mfa_code: str | None = None, **more: Any) -> TestResponse:
    """Name, password and second factor in one step."""
    body = {"username": "ada", "password": PASSWORD, "mfa_code": mfa_code} | more
    return house.post("/login", {name: value for name, value in body.items() if value is not None})


def pending(house: House, username: str = "ada") -> str:
    """The `mfa_token` of a sign-in that wants a second factor."""
    answer = house.login(username)
    assert answer.get_json()["code"] == "mfa_required"
    return str(answer.get_json()["mfa_token"])


def second(house: House, mfa_token: str, mfa_code: str) -> TestResponse:
    return house.post("/login", {"mfa_token": mfa_token, "mfa_code": mfa_code})


def login_code(house: House, email: str = ADA) -> str:
    """Asks for a code to sign in with, and reads it in the mail."""
    return _mailed(house, house.post("/send-otp", {"email": email}), email)


def step_up_code(house: House, access: str, email: str = ADA) -> str:
    """Asks for a code to prove oneself anew with, and reads it in the mail."""
    return _mailed(house, house.post("/send-otp", token=access), email)


def _mailed(house: House, answer: TestResponse, email: str) -> str:
    assert answer.status_code == 202, answer.get_json()
    return newest_code(house, email)


def newest_code(house: House, email: str = ADA) -> str:
    """The code in the newest mail that arrived there."""
    found = re.search(r"^(\d{6})\s*$", house.mail_to(email)[-1].text, re.MULTILINE)
    assert found, f"the newest mail holds no code: {[mail.subject for mail in house.mail_to(email)]}"
    return found[1]


def another(code: str) -> str:
    """Six other digits."""
    return f"{(int(code) + 1) % 10**6:06d}"


def verify(house: House, code: str, password: str | None = PASSWORD, **more: Any) -> TestResponse:
    """Signs in with a mailed code."""
    body = {"email": ADA, "otp_code": code, "password": password} | more
    return house.post("/verify-otp", {name: value for name, value in body.items() if value is not None})


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def renewed(access: str, answer: TestResponse) -> str:
    """The token that the session has after this answer: a step-up makes the older ones stale."""
    new = (answer.get_json(silent=True) or {}).get("access_token")
    return str(new) if new and claims(new)["sid"] == claims(access)["sid"] else access


def amr(answer: TestResponse) -> list[str]:
    """How the token of this answer says that the person came in."""
    assert answer.status_code == 200, answer.get_json()
    found: list[str] = claims(answer.get_json()["access_token"])["amr"]
    return found


def said(answer: TestResponse) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, str(answer.get_json().get("code", "ok"))


def subjects(house: House, email: str = ADA) -> list[str]:
    """The subjects of the mail that arrived, oldest first, without the service's name."""
    return [mail.subject.partition(": ")[2] for mail in house.mail_to(email)]


def written(house: House, *but: str) -> dict[str, list[dict[str, Any]]]:
    """Every row, but for the audit's and the guesses', which also keep what was refused, and those of further tables."""
    with house.app.app_context(), db.engines["reader"].connect() as connection:
        tables = [table for table in Base.metadata.sorted_tables if table.name not in (*UNSHAPED, *but)]
        return {table.name: _rows(connection, table) for table in tables}


def _rows(connection: Any, table: Any) -> list[dict[str, Any]]:
    found = connection.execute(select(table).order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


@contextmanager
def nothing_changes(house: House, *, told: bool = False) -> Iterator[None]:
    """What a refusal promises; nor does any mail leave, but the one that tells of wrong second factors where `told` says so."""
    house.deliver()
    but = ("letters",) if told else ()
    before, mails = written(house, *but), len(house.mail_server.messages)
    yield
    assert written(house, *but) == before
    house.deliver()
    new = [mail.subject for mail in house.mail_server.messages[mails:]]
    assert new == ["Latchkey: a sign-in stopped at your second factor"] * told
