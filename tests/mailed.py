"""What people do with the links in their mail; and all that is written, so that a test can say that nothing changed."""

import re
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from database import Base, rows
from tests.factors import Phone
from tests.people import House

RESET, CONFIRM, UNDO, NOT_ME = "/reset-password/", "/confirm/", "/undo/", "/not-me/"
ADA, NEW, NEWER = "ada@example.org", "ada@new.example.org", "ada@newer.example.org"
FRESH_PASSWORD = "nine-purple-lanterns"
JSON = {"Accept": "application/json"}


def paths(house: House, address: str, kind: str) -> list[str]:
    """The paths of all links of a kind that were mailed to an address, oldest first."""
    links = [link for mail in house.mail_to(address) for link in mail.links if kind in link]
    return ["/" + link.split("/", 3)[3] for link in links]


def newest(house: House, address: str, kind: str) -> str:
    return paths(house, address, kind)[-1]


def subjects(house: House, address: str) -> list[str]:
    return [mail.subject.removeprefix("Latchkey: ") for mail in house.mail_to(address)]


def ask_for_reset(house: House, email: str = ADA) -> str:
    """The path of the link that was mailed for it."""
    assert house.post("/forgot-password", {"email": email}).status_code == 202
    return newest(house, email, RESET)


def reset(house: House, path: str, password: str = FRESH_PASSWORD) -> TestResponse:
    return house.post(path, {"password": password})


def ask_for_change(house: House, access: str, email: str = NEW) -> str:
    """The path of the link that was mailed to the new address."""
    assert house.put("/profile", {"email": email}, access).status_code == 200
    return newest(house, email, CONFIRM)


def move(house: House, access: str, email: str = NEW) -> None:
    """Changes the address, the whole way."""
    assert house.post(ask_for_change(house, access, email)).status_code == 200


def ask_for_code(house: House, email: str = ADA) -> str:
    """The login code that was mailed for it."""
    assert house.post("/send-otp", {"email": email}).status_code == 202
    return str(re.findall(r"^\d{6}\b", house.mail_to(email)[-1].text, re.MULTILINE)[0])


def turn_mfa_on(house: House, access: str) -> tuple[str, list[str]]:
    """The secret of the app, and the recovery codes."""
    secret = house.post("/mfa", token=access).get_json()["mfa_secret"]
    answer = house.post("/mfa", {"mfa_code": code(secret, -1)}, access)
    assert answer.status_code == 200
    return str(secret), list(answer.get_json()["recovery_codes"])


def code(secret: str, steps: int = 0) -> str:
    """What the app shows so many steps from now; the set-up spends the previous step's."""
    return Phone(secret).code(steps)


def code_of(answer: TestResponse) -> str:
    return str(answer.get_json().get("code", ""))


def reason_of(house: House, access: str) -> str:
    """Why the session of a token ended; empty while it lives."""
    return str(house.get("/profile", access).get_json().get("reason", ""))


def events(house: House, access: str) -> list[str]:
    return [event["kind"] for event in house.get("/security-events", access).get_json()["events"]]


def written() -> dict[str, list[Any]]:
    """Every row of every table, but the audit's and the guesses': those also keep what was refused."""
    tables = [table for table in Base.metadata.sorted_tables if table.name not in ("audit_facts", "attempts")]
    return {table.name: sorted(map(tuple, rows(select(table))), key=str) for table in tables}
