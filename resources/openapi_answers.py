"""What the OpenAPI document says of answers: the promised one, and every refusal with an example of its document."""

from collections import Counter
from collections.abc import Iterator
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
CODES = [kind.code for kind in errors.every_refusal()]
PROBLEM_TYPE = "application/problem+json"
RESPONSE = "#/components/responses/{name}"


def problem_examples(kinds: set[type[Refusal]]) -> dict[str, Any]:
    """A document of each of these refusals, by its code."""
    ordered = sorted(kinds, key=lambda kind: CODES.index(kind.code))
    return {kind.code: {"summary": kind.title, "value": problems.example(kind)} for kind in ordered}


def answers(resource: type[Resource], access: Access, method: str, declared: Contract) -> dict[str, Any]:
    """Every answer of a call, by status."""
    content: dict[str, Any] = {}
    if declared.answer:
        forms = [{"$ref": REF.format(model=form.__name__)} for form in carriage_document.forms(declared.answer)]
        content["application/json"] = {"schema": forms[0] if len(forms) == 1 else {"oneOf": forms}}
    # JSON first: many tools take the first kind for the one to ask for.
    for kind in sorted(declared.media, key=lambda kind: kind != "application/json"):
        content.setdefault(kind, {"schema": {"type": "string"} if kind.startswith("text/") else {}})
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


def share(paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Responses of refusals that come more than once, by their name; in the paths a reference takes the place of each."""
    times = Counter(_name(response) for responses in _responses(paths) for response in responses.values())
    shared: dict[str, Any] = {}
    for responses in _responses(paths):
        for status, response in responses.items():
            if (name := _name(response)) and times[name] > 1:
                shared[name] = response
                responses[status] = {"$ref": RESPONSE.format(name=name)}
    return dict(sorted(shared.items()))


def _responses(paths: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from (operation["responses"] for methods in paths.values() for operation in methods.values())


def _name(response: dict[str, Any]) -> str:
    """By the codes; the four of every token are one word. Empty for what is no refusal."""
    if PROBLEM_TYPE not in response.get("content", {}):
        return ""
    codes: list[str] = response["content"][PROBLEM_TYPE]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    of_token = [kind.code for kind in TOKEN_REFUSALS]
    if set(of_token) <= set(codes):
        codes = ["token_refused", *(code for code in codes if code not in of_token)]
    words = "_".join(code.title().replace("_", "") for code in codes)
    return words + "_Page" * ("text/html" in response["content"])


def _problem(kinds: list[type[Refusal]], *, page: bool) -> dict[str, Any]:
    kinds = sorted(kinds, key=lambda kind: CODES.index(kind.code))
    codes = [kind.code for kind in kinds]
    schema = {"allOf": [{"$ref": REF.format(model="Problem")}, {"properties": {"code": {"enum": codes}}}]}
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    content: dict[str, Any] = {PROBLEM_TYPE: {"schema": schema, "examples": examples}}
    if page:
        content["text/html"] = {"schema": {"type": "string"}}
    described = {"description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds), "content": content}
    waits = [seconds for code in codes if (seconds := problem_guide.of(code).retry_after)]
    if waits:
        described["headers"] = {
            "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}, "example": waits[0]}
        }
    return described
