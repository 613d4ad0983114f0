"""The Postman collection has every call, and its environment every variable."""

import json
import re
from typing import Any

import pytest

from resources import postman
from resources.postman_walk import WALK
from tests.people import document_of
from tests.resources.conftest import Door
from tests.resources.test_documentation import operations

EMBRACED = re.compile(r"{{(\w+)}}")
READ_OR_KEPT = re.compile(r'environment\.[gs]et\("(\w+)"')


@pytest.fixture
def document(door: Door) -> dict[str, Any]:
    return document_of(door.app)


def test_the_collection_has_every_call_by_names_that_are_unique(document: dict[str, Any]) -> None:
    collection = postman.collection(document)
    items = [item for folder in collection["item"] for item in folder["item"]]
    names = [item["name"] for item in items]
    assert len(names) == len(set(names))
    asked = {(item["request"]["method"], "/" + "/".join(item["request"]["url"]["path"])) for item in items}
    calls = {(method.upper(), re.sub(r"{(\w+)}", r":\1", path)) for path, method, _ in operations(document)}
    assert asked == calls
    assert {step.call for steps in WALK.values() for step in steps} <= {one["operationId"] for *_, one in operations(document)}


def test_the_environment_has_every_variable_of_the_collection(document: dict[str, Any]) -> None:
    values = {one["key"]: one for one in postman.environment("Latchkey", "http://127.0.0.1:5000")["values"]}
    text = json.dumps(postman.collection(document)).replace('\\"', '"')
    assert set(EMBRACED.findall(text)) | set(READ_OR_KEPT.findall(text)) == set(values)
    assert values["access_token"]["type"] == values["password"]["type"] == "secret"
    assert values["base_url"] == {"key": "base_url", "value": "http://127.0.0.1:5000", "type": "default", "enabled": True}
