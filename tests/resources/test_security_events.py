"""`/security-events` at the door: its shape, its parameters, and whose events it never shows."""

from typing import Any, get_args
from urllib.parse import quote

import pytest

from model import AuditFact
from resources import openapi
from services import audit
from tests.resources.conftest import Door
from tests.resources.problem import errors_of

PATH = "/security-events"
UNKNOWN = {"before": [audit.UNKNOWN_EVENT]}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NUMBER = {"limit": ["Give a whole number in digits."]}
WRONG: dict[str, dict[str, list[str]]] = {
    "limit=0": {"limit": ["Input should be greater than or equal to 1."]},
    "limit=101": {"limit": ["Input should be less than or equal to 100."]},
    **dict.fromkeys(("limit=", "limit", "limit=-1", "limit=%2B5", "limit=1_0", "limit=5.0", "limit=%205"), NUMBER),
    **dict.fromkeys(("limit=%EF%BC%91", "limit=ten", "limit=5%0A", "limit=" + "9" * 1000, "limit=%00"), NUMBER),
    "limit=5&limit=5": {"limit": ["Give this once."]},
    "limit=5&LIMIT=6": {"LIMIT": ["This call does not know this field."]},
    "user_id=x": {"user_id": ["This call does not know this field."]},
    "=": {"": ["This call does not know this field."]},
    "limit=0&before=x&after=y": {
        "limit": ["Input should be greater than or equal to 1."],
        **UNKNOWN,
        "after": ["This call does not know this field."],
    },
}
NO_EVENT = ["", "x", "0", "null", "00000000-0000-4000-8000-000000000000", "\x00", "' OR 1=1 --", "\U0001f600", "x" * 3000]


@pytest.fixture
def ada(door: Door) -> tuple[Door, str]:
    """Somebody with three events: signed up, confirmed, signed in."""
    door.account()
    return door, door.tokens()[0]


def page(door: Door, access: str, query: str = "") -> dict[str, Any]:
    answer = door.get(PATH + query, access)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def test_an_event_has_exactly_what_the_contract_names(door: Door) -> None:
    door.account()
    body = {"username": "ada", "password": "correct-horse-battery"}
    access = door.post("/login", body, headers={"User-Agent": FIREFOX}).get_json()["access_token"]
    answer = door.get(PATH, access)
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.get_json()) == {"events", "next"}
    newest = answer.get_json()["events"][0]
    fact = next(row for row in door.rows("audit_facts") if row["kind"] == "signed_in")
    assert newest == {
        "id": fact["id"],
        "time": fact["time"].isoformat().replace("+00:00", "Z"),
        "kind": "signed_in",
        "ip": "127.0.0.1",
        "device": "Firefox on Linux",
    }


def test_a_page_holds_twenty_unless_told_otherwise_and_at_most_a_hundred(ada: tuple[Door, str]) -> None:
    door, access = ada
    for _ in range(100):
        door.put("/profile", {"first_name": "Ada"}, access)
    assert len(page(door, access)["events"]) == 20
    assert [len(page(door, access, f"?limit={count}")["events"]) for count in (1, 7, 100)] == [1, 7, 100]
    assert page(door, access, "?limit=0007") == page(door, access, "?limit=7")


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_parameter_is_named_with_what_to_do(ada: tuple[Door, str], query: str) -> None:
    door, access = ada
    assert errors_of(door.get(f"{PATH}?{query}", access)) == WRONG[query]


@pytest.mark.parametrize("text", NO_EVENT)
def test_what_is_no_event_cannot_be_paged_from(ada: tuple[Door, str], text: str) -> None:
    door, access = ada
    assert errors_of(door.get(f"{PATH}?before={quote(text)}", access)) == UNKNOWN


def test_another_persons_event_is_refused_as_one_that_does_not_exist(ada: tuple[Door, str]) -> None:
    door, access = ada
    own = {event["id"] for event in page(door, access)["events"]}
    door.account("eve", "eve@example.org")
    door.login("nobody")
    others = [fact["id"] for fact in door.rows("audit_facts") if fact["id"] not in own]
    assert len(others) == 3
    unknown = door.get(f"{PATH}?before=00000000-0000-4000-8000-000000000000", access).get_json()
    for other in others:
        refused = door.get(f"{PATH}?before={other}", access).get_json()
        assert refused | {"request_id": ""} == unknown | {"request_id": ""}
    assert [page(door, access, f"?before={mine}")["next"] for mine in own] == [None] * 3


def test_the_query_is_looked_at_after_the_token(door: Door) -> None:
    assert door.get(f"{PATH}?limit=0").get_json()["code"] == "authentication_required"
    assert door.get(f"{PATH}?limit=0", "x").get_json()["code"] == "token_invalid"


def test_head_answers_as_get_does(ada: tuple[Door, str]) -> None:
    door, access = ada
    assert door.ask("HEAD", PATH, token=access).status_code == 200
    assert door.ask("HEAD", f"{PATH}?limit=0", token=access).status_code == 422


def test_a_kind_from_a_newer_version_is_shown_not_a_fault(ada: tuple[Door, str]) -> None:
    door, access = ada
    door.change("audit_facts", kind="heard_of_tomorrow")
    assert {event["kind"] for event in page(door, access)["events"]} == {"heard_of_tomorrow"}


def test_every_kind_fits_its_column_and_is_named_once() -> None:
    kinds = get_args(audit.Kind)
    assert len(kinds) == len(set(kinds))
    assert max(len(kind) for kind in kinds) <= AuditFact.__table__.columns["kind"].type.length  # type: ignore[attr-defined]


def test_the_document_names_the_parameters_and_every_kind(door: Door) -> None:
    with door.app.app_context():
        document = openapi.document(door.app)
    operation = document["paths"][PATH]["get"]
    limit, before = operation["parameters"]
    assert (limit["name"], limit["in"], limit["required"]) == ("limit", "query", False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20, "title": "Limit"}
    assert (before["name"], before["in"], before["required"]) == ("before", "query", False)
    assert before["schema"] == {"type": "string", "format": "uuid", "title": "Before"}
    assert "requestBody" not in operation
    kind = document["components"]["schemas"]["SecurityEvent"]["properties"]["kind"]
    assert kind["enum"] == list(get_args(audit.Kind))
