"""The OpenAPI 3.1 document, made from the route table and the contracts that check the requests."""

import inspect
from collections.abc import Iterator
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

import errors
from errors import Refusal
from extensions import settings
from resources import carriage_document
from resources.contract import Access, Contract
from resources.utils import KINDS, Resource

VERSION = "0.1.0"
REF = "#/components/schemas/{model}"
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "reason": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}
BODY_REFUSALS = (
    errors.MalformedJson,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.ValidationFailed,
)
TOKEN_REFUSALS = (errors.AuthenticationRequired, errors.TokenExpired, errors.TokenInvalid, errors.SessionEnded)


def document(app: Flask) -> dict[str, Any]:
    """The whole document."""
    operations = list(_operations(app))
    models = {model for *_, declared in operations for model in _models(declared)}
    paths: dict[str, dict[str, Any]] = {}
    for rule, resource, method, declared in operations:
        paths.setdefault(_path(rule), {})[method] = _operation(rule, resource, method, declared)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings().service_name} API",
            "version": VERSION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(models) | {"Problem": PROBLEM},
            "securitySchemes": carriage_document.schemes(),
        },
    }


def _operations(app: Flask) -> Iterator[tuple[Rule, type[Resource], str, Contract]]:
    for rule in app.url_map.iter_rules():
        resource = getattr(app.view_functions[rule.endpoint], "view_class", None)
        if resource is None:
            continue
        for method in sorted(resource.methods):
            declared = getattr(getattr(resource, method.lower(), None), "contract", None)
            if declared:
                yield rule, resource, method.lower(), declared


def _models(declared: Contract) -> list[type[BaseModel]]:
    return [*carriage_document.forms(declared.answer), *([declared.body] if declared.body else [])]


def _schemas(models: set[type[BaseModel]]) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=REF)
    found: dict[str, Any] = schemas.get("$defs", {})
    return found


def _path(rule: Rule) -> str:
    return rule.rule.replace("<string:", "{").replace(">", "}")


def _operation(rule: Rule, resource: type[Resource], method: str, declared: Contract) -> dict[str, Any]:
    access = resource.access_of(method)
    operation: dict[str, Any] = {
        "operationId": f"{method}{resource.__name__}",
        "summary": (inspect.getdoc(getattr(resource, method)) or "").split("\n")[0],
        "description": f"For {access.value}.",
        "responses": _responses(resource, access, method, declared),
    }
    if parameters := _parameters(rule, declared) + carriage_document.parameters(access, method, declared):
        operation["parameters"] = parameters
    if access in KINDS:
        operation["security"] = carriage_document.security(access)
    if declared.body and declared.body.model_fields:
        schema = {"$ref": REF.format(model=declared.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(rule: Rule, declared: Contract) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(rule.arguments)
    ]
    if declared.query:
        shape = declared.query.model_json_schema()
        for name, schema in shape["properties"].items():
            found.append({"name": name, "in": "query", "required": name in shape.get("required", []), "schema": _given(schema)})
    return found


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    kept = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    if "anyOf" in kept:
        kept |= next(kind for kind in kept.pop("anyOf") if kind != {"type": "null"})
    return kept


def _responses(resource: type[Resource], access: Access, method: str, declared: Contract) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": {}} for kind in declared.media}
    if declared.answer:
        forms = [{"$ref": REF.format(model=form.__name__)} for form in carriage_document.forms(declared.answer)]
        content["application/json"] = {"schema": forms[0] if len(forms) == 1 else {"oneOf": forms}}
    answers: dict[str, Any] = {str(declared.status): {"description": "Done.", "content": content}}
    answers |= {str(status): {"description": meaning} for status, meaning in declared.also.items()}
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in refusals_of(resource, access, method, declared):
        by_status.setdefault(refusal.status, []).append(refusal)
    for status, kinds in sorted(by_status.items()):
        answers[str(status)] = _problem(kinds, page=resource.page)
    return answers


def refusals_of(resource: type[Resource], access: Access, method: str, declared: Contract) -> list[type[Refusal]]:
    """Every refusal that a call may answer with, each once."""
    found: list[type[Refusal]] = [*declared.refuses]
    if declared.body and method != "get":
        found += BODY_REFUSALS
    if declared.query:
        found.append(errors.ValidationFailed)
    if access in KINDS:
        found += [*TOKEN_REFUSALS, *carriage_document.refusals(method)]
    if declared.fresh:
        found.append(errors.ReauthenticationRequired)
    if resource.limited:
        found += [errors.RateLimited, errors.Unavailable]
    return list(dict.fromkeys([*found, errors.MethodNotAllowed, errors.InternalError]))


def _problem(kinds: list[type[Refusal]], *, page: bool) -> dict[str, Any]:
    codes = [kind.code for kind in kinds]
    schema = {"allOf": [{"$ref": REF.format(model="Problem")}, {"properties": {"code": {"enum": codes}}}]}
    content: dict[str, Any] = {"application/problem+json": {"schema": schema}}
    if page:
        content["text/html"] = {"schema": {}}
    return {"description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds), "content": content}
