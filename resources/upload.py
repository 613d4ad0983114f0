"""The body of the one call that takes a file: JSON with a `data:` URI, or multipart with the file (RFC 7578)."""

from io import BytesIO
from typing import Any

from flask import request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from errors import MalformedJson, PayloadTooLarge, UnsupportedMediaType
from extensions import settings
from resources import json_gate
from resources.json_gate import Incoming

MOST_PARTS = 20
MULTIPART = "multipart/form-data"


def body(incoming: Incoming, file_field: str) -> dict[str, Any]:
    """The fields; the file as bytes. Without it the body is bounded like any other. Raises as `Incoming.json` does."""
    if request.headers.get("Content-Encoding"):
        raise UnsupportedMediaType
    raw = incoming.whole(json_gate.MOST_BYTES + -(-settings().max_upload_bytes * 4 // 3))
    if not raw or request.mimetype != MULTIPART:
        return json_gate.parsed_around(file_field, raw)
    found = _fields(raw)
    if found.get(file_field) == "":
        del found[file_field]  # a script's way to say that no file was chosen
    if len(raw) > json_gate.MOST_BYTES and file_field not in found:
        raise PayloadTooLarge
    return found


def _fields(raw: bytes | bytearray) -> dict[str, Any]:
    """Each name once: text fields as text, a file as its bytes, whatever its name and type claim to be.

    A file that was not chosen comes without a name and without bytes (HTML §4.10.22.4), and is not given.
    """
    boundary = request.mimetype_params.get("boundary", "").encode("ascii", "replace")
    parser = MultiPartParser(max_form_memory_size=json_gate.MOST_BYTES, max_form_parts=MOST_PARTS)
    try:
        texts, files = parser.parse(BytesIO(raw), boundary, len(raw))
    except RequestEntityTooLarge as error:
        raise PayloadTooLarge from error
    except (ValueError, LookupError) as error:
        raise MalformedJson("The multipart body is not well-formed.") from error
    contents = {name: _content(file) for name, file in _once(files).items()}
    found: dict[str, Any] = _once(texts) | contents
    if len(found) < len(texts) + len(files):
        raise MalformedJson("Send each field once.")
    # The parser puts U+FFFD in the place of what is not UTF-8.
    if any(mark in text for mark in "\0\ufffd" for text in texts.values()):
        raise MalformedJson("Send text in UTF-8, without NUL.")
    return {name: value for name, value in found.items() if value is not None}


def _content(file: FileStorage) -> bytes | None:
    """None where no file was chosen."""
    return file.read() or (b"" if file.filename else None)


def _once(several: "MultiDict[str, Any]") -> dict[str, Any]:
    if any(len(values) > 1 for values in several.listvalues()):
        raise MalformedJson("Send each field once.")
    return several.to_dict()
