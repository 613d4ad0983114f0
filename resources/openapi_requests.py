"""What the OpenAPI document says of requests: parameters, and bodies with examples that work."""

from typing import Any

from werkzeug.routing import Rule

from resources.contract import Contract, without_null
from resources.upload import MULTIPART

REF = "#/components/schemas/{model}"
IN_PATH = {
    "token": ("what the mailed link ends with", "mZ4uWc0QnT6Vb1yKfR8sXeJ2hLd5pGa9oIi3UwEqYtM"),
    "session_id": ("`id` of GET /sessions", "5f0c9c1e-2a4b-4c58-9a53-8d4f4f1c7b21"),
    "provider": ("`google`, or a name of `OIDC_PROVIDERS`", "google"),
    "/docs/name": ("a file of the page", "start.js"),
    "/uploads/name": ("the end of `profile_picture`", "3c9b1f60d2a84e7fb0c5.png"),
    "code": ("`code` of a problem document", "mfa_required"),
}
"""Parameters of paths: what each is, and an example; where they differ, with the beginning of the path."""
FILE = {"type": "string", "format": "binary", "description": "a PNG, JPEG or GIF file"}
BESIDE = "the text fields may come along, as parts of their own"


def parameters(rule: Rule, declared: Contract) -> list[dict[str, Any]]:
    """Those of the path, then those behind `?`."""
    found = [_in_path(name, rule.rule) for name in sorted(rule.arguments)]
    if declared.query:
        shape = declared.query.model_json_schema()
        for name, schema in shape["properties"].items():
            found.append(
                {"name": name, "in": "query", "required": name in shape.get("required", []), "schema": without_null(schema)}
            )
    return found


def _in_path(name: str, path: str) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if told := IN_PATH.get(name) or IN_PATH.get(f"/{path.split('/')[1]}/{name}"):
        parameter["description"], parameter["example"] = told
    return parameter


def body(declared: Contract) -> dict[str, Any] | None:
    """The request body; None where the call takes none."""
    if declared.body is None or not declared.body.model_fields:
        return None
    given = declared.body.worked_examples()
    schema = {"$ref": REF.format(model=declared.body.__name__)}
    content: dict[str, Any] = {"application/json": {"schema": schema, "examples": examples(given)}}
    if declared.upload:
        content[MULTIPART] = {"schema": {"type": "object", "properties": {declared.upload: FILE}, "description": BESIDE}}
    return {"required": declared.body.is_needed(), "content": content}


def examples(given: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """As a media type holds them: by a plain name, with what each is for."""
    return {
        (purpose or "example").lower().replace(",", "").replace(" ", "_"): {"summary": purpose or "An example", "value": value}
        for purpose, value in given.items()
    }
