"""The one gate through which a JSON body comes in (RFC 8259, RFC 7493)."""

import json
import re
from typing import Any

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from errors import MalformedJson, PayloadTooLarge, UnsupportedMediaType, ValidationFailed

MOST_BYTES = 64 * 1024
MOST_DEPTH = 32
PIECE = 64 * 1024
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
"""An unclosed one counts as well: looking for its end again from every quote would take seconds."""


def body() -> dict[str, Any]:
    """The request's JSON object; an empty body is `{}`. Raises MalformedJson, UnsupportedMediaType and the like."""
    if request.headers.get("Content-Encoding"):
        raise UnsupportedMediaType
    return parsed(read(MOST_BYTES))


def parsed(raw: bytes) -> dict[str, Any]:
    """The object in these bytes; nothing at all is `{}`."""
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    found = _parsed(raw)
    if not isinstance(found, dict):
        raise ValidationFailed({"body": ["Send one JSON object."]})
    return found


def read(most: int) -> bytes:
    """The whole body; one that is cut short or grows past the limit is refused, not shortened."""
    if (request.content_length or 0) > most:
        raise PayloadTooLarge
    request.max_content_length = most + 1
    try:
        raw = b"".join(iter(lambda: request.stream.read(PIECE), b""))  # in one go the buffer would be copied as it grows
    except (ClientDisconnected, OSError, ParseException) as error:
        raise MalformedJson from error
    if len(raw) > most:
        raise PayloadTooLarge
    if request.content_length is not None and len(raw) < request.content_length:
        raise MalformedJson
    return raw


def _parsed(raw: bytes) -> Any:
    try:
        if _depth(raw) > MOST_DEPTH:
            raise MalformedJson
        found = json.loads(raw.decode(), object_pairs_hook=_unrepeated, parse_constant=_refused, parse_float=_finite)
        if "\\u0000" in json.dumps(found).replace("\\\\", ""):
            raise MalformedJson
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate cannot be written as UTF-8
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error
    return found


def _depth(raw: bytes) -> int:
    """Nesting of brackets outside strings, counted before the recursive parser sees them."""
    deepest = level = 0
    for mark in STRINGS.sub(b"", raw):
        if mark in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif mark in b"]}":
            level -= 1
    return deepest


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number
