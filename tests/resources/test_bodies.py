"""Bodies: no field that a call does not know, no type that a field does not take, never a fault."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model import User
from tests.people import PASSWORD, House
from tests.resources.conftest import Door
from tests.resources.problem import code_of, errors_of

SIGN_UP: dict[str, Any] = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
COLUMNS = sorted(column.name for column in User.__table__.columns)
PEOPLES_OWN = {"username", "email", "first_name", "last_name", "phone_number"}
PROTECTED = [
    *sorted(set(COLUMNS) - PEOPLES_OWN),
    "roles",
    "email_confirmed",
    "confirmed",
    "admin",
    "mfa_enabled",
    "__class__",
    "_sa_instance_state",
]
WRONG_TYPES: dict[str, Any] = {
    "a number": 7,
    "a fraction": 1.5,
    "true": True,
    "false": False,
    "a list": ["ada"],
    "an empty list": [],
    "an object": {"$ne": ""},
    "an empty object": {},
}
FIELDS = {
    "/signup": ("username", "email", "password", "first_name", "last_name", "phone_number"),
    "/login": ("username", "password"),
    "/resend-confirmation": ("email",),
}
WANTED = {"/signup": ("username", "email", "password"), "/login": ("username", "password"), "/resend-confirmation": ("email",)}
GOOD: dict[str, dict[str, Any]] = {
    "/signup": SIGN_UP,
    "/login": {"username": "ada", "password": PASSWORD},
    "/resend-confirmation": {"email": "ada@example.org"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*sorted(PEOPLES_OWN), "password", "is_admin", "mfa_token"]) | st.text(max_size=10)
BODIES = st.dictionaries(NAMES, JSON, max_size=6) | JSON


@pytest.mark.parametrize("name", PROTECTED)
def test_no_column_can_be_smuggled_in_at_sign_up(door: Door, name: str) -> None:
    for value in (True, 1, "x", None, "2026-01-01T00:00:00Z"):
        assert errors_of(door.post("/signup", SIGN_UP | {name: value})) == {name: ["This call does not know this field."]}
    assert set(door.counts().values()) == {0}


def test_no_column_can_be_smuggled_into_the_profile(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    before = house.get("/profile", access).get_json()
    for name in PROTECTED:
        for value in (True, "x", None):
            answer = house.put("/profile", {"first_name": "Eve", name: value}, access)
            assert errors_of(answer) == {name: ["This call does not know this field."]}
    after = house.get("/profile", access).get_json()
    assert before | {"last_activity": 0} == after | {"last_activity": 0}


@pytest.mark.parametrize("path", FIELDS)
@pytest.mark.parametrize("value", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_a_value_of_a_wrong_type_is_named_with_its_field(door: Door, path: str, value: Any) -> None:
    for field in FIELDS[path]:
        assert set(errors_of(door.post(path, GOOD[path] | {field: value}))) == {field}
    assert set(door.counts().values()) == {0}


@pytest.mark.parametrize("path", WANTED)
def test_a_wanted_field_can_be_neither_null_nor_missing_nor_empty(door: Door, path: str) -> None:
    for field in WANTED[path]:
        assert set(errors_of(door.post(path, GOOD[path] | {field: None}))) == {field}
        missing = {name: value for name, value in GOOD[path].items() if name != field}
        assert errors_of(door.post(path, missing)) == {field: ["This field is needed."]}
        assert door.post(path, GOOD[path] | {field: ""}).status_code in {422, 401 if path == "/login" else 422}
    assert set(door.counts().values()) == {0}


def test_null_stands_for_a_detail_that_is_not_given(door: Door) -> None:
    assert door.sign_up(first_name=None, last_name=None, phone_number=None).status_code == 201
    assert [door.user()[name] for name in ("first_name", "last_name", "phone_number")] == [None] * 3


def test_several_wrong_fields_are_all_named_at_once(door: Door) -> None:
    answer = door.post("/signup", {"username": "a", "email": "b", "phone_number": "c", "surprise": 1})
    assert set(errors_of(answer)) == {"username", "email", "password", "phone_number", "surprise"}


@pytest.mark.parametrize("path", FIELDS)
@pytest.mark.parametrize("text", ["x" * 5000, "\U0001f600" * 5000, "\u0301" * 5000, " " * 5000, "\ufdfa" * 4100])
def test_a_very_long_text_is_refused_not_cut(door: Door, path: str, text: str) -> None:
    for field in FIELDS[path]:
        assert set(errors_of(door.post(path, GOOD[path] | {field: text}))) == {field}
    assert set(door.counts().values()) == {0}


@pytest.mark.parametrize(
    "text",
    [
        "\x01",
        "\x1f",
        "\x7f",
        "\u202e",
        "\u200b",
        "\ufeff",
        "\r\nBcc: eve@example.org",
        "\t",
        "' OR 1=1 --",
        "<script>",
        "a,b;c",
    ],
)
def test_odd_characters_are_no_user_name_and_no_address(house: House, text: str) -> None:
    for field in ("username", "email"):
        good = str(SIGN_UP[field])
        for wrong in (good[:2] + text + good[2:], text + text + text):
            assert field in errors_of(house.post("/signup", SIGN_UP | {field: wrong}))
    assert house.post("/login", {"username": f"ada{text}x", "password": PASSWORD}).get_json()["code"] == "invalid_credentials"


@pytest.mark.parametrize(
    "text", ["Zoë", "山田", "\U0001f600" * 100, "O'Neil", "a\\b", '"q"', "<b>", "A\u200dbc", "J\u00a0L", "Ab\u0301", "x" * 100]
)
def test_a_persons_name_is_kept_as_it_was_written(house: House, text: str) -> None:
    assert house.sign_up(first_name=text, last_name=text).status_code == 201
    house.post(house.confirm_link())
    access, _ = house.tokens()
    profile = house.get("/profile", access).get_json()
    assert (profile["first_name"], profile["last_name"]) == (text, text)
    assert house.put("/profile", {"first_name": f"  {text}  "}, access).get_json()["first_name"] == text


@pytest.mark.parametrize("text", ["   ", "x" * 101, "\U0001f600" * 101])
def test_a_persons_name_is_neither_blank_nor_too_long(door: Door, text: str) -> None:
    assert set(errors_of(door.sign_up(first_name=text, last_name=text))) == {"first_name", "last_name"}


@pytest.mark.parametrize("path", ["/signup", "/login", "/resend-confirmation", "/refresh", "/logout", "/confirm/x"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_json_makes_an_open_call_fail(door: Door, path: str, body: Any) -> None:
    raw = json.dumps(body).encode()
    assert code_of(door.ask("POST", path, data=raw, headers={"Content-Type": "application/json"}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_json_makes_a_signed_in_call_fail(door: Door, body: Any) -> None:
    if not door.counts()["sessions"]:  # the first example
        door.account()
    access, _ = door.tokens(door.rows("users")[0]["username"])
    raw = json.dumps(body).encode()
    answer = door.ask("PUT", "/profile", token=access, data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 422)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=120))
def test_any_text_can_be_tried_as_a_login_and_as_a_name(house: House, text: str) -> None:
    """On every engine: what one of them cannot store must be refused before it gets there."""
    body = {"username": text, "password": text}
    assert house.post("/login", body).status_code in (400, 401, 422)
    more = {"username": "ada", "email": "ada@example.org", "password": PASSWORD, "first_name": text, "last_name": text}
    assert house.post("/signup", more).status_code in (201, 400, 409, 422)


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\xff" * 10, b"{", b'{"a": 1}'])
def test_an_odd_body_with_a_get_is_not_looked_at(door: Door, raw: bytes) -> None:
    assert door.ask("GET", "/healthz", data=raw, headers={"Content-Type": "application/json"}).status_code == 200
    assert code_of(door.ask("GET", "/profile", data=raw)) == "authentication_required"
