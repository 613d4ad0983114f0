"""The body of the one call that takes a file: JSON with a `data:` URI, or multipart with the file (RFC 7578)."""

from io import BytesIO
from typing import Any

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from errors import MalformedJson, PayloadTooLarge, UnsupportedMediaType
from extensions import settings
from resources import json_gate

MOST_PARTS = 20
MULTIPART = "multipart/form-data"


def body(file_field: str) -> dict[str, Any]:
    """The fields; the file as bytes. Without it the body is bounded like any other. Raises as `json_gate.body` does."""
    most = json_gate.MOST_BYTES + -(-settings().max_upload_bytes * 4 // 3)
    if request.headers.get("Content-Encoding"):
        raise UnsupportedMediaType
    raw = json_gate.read(most)
    found = _fields(raw) if raw and request.mimetype == MULTIPART else json_gate.parsed(raw)
    if len(raw) > json_gate.MOST_BYTES and found.get(file_field) is None:
        raise PayloadTooLarge
    return found


def _fields(raw: bytes) -> dict[str, Any]:
    """Each name once: text fields as text, a file as its bytes, whatever its name and type claim to be."""
    boundary = request.mimetype_params.get("boundary", "").encode("ascii", "replace")
    parser = MultiPartParser(max_form_memory_size=json_gate.MOST_BYTES, max_form_parts=MOST_PARTS)
    try:
        texts, files = parser.parse(BytesIO(raw), boundary, len(raw))
    except RequestEntityTooLarge as error:
        raise PayloadTooLarge from error
    except (ValueError, LookupError) as error:
        raise MalformedJson("The multipart body is not well-formed.") from error
    found: dict[str, Any] = _once(texts) | {name: file.read() for name, file in _once(files).items()}
    if len(found) < len(texts) + len(files):
        raise MalformedJson("Send each field once.")
    # The parser puts U+FFFD in the place of what is not UTF-8.
    if any(mark in text for mark in "\0\ufffd" for text in texts.values()):
        raise MalformedJson("Send text in UTF-8, without NUL.")
    return found


def _once(several: "MultiDict[str, Any]") -> dict[str, Any]:
    if any(len(values) > 1 for values in several.listvalues()):
        raise MalformedJson("Send each field once.")
    return several.to_dict()
