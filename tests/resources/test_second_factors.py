"""`/mfa`, `/mfa/recovery-codes` and the second step of `/login` at the door: shapes, headers, bad bodies."""

import base64
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from PIL import Image
from werkzeug.test import TestResponse

from tests.factors import Phone, nothing_changes, pending, protected, second, set_up, sign_in
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.problem import code_of, errors_of

BAD_CODES: list[Any] = ["", "x" * 65, 123456, 1.5, True, ["123456"], {"code": "123456"}]
TOKEN_ANSWER = {"access_token", "refresh_token", "token_type", "expires_in", "message"}
CALLS = [("POST", "/mfa"), ("DELETE", "/mfa"), ("POST", "/mfa/recovery-codes")]


@pytest.fixture
def ada(door: Door) -> tuple[Door, str]:
    door.account()
    return door, door.tokens()[0]


def private(answer: TestResponse, *members: str) -> dict[str, Any]:
    """The body of a right answer that nobody on the way may keep, with exactly these members."""
    assert answer.status_code == 200, answer.get_json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Session-Idle-Expires"]
    body: dict[str, Any] = answer.get_json()
    assert set(body) == set(members)
    return body


def test_a_set_up_tells_secret_address_and_picture(ada: tuple[Door, str]) -> None:
    door, access = ada
    begun = private(door.post("/mfa", token=access), "mfa_secret", "provisioning_uri", "qr_code")
    assert len(base64.b32decode(begun["mfa_secret"])) == 20
    uri = urlsplit(begun["provisioning_uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", "/Latchkey:ada")
    assert parse_qs(uri.query) == {"secret": [begun["mfa_secret"]], "issuer": ["Latchkey"]}
    kind, _, data = begun["qr_code"].partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 100


@pytest.mark.parametrize("name", ["Ada's door", "Ünïcode & more", "a/b?c=d#e"])
def test_the_app_shows_the_name_of_the_service(build: Callable[..., Door], name: str) -> None:
    door = build(SERVICE_NAME=name)
    door.account()
    uri = urlsplit(door.post("/mfa", token=door.tokens()[0]).get_json()["provisioning_uri"])
    assert (unquote(uri.path), parse_qs(uri.query)["issuer"]) == (f"/{name}:ada", [name])


@pytest.mark.parametrize("body", [{}, {"mfa_code": None}])
def test_no_code_begins_a_set_up(ada: tuple[Door, str], body: dict[str, None]) -> None:
    door, access = ada
    assert door.post("/mfa", body, access).get_json()["mfa_secret"]


def test_each_answer_has_exactly_what_the_contract_names(ada: tuple[Door, str]) -> None:
    door, access = ada
    state = private(door.get("/mfa", access), "mfa_enabled", "methods", "recovery_codes_left")
    assert state == {"mfa_enabled": False, "methods": [], "recovery_codes_left": 0}
    phone = Phone(door.post("/mfa", token=access).get_json()["mfa_secret"])
    on = private(door.post("/mfa", {"mfa_code": phone.code(-1)}, access), "message", "recovery_codes")
    assert len(on["recovery_codes"]) == 10
    new = private(door.post("/mfa/recovery-codes", {"mfa_code": phone.code()}, access), "recovery_codes")
    assert len(new["recovery_codes"]) == 10
    off = door.ask("DELETE", "/mfa", {"mfa_code": new["recovery_codes"][0]}, access)
    assert (off.status_code, set(off.get_json())) == (200, {"message"})


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("code", BAD_CODES, ids=repr)
def test_a_code_of_another_shape_is_told_and_nothing_changes(ada: tuple[Door, str], method: str, path: str, code: Any) -> None:
    door, access = ada
    with nothing_changes(door):
        assert set(errors_of(door.ask(method, path, {"mfa_code": code}, access))) == {"mfa_code"}


def test_a_call_that_wants_a_code_says_so(ada: tuple[Door, str]) -> None:
    door, access = ada
    for method, path in CALLS[1:]:
        assert errors_of(door.ask(method, path, token=access)) == {"mfa_code": ["This field is needed."]}
        assert set(errors_of(door.ask(method, path, {"mfa_code": "1", "mfa_enabled": True}, access))) == {"mfa_enabled"}


@pytest.mark.parametrize(("method", "path"), [("GET", "/mfa"), *CALLS])
def test_only_an_access_token_opens_them(ada: tuple[Door, str], method: str, path: str) -> None:
    door, _ = ada
    with nothing_changes(door):
        refused = door.ask(method, path, {"mfa_code": "123456"} if method != "GET" else None)
        assert (code_of(refused), refused.headers["WWW-Authenticate"]) == ("authentication_required", "Bearer")
    refresh = door.tokens()[1]
    with nothing_changes(door):
        refused = door.ask(method, path, token=refresh)
        assert code_of(refused) == "token_invalid"
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_conflicts_and_wrong_codes_are_whole_problems(ada: tuple[Door, str]) -> None:
    door, access = ada
    assert code_of(door.ask("DELETE", "/mfa", {"mfa_code": "123456"}, access)) == "mfa_not_enabled"
    wrong = door.post("/mfa", {"mfa_code": "123456"}, access)
    assert (wrong.status_code, code_of(wrong), wrong.headers["WWW-Authenticate"]) == (401, "invalid_mfa_code", "Bearer")
    set_up(door, access)
    again = door.post("/mfa", token=access)
    assert (again.status_code, code_of(again)) == (409, "mfa_already_enabled")


def test_what_is_wanted_carries_a_token_that_nobody_may_keep(door: Door) -> None:
    protected(door)
    wanted = door.login()
    assert (wanted.status_code, code_of(wanted)) == (401, "mfa_required")
    assert wanted.headers["Cache-Control"] == "no-store"
    assert wanted.headers["WWW-Authenticate"] == "Bearer"
    assert "Session-Idle-Expires" not in wanted.headers
    assert set(wanted.get_json()) >= {"mfa_token", "methods"}
    assert 43 <= len(wanted.get_json()["mfa_token"]) <= 200
    assert wanted.get_json()["mfa_token"].count(".") == 0, "a half-finished sign-in is never a JWT"


def test_the_second_step_gives_a_token_answer(door: Door) -> None:
    _, phone = protected(door)
    body = private(second(door, pending(door), phone.code()), *TOKEN_ANSWER)
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 1800)


