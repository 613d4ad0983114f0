"""What the OpenAPI document says of answers: the promised one, and every refusal with an example of its document."""

from typing import Any

import errors
from errors import Refusal
from resources import carriage_document, problem_guide, problems
from resources.contract import Access, Contract
from resources.openapi_requests import REF
from resources.utils import KINDS, Resource

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "the address of a page about this code"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence for people"},
        "code": {"type": "string", "description": "what a program decides by"},
        "request_id": {"type": "string", "description": "as in the header X-Request-ID and in the log"},
        "reason": {"type": "string", "description": "with `session_ended`: why"},
        "methods": {
            "type": "array",
            "items": {"type": "string"},
            "description": "with `mfa_required` and other wanted proofs: how the person can prove who they are",
        },
        "mfa_token": {"type": "string", "description": "with `mfa_required`: carries the sign-in on, at POST /login"},
        "link_token": {"type": "string", "description": "with `link_proof_required`: carries the link on, at POST /auth/link"},
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "description": "with `validation_failed`: sentences by field",
        },
    },
}
BODY_REFUSALS = (
    errors.MalformedJson,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.ValidationFailed,
)
TOKEN_REFUSALS = (errors.AuthenticationRequired, errors.TokenExpired, errors.TokenInvalid, errors.SessionEnded)


def problem_examples() -> dict[str, Any]:
    """A document of each refusal, by its code."""
    return {kind.code: {"summary": kind.title, "value": problems.example(kind)} for kind in errors.every_refusal()}


def answers(resource: type[Resource], access: Access, method: str, declared: Contract) -> dict[str, Any]:
    """Every answer of a call, by status."""
    content: dict[str, Any] = {kind: {"schema": {}} for kind in declared.media}
    if declared.answer:
        forms = [{"$ref": REF.format(model=form.__name__)} for form in carriage_document.forms(declared.answer)]
        content["application/json"] = {"schema": forms[0] if len(forms) == 1 else {"oneOf": forms}}
    found: dict[str, Any] = {str(declared.status): {"description": "Done.", "content": content}}
    found |= {str(status): {"description": meaning} for status, meaning in declared.also.items()}
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in refusals_of(resource, access, method, declared):
        by_status.setdefault(refusal.status, []).append(refusal)
    for status, kinds in sorted(by_status.items()):
        found[str(status)] = _problem(kinds, page=resource.page)
    return found


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
    if not resource.over_http:
        found.append(errors.HttpsRequired)
    return list(dict.fromkeys([*found, errors.MethodNotAllowed, errors.InternalError]))


def _problem(kinds: list[type[Refusal]], *, page: bool) -> dict[str, Any]:
    codes = [kind.code for kind in kinds]
    schema = {"allOf": [{"$ref": REF.format(model="Problem")}, {"properties": {"code": {"enum": codes}}}]}
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    content: dict[str, Any] = {"application/problem+json": {"schema": schema, "examples": examples}}
    if page:
        content["text/html"] = {"schema": {}}
    described = {"description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds), "content": content}
    waits = [seconds for code in codes if (seconds := problem_guide.of(code).retry_after)]
    if waits:
        described["headers"] = {
            "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}, "example": waits[0]}
        }
    return described
