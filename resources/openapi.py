"""The OpenAPI 3.1 document, made from the route table and the contracts that check the requests."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema
from werkzeug.routing import Rule

from errors import Refusal
from extensions import settings
from resources import carriage_document, openapi_answers, openapi_requests
from resources.contract import Access, Contract, Nothing
from resources.openapi_requests import REF
from resources.utils import Resource

VERSION = "0.1.0"
INTRODUCTION = """\
Accounts, sessions and second factors for an app of yours.

**To try it:** `POST /login` (after `POST /signup` and the link in the mail), put its `access_token` into **Authorize**, and
press *Try it out* at any call. `POST /refresh` wants the `refresh_token` there.

**Errors** are problem documents (RFC 9457). A program decides by `code`; `type` is the address of a page about it.

**Postman:** import [the collection]({base_path}/docs/postman_collection.json) and
[the environment]({base_path}/docs/postman_environment.json), choose the environment, and run the folders in their order.
"""
TAGS = {
    "Sign up and sign in": "From a new account to tokens, and out again.",
    "Passwords": "Forgotten and changed ones.",
    "Second factors": "An authenticator app, recovery codes, and codes by mail.",
    "Profile": "What a person tells of themselves, takes along, and deletes.",
    "Sessions and record": "Where one is signed in, and what happened to the account.",
    "Links of notices": "What the buttons in mails lead to.",
    "Providers": "Sign-in with Google or any other OpenID provider.",
    "Service": "What the service says of itself.",
}
"""Each under which calls are listed, in their order."""
FRESH = "Wants a sign-in of the last {minutes:g} minutes, else 401 `reauthentication_required`."


def document(app: Flask) -> dict[str, Any]:
    """The whole document. Made once, since neither routes nor settings change while the app lives; not to be changed."""
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = _made(app)
    found: dict[str, Any] = app.extensions["openapi"]
    return found


def _made(app: Flask) -> dict[str, Any]:
    operations = list(_operations(app))
    models = {model for *_, declared in operations for model in _models(declared)}
    paths: dict[str, dict[str, Any]] = {}
    refusals: set[type[Refusal]] = set()
    for rule, resource, method, declared in operations:
        refusals.update(openapi_answers.refusals_of(resource, resource.access_of(method), method, declared))
        paths.setdefault(_path(rule), {})[method] = _operation(rule, resource, method, declared)
    shared = openapi_answers.share(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings().service_name} API",
            "version": VERSION,
            "description": INTRODUCTION.format(base_path=settings().base_path),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": settings().base_path or "/"}],
        "tags": [{"name": name, "description": meaning} for name, meaning in TAGS.items()],
        "paths": paths,
        "components": {
            "examples": openapi_answers.problem_examples(refusals),
            "responses": shared,
            "schemas": _schemas(models) | {"Problem": openapi_answers.PROBLEM},
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
    takes_body = declared.body not in (None, Nothing)
    return [*carriage_document.forms(declared.answer), *([declared.body] if takes_body and declared.body else [])]


class _Schemas(GenerateJsonSchema):
    """A field that may be left out has no `default: null`: generated clients would ask for it."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def _schemas(models: set[type[BaseModel]]) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=REF, schema_generator=_Schemas)
    found: dict[str, Any] = schemas.get("$defs", {})
    return found


def _path(rule: Rule) -> str:
    return rule.rule.replace("<string:", "{").replace(">", "}")


def _operation(rule: Rule, resource: type[Resource], method: str, declared: Contract) -> dict[str, Any]:
    access = resource.access_of(method)
    told = " ".join((inspect.getdoc(getattr(resource, method)) or "").split())
    operation: dict[str, Any] = {
        "operationId": f"{method}{resource.__name__}",
        "tags": [resource.tag],
        "summary": re.split("[.;] ", told)[0].removesuffix("."),
        "description": " ".join([told, *_remarks(resource, access, declared)]),
        "responses": openapi_answers.answers(resource, access, method, declared),
    }
    if parameters := openapi_requests.parameters(rule, declared) + carriage_document.parameters(access, method, declared):
        operation["parameters"] = parameters
    operation["security"] = carriage_document.security(access)
    if body := openapi_requests.body(declared):
        operation["requestBody"] = body
    return operation


def _remarks(resource: type[Resource], access: Access, declared: Contract) -> Iterator[str]:
    """What every call of its kind has to say."""
    yield f"\n\nFor {access.value}."
    if declared.fresh:
        yield FRESH.format(minutes=settings().fresh_seconds / 60)
    if resource.sensitive and settings().ratelimit_sensitive:
        yield f"Limited to {settings().ratelimit_sensitive} from one client address, beside the limit of every call."
