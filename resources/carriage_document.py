"""What the OpenAPI document says of how tokens travel; it depends on the settings."""

from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel

from errors import CsrfFailed, MalformedJson, Refusal
from extensions import settings
from resources.answers import CookieTokenAnswer, TokenAnswer
from resources.carriage import CSRF_HEADER, LOCATION_HEADER, cookie_name
from resources.contract import Access, Contract
from resources.utils import KINDS, TOKEN_OR_NONE
from services.tokens import ACCESS, REFRESH

TO_BRING = "The `access_token` that a sign-in gave; for `POST /refresh`, the `refresh_token`."
CSRF_PARAMETER = {
    "name": CSRF_HEADER,
    "in": "header",
    "description": "With a token by cookie: the `csrf_access_token` or `csrf_refresh_token` of that token's answer.",
    "schema": {"type": "string"},
}
LOCATION_PARAMETER = {
    "name": LOCATION_HEADER,
    "in": "header",
    "description": "`cookies`: the tokens come as cookies.",
    "schema": {"type": "string", "enum": ["headers", "cookies"], "default": "headers"},
}


def schemes() -> dict[str, Any]:
    """The security schemes."""
    found: dict[str, Any] = {}
    if settings().takes_headers:
        found["bearer"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TO_BRING}
    if settings().takes_cookies:
        for kind in (ACCESS, REFRESH):
            found[f"{kind}_cookie"] = {"type": "apiKey", "in": "cookie", "name": cookie_name(kind)}
    return found


def security(access: Access) -> list[dict[str, list[str]]]:
    """The ways to bring a token, of which one is needed; the empty one is to bring none. An empty list: none is taken."""
    if access not in KINDS:
        return []
    names = ["bearer", *(f"{kind}_cookie" for kind in KINDS[access])]
    found: list[dict[str, list[str]]] = [{name: []} for name in names if name in schemes()]
    return [*found, {}] if access in TOKEN_OR_NONE else found


def parameters(access: Access, method: str, declared: Contract) -> list[dict[str, Any]]:
    """The headers beside the token's own."""
    found: list[dict[str, Any]] = []
    if not settings().takes_cookies:
        return found
    if access in KINDS and method != "get":
        found.append(CSRF_PARAMETER | {"required": not settings().takes_headers and access not in TOKEN_OR_NONE})
    if TokenAnswer in forms(declared.answer) and access in (Access.OPEN, *TOKEN_OR_NONE) and settings().takes_headers:
        found.append(LOCATION_PARAMETER)
    return found


def forms(answer: type[BaseModel] | None) -> list[type[BaseModel]]:
    """What an answer may look like: a token answer has two forms, and a union those of its parts."""
    if answer is not TokenAnswer:
        return [form for part in _parts(answer) for form in forms(part)] or ([answer] if answer else [])
    return [TokenAnswer] * settings().takes_headers + [CookieTokenAnswer] * settings().takes_cookies


def _parts(answer: type[BaseModel] | None) -> tuple[type[BaseModel], ...]:
    """The models of a union; none where the answer is one by itself."""
    root = answer.model_fields.get("root") if answer else None
    return get_args(root.annotation) if root and isinstance(root.annotation, UnionType) else ()


def refusals(method: str) -> list[type[Refusal]]:
    """What a call with a token may be refused for beside the token itself."""
    cookies, both = settings().takes_cookies, settings().takes_headers and settings().takes_cookies
    return [CsrfFailed] * (cookies and method != "get") + [MalformedJson] * both
