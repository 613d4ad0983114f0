"""The OpenAPI document, as others use it: linters find no error, and a strictly typed client walks through the service."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOMY, SECRETS, refuse_or_skip
from tests.parts import node, openapi_tools
from tests.parts.missing import Missing
from tests.parts.service import Service
from tests.people import document_of
from tests.resources.conftest import app_with

STEPS = {"sign up", "confirm", "sign in", "change the profile", "turn MFA on", "second step", "list the sessions", "sign out"}


@pytest.fixture(scope="module")
def program() -> str:
    try:
        return node.node()
    except Missing as missing:
        refuse_or_skip(missing)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, program: str) -> Iterator[Service]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('typed') / 'typed.db'}"
    with Service(SECRETS | ROOMY | {"FLASK_ENV": "development", "SQLALCHEMY_DATABASE_URI": uri}) as running:
        yield running


@pytest.mark.parametrize("location", ["headers", "headers,cookies"])
def test_redocly_and_spectral_find_no_error(location: str, tmp_path: Path, program: str) -> None:
    document = document_of(app_with(tmp_path / "lint.db", JWT_TOKEN_LOCATION=location))
    assert openapi_tools.redocly(document, tmp_path) == ""
    assert openapi_tools.spectral(document, tmp_path) == ""


def test_the_linters_find_what_is_planted(tmp_path: Path, program: str) -> None:
    broken = json.loads(json.dumps(document_of(app_with(tmp_path / "lint.db"))))
    del broken["paths"]["/login"]["post"]["security"]
    assert "security-defined" in openapi_tools.redocly(broken, tmp_path)
    broken["paths"]["/login"]["post"]["operationId"] = "postSignUp"
    assert "operation-operationId-unique" in openapi_tools.spectral(broken, tmp_path)


def test_a_strictly_typed_client_walks_through_the_service(service: Service, tmp_path: Path, program: str) -> None:
    document = requests.get(f"{service.url}/openapi.json", timeout=60).json()
    script = openapi_tools.compiled("journey.ts", document, tmp_path)
    done = subprocess.run([program, script, service.url], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)
    print(f"openapi-fetch: {len(steps)} typed steps")
    assert set(steps) >= STEPS