def test_one_step_gives_the_same(door: Door) -> None:
    _, phone = protected(door)
    private(sign_in(door, phone.code()), *TOKEN_ANSWER)


@pytest.mark.parametrize(
    ("body", "faulty"),
    [
        ({}, {"username", "password"}),
        ({"mfa_code": "123456"}, {"username", "password"}),
        ({"username": "ada"}, {"password"}),
        ({"password": PASSWORD, "mfa_code": "123456"}, {"username"}),
        ({"mfa_token": "x"}, {"mfa_code"}),
        ({"mfa_token": "x", "mfa_code": "123456", "username": "ada"}, {"username"}),
        ({"mfa_token": "x", "mfa_code": "123456", "username": "ada", "password": PASSWORD}, {"username", "password"}),
        ({"mfa_token": "x", "password": PASSWORD}, {"mfa_code", "password"}),
        ({"mfa_token": "x" * 201, "mfa_code": "123456"}, {"mfa_token"}),
        ({"mfa_token": 1, "mfa_code": 123456}, {"mfa_token", "mfa_code"}),
        ({"username": "ada", "password": "", "mfa_code": ""}, {"password"}),
        ({"username": "ada", "password": PASSWORD, "totp": "123456"}, {"totp"}),
    ],
)
def test_the_two_steps_of_a_login_are_not_mixed(door: Door, body: dict[str, Any], faulty: set[str]) -> None:
    assert set(errors_of(door.post("/login", body))) == faulty


def test_an_unknown_mfa_token_is_refused_as_a_token(door: Door) -> None:
    refused = second(door, "x", "123456")
    assert (refused.status_code, code_of(refused)) == (401, "token_invalid")
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_wait_is_a_whole_problem_that_says_how_long(door: Door) -> None:
    _, phone = protected(door)
    for _ in range(6):
        assert code_of(sign_in(door, phone.wrong())) == "invalid_mfa_code"
    waits = [sign_in(door, phone.code()), second(door, pending(door), phone.code())]
    for answer in waits:
        assert (answer.status_code, code_of(answer)) == (429, "too_many_attempts")
        assert 0 < int(answer.headers["Retry-After"]) <= 30
        assert "WWW-Authenticate" not in answer.headers
