"""What the document says of a field is what the service does: user names, addresses, phone numbers, passwords."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from resources.contract import without_null
from services import names
from tests.people import PASSWORD, document_of
from tests.resources.conftest import Door
from tests.services.test_names import NO_ADDRESS, OTHER_ADDRESS, SAME_ADDRESS

USERNAMES = ["ada", "a.D_9-", "x" * 32, "x" * 33, "ab", "-ada", "---", "...", "_-_", "_a_", "123", "ad\na", "a b", "adä", ""]
ADDRESSES = [spelling for pair in SAME_ADDRESS + OTHER_ADDRESS for spelling in pair]
NUMBERS = ["+44 1632 960961", "+44 (1632) 960-961", "\uff0b\uff14\uff14\u00a01632\u2011960961", " +44/1632.960961"]
NO_NUMBERS = ["01632 960961", "+44 1632 960961 ext. 5", "tel:+441632960961", "+1 800 FLOWERS", "44 1632 960961", "+44\n\n"]
MOST_ADDRESS = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 6}.org"
TAKEN_FOR_JSON = re.compile(r"[^\0]*").fullmatch
"""NUL is refused before any field is looked at."""
USERNAME_RULE = re.compile(f"^(?:{names.USERNAME.pattern})$")


def rule(door: Door, model: str, field: str) -> dict[str, Any]:
    found: dict[str, Any] = document_of(door.app)["components"]["schemas"][model]["properties"][field]
    return found


def allows(schema: dict[str, Any], value: str) -> bool:
    return bool(Draft202012Validator(without_null(schema)).is_valid(value))


def is_taken(door: Door, **changes: str) -> bool:
    """Whether a sign-up with this field passes."""
    door.empty()
    answer = door.post("/signup", {"username": "ada", "email": "ada@example.org", "password": PASSWORD} | changes)
    assert answer.status_code in (201, 422)
    if answer.status_code == 422:
        assert set(answer.get_json()["errors"]) == set(changes)
    return answer.status_code == 201


@pytest.mark.parametrize("name", USERNAMES)
def test_a_user_name_is_taken_just_where_the_document_says_so(door: Door, name: str) -> None:
    assert is_taken(door, username=name) == allows(rule(door, "SignUpBody", "username"), name)


@given(st.text(st.sampled_from("ab9._-@ \n\u00e4"), max_size=34))
def test_the_pattern_of_user_names_is_the_rule(name: str) -> None:
    try:
        names.username(name)
    except names.Malformed:
        assert not USERNAME_RULE.match(name) or name.endswith("\n"), "where Python's $ is not that of JSON Schema"
    else:
        assert USERNAME_RULE.match(name)


@pytest.mark.parametrize("address", [*ADDRESSES, MOST_ADDRESS])
def test_an_address_that_is_taken_fits_the_document(door: Door, address: str) -> None:
    assert is_taken(door, email=address)
    assert allows(rule(door, "SignUpBody", "email"), address)


@pytest.mark.parametrize("address", [*filter(TAKEN_FOR_JSON, NO_ADDRESS), "b" + MOST_ADDRESS])
def test_an_address_that_the_document_refuses_is_refused(door: Door, address: str) -> None:
    assert not is_taken(door, email=address)
    schema = rule(door, "SignUpBody", "email")
    by_the_domain_alone = address.isascii() and re.fullmatch(r"[\w.+-]+@[\w.-]+\.[a-z]+", address) and len(address) <= 254
    assert not allows(schema, address) or by_the_domain_alone, "what the pattern lets through is up to IDNA"
    assert schema["format"] == "email"


@pytest.mark.parametrize("number", [*NUMBERS, *NO_NUMBERS])
def test_a_phone_number_is_taken_just_where_the_document_says_so(door: Door, number: str) -> None:
    assert is_taken(door, phone_number=number) == allows(rule(door, "SignUpBody", "phone_number"), number)


def test_the_lengths_of_new_passwords_are_those_of_the_settings(build: Callable[..., Door]) -> None:
    door = build(PASSWORD_MIN_LENGTH="12", PASSWORD_MAX_LENGTH="64")
    text = "Vt7-qe\u00df9 \U0001f600 mZ4uWc0QnT6Vb1yKfR8sXeJ2hLd5pGa9oIi3UwEqYtMbT9kQ2mZ4uWc0QnT6V"
    for model, field in (
        ("SignUpBody", "password"),
        ("ResetPasswordBody", "password"),
        ("ChangePasswordBody", "new_password"),
    ):
        told = rule(door, model, field)
        assert (told["minLength"], told["maxLength"], told["format"]) == (12, 64, "password")
    for length in (11, 12, 64, 65):
        assert is_taken(door, password=text[:length]) == allows(rule(door, "SignUpBody", "password"), text[:length]), length


def test_a_password_of_an_older_policy_still_fits_where_it_is_asked_for(build: Callable[..., Door]) -> None:
    build().account()
    door = build(PASSWORD_MIN_LENGTH="60", PASSWORD_MAX_LENGTH="64")
    first_step = document_of(door.app)["components"]["schemas"]["LoginBody"]["oneOf"][0]["properties"]["password"]
    assert allows(first_step, PASSWORD)
    assert door.login().status_code == 200


def test_each_step_of_a_login_is_a_body_of_its_own(door: Door) -> None:
    schema = {"$ref": "#/components/schemas/LoginBody", "components": document_of(door.app)["components"]}
    bodies: list[dict[str, Any]] = [{}, {"username": "ada"}, {"mfa_code": "1"}, {"mfa_token": "x", "mfa_code": "1"}]
    bodies += [{"username": "ada", "password": "x", "mfa_code": None}, {"username": "ada", "password": "x", "mfa_token": "x"}]
    for body in bodies:
        refused = door.post("/login", body).get_json()["code"] == "validation_failed"
        assert Draft202012Validator(schema).is_valid(body) != refused, body
