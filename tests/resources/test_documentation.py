"""What the documentation shows is true: example bodies pass the door, and every refusal is shown as it is answered."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pydantic import TypeAdapter
from werkzeug.test import TestResponse

import errors
from resources import openapi, problem_guide
from resources.answers import CookieTokenAnswer
from resources.contract import Body
from resources.fields import Address
from resources.routes import ROUTES
from resources.utils import KINDS
from tests.people import document_of, response_of
from tests.resources.conftest import Door
from tests.resources.problem import MEMBERS

EVERY = list(errors.every_refusal())
SHAPELESS = {"malformed_json", "payload_too_large", "unsupported_media_type", "validation_failed", "invalid_image"}


@pytest.fixture
def document(door: Door) -> dict[str, Any]:
    return document_of(door.app)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    content = operation.get("requestBody", {}).get("content", {})
    return [example["value"] for example in content.get("application/json", {}).get("examples", {}).values()]


def filled(path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", str(parameter.get("example")))
    return path


def sent(door: Door, path: str, method: str, operation: dict[str, Any], body: dict[str, Any]) -> TestResponse:
    """By somebody who has just signed in, with a token where the call cannot do without."""
    door.empty()
    door.account()
    token = door.tokens()[0] if operation["security"] and {} not in operation["security"] else None
    return door.ask(method.upper(), filled(path, operation), body, token)


def test_every_example_of_a_body_passes_the_door(door: Door, document: dict[str, Any]) -> None:
    tried = 0
    for path, method, operation in operations(document):
        for body in bodies(operation):
            answer = sent(door, path, method, operation, body)
            with_token_only = {} in operation.get("security", []) and "email" not in body
            code = (answer.get_json(silent=True) or {}).get("code") if answer.status_code >= 400 else None
            assert code not in SHAPELESS or with_token_only, (method, path, body, answer.get_json())
            tried += 1
    print(f"{tried} example bodies passed the door")
    assert tried >= 25


def test_an_example_that_needs_a_token_passes_with_one(door: Door, document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for body in bodies(operation):
            if {} in operation.get("security", []) and "email" not in body:
                door.empty()
                door.account()
                answer = door.ask(method.upper(), path, body, door.tokens()[0])
                assert answer.status_code in (200, 202) or answer.get_json()["code"] in ("invalid_otp", "invalid_token")


def test_every_call_with_a_body_shows_one(document: dict[str, Any]) -> None:
    silent = [path for path, _, operation in operations(document) if "requestBody" in operation and not bodies(operation)]
    assert silent == []


def test_a_body_without_examples_of_its_own_is_made_of_its_fields() -> None:
    class Letter(Body):
        to: Address
        copy_to: Address | None = None

    assert Letter.worked_examples() == {"": {"to": "ada@example.org"}}


def test_every_example_in_an_answer_is_of_its_fields_type() -> None:
    contracts = [getattr(getattr(kind, name.lower()), "contract", None) for kind in ROUTES.values() for name in kind.methods]
    models = {declared.answer for declared in contracts if declared and declared.answer} | {CookieTokenAnswer}
    shown = 0
    for model in models:
        for field in model.model_fields.values():
            for example in field.examples or ():
                kind: Any = field.annotation
                TypeAdapter(kind).validate_python(example, strict=True)
                shown += 1
    assert shown >= 30


def test_every_refusal_of_a_call_has_an_example_of_its_own_kind(document: dict[str, Any]) -> None:
    kept = document["components"]["examples"]
    shape = document["components"]["schemas"]["Problem"]
    for path, method, operation in operations(document):
        for status in operation["responses"]:
            problem = response_of(document, operation, status).get("content", {}).get("application/problem+json")
            if problem is None:
                continue
            codes = problem["schema"]["allOf"][1]["properties"]["code"]["enum"]
            assert list(problem["examples"]) == codes, (method, path)
            for code in codes:
                assert problem["examples"][code] == {"$ref": f"#/components/examples/{code}"}
                value = kept[code]["value"]
                assert set(shape["required"]) <= value.keys() <= shape["properties"].keys()
                assert (value["code"], str(value["status"])) == (code, status)


def test_every_refusal_is_explained_and_nothing_else_is() -> None:
    assert set(problem_guide.GUIDES) == {kind.code for kind in EVERY}


def test_the_page_of_a_problem_explains_it_and_shows_its_document(door: Door) -> None:
    for kind in EVERY:
        page = door.get(f"/problems/{kind.code}", headers={"Accept": "text/html"}).get_data(as_text=True)
        text = re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
        text = text.replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")
        guide = problem_guide.of(kind.code)
        prose = re.sub("</?code>", "", text)
        for told in (kind.title, kind.advice, guide.meaning, guide.client, "What a client should do"):
            assert told.replace("`", "") in prose, kind.code
        assert "`" not in prose.split("An example")[0]
        shown = json.loads(text[text.index("{") : text.rindex("}") + 1])
        assert shown.keys() >= MEMBERS | guide.members.keys()
        assert shown["code"] == kind.code


@pytest.mark.parametrize("code", ["mfa_required", "session_ended", "reauthentication_required", "validation_failed"])
def test_the_example_has_the_members_that_are_really_answered(door: Door, code: str) -> None:
    door.account()
    access, _ = door.tokens()
    door.post("/logout", token=access)
    real = {
        "session_ended": lambda: door.get("/profile", access),
        "validation_failed": lambda: door.post("/login", {}),
        "mfa_required": lambda: _with_mfa(door),
        "reauthentication_required": lambda: _stale(door),
    }[code]()
    assert real.get_json()["code"] == code
    assert set(real.get_json()) == MEMBERS | problem_guide.of(code).members.keys()


def _with_mfa(door: Door) -> TestResponse:
    door.change("users", mfa_enabled_at=door.user()["created_at"], totp_secret="x")
    return door.login()


def _stale(door: Door) -> TestResponse:
    access, _ = door.tokens()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=15)):
        return door.get("/profile/export", access)


def test_every_call_stands_under_a_heading_and_says_what_it_does(document: dict[str, Any]) -> None:
    assert [tag["name"] for tag in document["tags"]] == list(openapi.TAGS)
    for path, _, operation in operations(document):
        assert set(operation["tags"]) <= set(openapi.TAGS), path
        assert len(operation["summary"]) <= 80, operation["summary"]
        assert operation["description"].startswith(operation["summary"])
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    assert used == set(openapi.TAGS)


def test_a_call_without_a_token_says_that_it_takes_none(door: Door, document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        access = ROUTES[re.sub(r"{(\w+)}", r"<string:\1>", path)].access_of(method)
        assert (operation["security"] == []) == (access not in KINDS), (method, path)


def test_no_schema_has_null_as_its_default(document: dict[str, Any]) -> None:
    assert '"default": null' not in json.dumps(document)


def test_json_comes_before_pages(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status in operation["responses"]:
            kinds = list(response_of(document, operation, status).get("content", {}))
            assert kinds == sorted(kinds, key=lambda kind: not kind.endswith("json")), (method, path, status)


def test_a_body_that_may_be_missing_is_said_to_be(door: Door, document: dict[str, Any]) -> None:
    optional = []
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            door.empty()
            door.account()
            token = door.tokens()[0] if operation["security"] else None
            door.change("users", password_hash=None)  # what only accounts with a password need is not needed
            answer = door.ask(method.upper(), filled(path, operation), token=token)
            lacks = (answer.get_json(silent=True) or {}).get("code") == "validation_failed"
            assert operation["requestBody"]["required"] == lacks, (method, path, answer.get_json(silent=True))
            optional += [f"{method} {path}"] * (not lacks)
    assert set(optional) >= {"post /mfa", "post /send-otp", "put /profile", "delete /profile"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_a_known_path_with_a_wrong_method_is_no_provider(door: Door, method: str) -> None:
    answer = door.ask(method, "/auth/exchange")
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"OPTIONS", "POST"})


def test_no_whole_path_is_taken_for_one_with_a_variable(door: Door) -> None:
    tried = 0
    for path, resource in ROUTES.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(resource.methods):
            if "<" not in path:
                assert door.ask(method, path).status_code == 405, (method, path)
                tried += 1
    assert tried >= 50
