"""The one gate through which a body comes in, and what JSON may be (RFC 8259, RFC 7493)."""

import json
import re
import sys
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any, Self

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from errors import Busy, MalformedJson, PayloadTooLarge, Refusal, UnsupportedMediaType, ValidationFailed

MOST_BYTES = 64 * 1024
MOST_DEPTH = 32
PIECE = 64 * 1024
LARGE_AT_ONCE = 2
SECONDS = 30
"""For a body of up to 64 KiB; a larger one has a second more for each 64 KiB that it declares."""
EXTEND = "latchkey.extend"
"""Where the server leaves a function that allows so many seconds more for reading."""
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
STRINGS = re.compile(rb"%b?" % STRING, re.DOTALL)
"""An unclosed one counts as well. Possessive: a backtracking pattern keeps a state for each character, 150 bytes of it."""
_large = BoundedSemaphore(LARGE_AT_ONCE)


class Incoming:
    """A request's body. Up to 64 KiB of it are read at once, before the token is judged: else whoever holds the body back
    acts on a judgement of long ago. What is larger is read when somebody asks for it, so once the token was accepted.
    """

    def __init__(self) -> None:
        self.raw: bytes | bytearray = b""
        self.is_whole = False
        self.is_large = False
        self.fault: Refusal | None = None
        if request.method in ("GET", "HEAD"):
            self.is_whole = True
        elif (request.content_length or 0) <= MOST_BYTES:
            self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.is_large:
            _large.release()

    def _begin(self) -> None:
        request.max_content_length = sys.maxsize  # Flask's bound is for those who ask it for a form; here it is counted
        try:
            self.raw = _read(MOST_BYTES + 1)
        except Refusal as refusal:
            self.fault = refusal  # the token is judged first
        self.is_whole = len(self.raw) <= MOST_BYTES

    def whole(self, most: int = MOST_BYTES) -> bytes | bytearray:
        """The whole body, once; one that is cut short or grows past the limit is refused, not shortened.

        Raises MalformedJson, PayloadTooLarge, and Busy where there are two large ones already.
        """
        declared = request.content_length
        if self.fault:
            raise self.fault
        if (declared or 0) > most or (not self.is_whole and most <= MOST_BYTES):
            raise PayloadTooLarge
        if not self.is_whole:
            self._finish(most, declared or 0)
        if declared is not None and len(self.raw) < declared:
            raise MalformedJson
        raw, self.raw = self.raw, b""  # nobody else holds what is large
        return raw

    def _finish(self, most: int, declared: int) -> None:
        self.is_large = _large.acquire(blocking=False)
        if not self.is_large:
            raise Busy
        request.environ.get(EXTEND, lambda seconds: None)(SECONDS + declared // MOST_BYTES)
        request.max_content_length = sys.maxsize
        self.raw += _read(most + 1 - len(self.raw))
        self.is_whole = True
        if len(self.raw) > most:
            raise PayloadTooLarge

    def json(self) -> dict[str, Any]:
        """The request's JSON object; an empty body is `{}`. Raises MalformedJson, UnsupportedMediaType and the like."""
        if request.headers.get("Content-Encoding"):
            raise UnsupportedMediaType
        return parsed(self.whole())

    def keep_for_form(self) -> None:
        """So that Flask finds the form's fields in what was read."""
        vars(request)["_cached_data"] = bytes(self.whole())


def _read(most: int) -> bytearray:
    """So many bytes, or all there are."""
    found = bytearray()
    try:
        while len(found) < most and (piece := request.stream.read(min(PIECE, most - len(found)))):
            found += piece
    except RequestEntityTooLarge as error:
        raise PayloadTooLarge from error
    except (ClientDisconnected, OSError, ParseException) as error:
        raise MalformedJson from error
    return found


def parsed(raw: bytes | bytearray) -> dict[str, Any]:
    """The object in these bytes; nothing at all is `{}`."""
    if not raw:
        return {}
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    found = _parsed(raw)
    if not isinstance(found, dict):
        raise ValidationFailed({"body": ["Send one JSON object."]})
    return found


def parsed_around(field: str, raw: bytes | bytearray) -> dict[str, Any]:
    """The object, in which one string may be long: that of this field. All the rest is bounded before it is parsed.

    Raises PayloadTooLarge where the rest is larger.
    """
    if len(raw) <= MOST_BYTES:
        return parsed(raw)
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    name = re.compile(rb'"%b"[ \t\r\n]*+:[ \t\r\n]*+(?=")' % field.encode())
    found = name.search(raw, 0, MOST_BYTES)
    long = re.compile(STRING, re.DOTALL).match(raw, found.end()) if found else None
    if long is None or len(raw) - (long.end() - long.start()) > MOST_BYTES:
        raise PayloadTooLarge
    start, end = long.span()
    del long  # it holds the body
    rest = parsed(raw[:start] + b"null" + raw[end:])
    if rest.get(field, "") is None:
        rest[field] = _text(raw[start:end])
    return rest


def _text(literal: bytes | bytearray) -> str:
    try:
        if b"\\" not in literal:
            return literal[1:-1].decode()
        found: str = json.loads(literal)
    except ValueError as error:
        raise MalformedJson from error
    return found


def _parsed(raw: bytes | bytearray) -> Any:
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


def _depth(raw: bytes | bytearray) -> int:
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
