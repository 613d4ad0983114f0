"""A signed-in call acts as the person of its token, on that person's rows (ASVS 8.3.3): read from the route table.

Ada makes every such call, and it succeeds; nothing of Bea's is changed, shown or mailed. Ids and secrets of Bea's look like
ones that do not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from database import unit_of_work
from resources.contract import Access
from services import identities
from tests.attacks.secrets_of import NEWER, NUMBERS, Holder, holder
from tests.attacks.test_kinds_of_token import BODIES, contracts, house
from tests.people import PASSWORD
from tests.resources.conftest import METADATA, Door

__all__ = ["house"]
WITH_A_TOKEN = (Access.SIGNED_IN, Access.EITHER_WAY, Access.EITHER_TOKEN, Access.IF_GOOD)
UNKNOWN = "00000000-0000-4000-8000-000000000000"
LINK = "/auth/<string:provider>/link"
Call = tuple[str, str]


def plain(door: Door) -> Holder:
    """Somebody without a second factor or a provider."""
    name = f"eve{next(NUMBERS)}"
    door.account(name, f"{name}@example.org")
    access, _ = door.tokens(name)
    own_id = door.get("/profile", access).get_json()["id"]
    return Holder(door, name, own_id, f"{name}@example.org", {"access token": access})


def with_google(door: Door) -> Holder:
    found = holder(door)
    with door.app.app_context(), unit_of_work():
        identities.link(found.id, "google", "http://127.0.0.1:9", f"google of {found.id}")
    return found


ACTORS: dict[Call, Callable[[Door], Holder]] = {
    ("POST", "/mfa"): plain,
    ("DELETE", LINK): with_google,
    ("POST", "/auth/<string:provider>/reauthenticate"): with_google,
}
"""Who is needed for a call to succeed, where that is not `holder`."""
MORE: dict[Call, Callable[[Holder], Any]] = {
    ("POST", "/auth/exchange"): lambda one: {"code": one.secrets["step-up exchange code"], "mfa_code": one.spare[0]},
    ("PUT", "/profile"): lambda one: {"username": f"{one.name}-x", "phone_number": "+4930123456", "first_name": "Ada"},
}


def own_session(one: Holder) -> str:
    """The other one of two."""
    return str(one.door.get("/sessions", one.access).get_json()[-1]["id"])


def ask(one: Holder, method: str, path: str, body: Any = None) -> TestResponse:
    filled = path.replace("<string:provider>", "google").replace("<string:token>", one.secrets.get("change link", ""))
    if "<string:session_id>" in filled:
        filled = filled.replace("<string:session_id>", own_session(one))
    headers = {"Accept": "application/json", "Host": "127.0.0.1:5000"}
    return one.door.ask(method, filled, body, one.access, headers=headers)


def calls() -> list[Call]:
    return [(method, path) for method, path, access, _ in contracts() if access in WITH_A_TOKEN]


def rows_of(one: Holder) -> dict[str, list[dict[str, Any]]]:
    """Everything that hangs on this person."""
    found = {}
    for table in METADATA.sorted_tables:
        column = "id" if table.name == "users" else "user_id"
        if column in table.columns:
            found[table.name] = [row for row in one.door.rows(table.name) if row[column] == one.id]
    return found


@dataclass(frozen=True)
class Before:
    """How it stood around Bea before a call."""

    bea: Holder
    rows: dict[str, list[dict[str, Any]]]
    mails: int

    @classmethod
    def of(cls, bea: Holder) -> "Before":
        return cls(bea, rows_of(bea), len(bea.door.mail_to(bea.email)))

    def check(self, answer: TestResponse) -> None:
        assert rows_of(self.bea) == self.rows
        assert len(self.bea.door.mail_to(self.bea.email)) == self.mails
        assert self.bea.id not in answer.text
        assert self.bea.email not in answer.text


@pytest.fixture(scope="module")
def bea(house: Door) -> Holder:
    return with_google(house)


@pytest.mark.parametrize("call", calls(), ids=" ".join)
def test_a_signed_in_call_touches_the_callers_rows_only(house: Door, bea: Holder, call: Call) -> None:
    before = Before.of(bea)
    one = ACTORS.get(call, holder)(house)
    one.settle()
    mine = rows_of(one)
    body = (BODIES | MORE).get(call)
    answer = ask(one, *call, body(one) if body else None)
    assert answer.status_code < 400, answer.text
    before.check(answer)
    if call[0] in ("PUT", "DELETE"):
        assert rows_of(one) != mine, "it did something"


def foreign(bea: Holder) -> dict[str, tuple[Callable[[Holder, str], TestResponse], str, str]]:
    """By what Ada gives: the call, what is Bea's, and the same kind of thing that nobody has."""
    session_id = own_session(bea)
    event_id = bea.door.get("/security-events", bea.access).get_json()["events"][0]["id"]
    secrets = bea.secrets
    unlike = f"{(int(secrets['step-up code']) + 1) % 10**6:06d}"
    return {
        "session": (lambda one, key: one.door.ask("DELETE", f"/sessions/{key}", token=one.access), session_id, UNKNOWN),
        "event": (lambda one, key: one.door.get(f"/security-events?before={key}", one.access), event_id, UNKNOWN),
        "provider": (lambda one, key: one.door.ask("DELETE", f"/auth/{key}/link", token=one.access), "google", "google"),
        "step-up code": (
            lambda one, key: one.door.post("/verify-otp", {"otp_code": key, "mfa_code": one.spare[0]}, one.access),
            secrets["step-up code"],
            unlike,
        ),
        "step-up at a provider": (
            lambda one, key: one.door.post("/auth/exchange", {"code": key}, one.access),
            secrets["step-up exchange code"],
            "x" * 43,
        ),
    }


REFUSED = {
    "session": (404, "not_found"),
    "event": (422, "validation_failed"),
    "provider": (404, "not_found"),
    "step-up code": (401, "invalid_otp"),
    "step-up at a provider": (400, "invalid_token"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_somebody_elses_looks_missing(house: Door, bea: Holder, what: str) -> None:
    one = holder(house)
    one.settle()
    call, theirs, nobodys = foreign(bea)[what]
    before = Before.of(bea)
    answers = [call(one, theirs), call(one, nobodys)]
    for answer in answers:
        assert (answer.status_code, answer.get_json()["code"]) == REFUSED[what]
        before.check(answer)
    kept = [{name: text for name, text in answer.get_json().items() if name != "request_id"} for answer in answers]
    assert kept[0] == kept[1]


def test_the_password_of_somebody_else_proves_nothing(house: Door, bea: Holder) -> None:
    one = holder(house)
    one.settle()
    changed = {"current_password": PASSWORD, "new_password": NEWER}
    assert one.door.post("/change-password", changed, one.access).status_code == 200
    before = Before.of(bea)
    for path, body in (("/reauthenticate", {"password": PASSWORD, "mfa_code": one.spare[0]}), ("/change-password", changed)):
        answer = one.door.post(path, body, one.access)
        assert answer.get_json()["code"] == "invalid_credentials"
        before.check(answer)
