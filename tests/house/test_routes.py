"""Every route declares who may enter, has contracts, and is in the OpenAPI document; and nothing else is."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate

from errors import Refusal
from resources import openapi
from resources.contract import Access, Contract
from resources.routes import ROUTES
from resources.utils import Resource
from tests.conftest import settings_with
from tests.people import response_of

HTTP_METHODS = {"get", "post", "put", "patch", "delete"}
SENSITIVE = {
    "/login",
    "/resend-confirmation",
    "/forgot-password",
    "/reset-password/<string:token>",
    "/send-otp",
    "/verify-otp",
    "/reauthenticate",
    "/auth/link",
    "/auth/link/code",
}
"""What guesses or sends mail; those of them that exist carry the second limit."""


def methods(resource: type[Resource]) -> set[str]:
    return {method.lower() for method in resource.methods} & HTTP_METHODS


def served(app: Flask) -> Iterator[tuple[str, type[Resource]]]:
    """Every path of the app with its resource; fails where a view is something else."""
    for rule in app.url_map.iter_rules():
        resource = getattr(app.view_functions[rule.endpoint], "view_class", None)
        assert isinstance(resource, type), f"{rule.rule} is no Resource"
        assert issubclass(resource, Resource), f"{rule.rule} is no Resource"
        yield rule.rule, resource


def without_contract(app: Flask) -> list[str]:
    return [
        f"{method.upper()} {path}"
        for path, resource in served(app)
        for method in sorted(methods(resource))
        if not isinstance(getattr(getattr(resource, method), "contract", None), Contract)
    ]


def differences(app: Flask, document: dict[str, Any]) -> set[str]:
    """Calls that are served and not documented, or documented and not served."""
    calls = {
        f"{method} {path.replace('<string:', '{').replace('>', '}')}" for path, kind in served(app) for method in methods(kind)
    }
    documented = {f"{method} {path}" for path, item in document["paths"].items() for method in item}
    return calls ^ documented


def test_a_resource_without_access_fails_at_import() -> None:
    with pytest.raises(TypeError, match="who may enter"):
        type("Careless", (Resource,), {})


def test_access_is_never_inherited() -> None:
    parent = type("Open", (Resource,), {"access": Access.OPEN})
    with pytest.raises(TypeError, match="who may enter"):
        type("Heir", (parent,), {})


def test_every_call_says_who_may_enter(app: Flask) -> None:
    for _, resource in served(app):
        assert all(isinstance(resource.access_of(method), Access) for method in methods(resource)), resource


def test_every_call_has_a_contract(app: Flask) -> None:
    assert without_contract(app) == []


def test_the_page_of_routes_is_complete(app: Flask) -> None:
    assert dict(served(app)) == ROUTES


def test_routes_and_document_agree(app: Flask, document: dict[str, Any]) -> None:
    assert differences(app, document) == set()


def test_a_call_without_a_contract_is_noticed() -> None:
    class Secretive(Resource):
        access = Access.OPEN

        def get(self) -> None:
            """Nothing is declared here."""

    app = Flask("planted")
    app.extensions["settings"] = settings_with()
    app.static_folder = None
    app.url_map = type(app.url_map)()
    app.add_url_rule("/secret", view_func=Secretive.as_view("secret"))
    with app.app_context():
        document = openapi.document(app)
    assert without_contract(app) == ["GET /secret"]
    assert differences(app, document) == {"get /secret"}


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_operation_has_a_summary_and_its_own_id(document: dict[str, Any]) -> None:
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert all(operation["summary"] for operation in operations)
    identifiers = [operation["operationId"] for operation in operations]
    assert len(identifiers) == len(set(identifiers))


def test_every_declared_status_and_code_is_documented(app: Flask, document: dict[str, Any]) -> None:
    for path, resource in served(app):
        for method in methods(resource):
            declared: Contract = getattr(resource, method).contract
            operation = document["paths"][path.replace("<string:", "{").replace(">", "}")][method]
            assert str(declared.status) in operation["responses"]
            assert all(refusal.code in codes(document, operation, refusal) for refusal in declared.refuses), (method, path)


def codes(document: dict[str, Any], operation: dict[str, Any], refusal: type[Refusal]) -> list[str]:
    schema = response_of(document, operation, refusal.status)["content"]["application/problem+json"]["schema"]
    found: list[str] = schema["allOf"][1]["properties"]["code"]["enum"]
    return found


def test_exactly_the_sensitive_calls_carry_the_second_limit() -> None:
    assert {path for path, resource in ROUTES.items() if resource.sensitive} == SENSITIVE & ROUTES.keys()
    assert all(ROUTES[path].limited for path in SENSITIVE & ROUTES.keys())
