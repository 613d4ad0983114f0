"""The Postman collection that the service hands out, run by Newman as Postman would run it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from resources.postman import REST
from tests.conftest import ROOMY, SECRETS, refuse_or_skip
from tests.parts import newman
from tests.parts.missing import Missing
from tests.parts.newman import Run
from tests.parts.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('postman') / 'postman.db'}"
    with Service(SECRETS | ROOMY | {"FLASK_ENV": "development", "SQLALCHEMY_DATABASE_URI": uri}) as running:
        yield running


def downloaded(service: Service, name: str) -> dict[str, Any]:
    answer = requests.get(f"{service.url}/docs/postman_{name}.json", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f"attachment; filename=latchkey.postman_{name}.json"
    found: dict[str, Any] = answer.json()
    return found


def run(service: Service, folder: Path, collection: dict[str, Any], *only: str) -> Run:
    try:
        return newman.run(collection, downloaded(service, "environment"), folder, *only)
    except Missing as missing:
        refuse_or_skip(missing)


def test_every_request_of_the_collection_succeeds_in_its_order(service: Service, tmp_path: Path) -> None:
    collection = downloaded(service, "collection")
    done = run(service, tmp_path, collection)
    print(f"newman: {done.requests} requests, {done.assertions} assertions, {len(done.failures)} failed")
    assert done.failures == []
    written = [item for folder in collection["item"] for item in folder["item"]]
    assert done.requests >= len(written) >= 60
    assert done.assertions >= len(written)


def test_a_broken_promise_is_noticed(service: Service, tmp_path: Path) -> None:
    text = json.dumps(downloaded(service, "collection"))
    broken = json.loads(text.replace("oneOf([200, 404])", "oneOf([299])"))
    assert run(service, tmp_path, broken, REST).failures
