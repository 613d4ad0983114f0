"""The JSON gate: whatever is not one well-formed JSON object is refused by a problem document, and nothing is written."""

import json
import time
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.problem import code_of, errors_of

GOOD: dict[str, Any] = {"username": "ada", "email": "ada@example.org", "password": PASSWORD}
ENDPOINTS = ["/signup", "/login", "/resend-confirmation"]
DEEPEST = 32
NOT_JSON = {
    "nothing but space": b" ",
    "a word": b"hello",
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
    "a comment": b'{"a": 1} // so',
    "two objects": b"{}{}",
    "an open object": b'{"a": 1',
    "an open string": b'{"a": "',
    "a lone quote": b'"',
    "a raw control character": b'{"a": "\x01"}',
    "a raw line end": b'{"a": "\n"}',
    "a raw NUL": b'{"a": "\x00"}',
    "a NUL outside": b'{"a": 1}\x00',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": [-Infinity]}',
    "a number past the range": b'{"a": 1e999}',
    "a negative number past the range": b'{"a": -1e999}',
    "an integer of 5000 digits": b'{"a": ' + b"1" * 5000 + b"}",
    "a leading zero": b'{"a": 01}',
    "a leading plus": b'{"a": +1}',
    "a hexadecimal number": b'{"a": 0x1}',
    "repeated keys": b'{"username": "ada", "username": "eve"}',
    "equal repeated keys": b'{"a": 1, "a": 1}',
    "repeated keys in an object": b'{"a": {"b": 1, "b": 2}}',
    "repeated keys in a list": b'{"a": [1, [{"b": 1, "b": 2}]]}',
    "keys that differ in escapes only": b'{"a": 1, "\\u0061": 2}',
    "a lone high surrogate": b'{"a": "\\ud800"}',
    "a lone low surrogate": b'{"a": "x\\udc00y"}',
    "surrogates the wrong way round": b'{"a": "\\udc00\\ud800"}',
    "a lone surrogate as key": b'{"\\ud83d": 1}',
    "a lone surrogate in raw bytes": b'{"a": "\xed\xa0\x80"}',
    "an escaped NUL": b'{"a": "x\\u0000y"}',
    "an escaped NUL as key": b'{"\\u0000": 1}',
    "an escaped NUL deep inside": b'{"a": [{"b": ["\\u0000"]}]}',
    "an escaped NUL after a backslash": b'{"a": "\\\\\\u0000"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-16 without a mark": json.dumps(GOOD).encode("utf-16-le"),
    "UTF-32": json.dumps(GOOD).encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "Latin-1": '{"first_name": "Zoë"}'.encode("latin-1"),
    "an overlong slash": b'{"a": "\xc0\xaf"}',
    "a cut sequence": b'{"a": "\xf0\x9f\x98"}',
    "33 levels": b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "33 levels behind a string of brackets": b'{"b": "]]]]]]]\\"]]]", "a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "33 levels of objects": b'{"a": ' * 33 + b"1" + b"}" * 33,
    "5000 levels": b"[" * 5000 + b"]" * 5000,
    "60000 open brackets": b"[" * 60000,
    "60000 open objects": b'{"a":' * 12000,
    "quotes and brackets mixed": b'["[' * 20000,
}


def send(door: Door, raw: bytes, path: str = "/signup", kind: str = "application/json", **headers: str) -> TestResponse:
    return door.ask("POST", path, data=raw, headers={"Content-Type": kind} | headers)


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_well_formed_is_refused_everywhere_and_writes_nothing(door: Door, raw: bytes) -> None:
    before = door.counts()
    for path in ENDPOINTS:
        assert code_of(send(door, raw, path)) == "malformed_json"
        assert send(door, raw, path).status_code == 400
    assert door.counts() == before


def test_a_signed_in_call_refuses_what_is_not_well_formed_too(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    before = door.user()
    for raw in NOT_JSON.values():
        headers = {"Content-Type": "application/json"}
        assert code_of(door.ask("PUT", "/profile", token=access, data=raw, headers=headers)) == "malformed_json"
    assert door.user() == before


@pytest.mark.parametrize("root", ["[]", "[{}]", "1", "-0.5", "0", "null", "true", "false", '""', '"text"', "1e308"])
def test_well_formed_json_that_is_no_object_is_not_valid(door: Door, root: str) -> None:
    for path in ENDPOINTS:
        answer = send(door, root.encode(), path)
        assert answer.status_code == 422
        assert errors_of(answer)


def test_thirty_two_levels_are_taken_and_judged_by_the_schema(door: Door) -> None:
    lists = b'{"a": ' + b"[" * 31 + b"]" * 31 + b"}"
    objects = b'{"a": ' * 32 + b"1" + b"}" * 32
    for raw in (lists, objects, b"[" * 32 + b"]" * 32):
        assert errors_of(send(door, raw))


def test_brackets_inside_strings_are_no_levels(door: Door) -> None:
    body = json.dumps({"username": "ada", "password": "[{" * 500 + '"\\"[' * 10}).encode()
    assert code_of(send(door, body, "/login")) == "invalid_credentials"


@pytest.mark.parametrize(
    "text",
    ["\\u0000", "\\\\u0000", "a\\u0000b", "u0000", "\\n", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")],
)
def test_a_written_out_backslash_and_a_pair_of_surrogates_are_plain_text(door: Door, text: str) -> None:
    answer = door.post("/signup", GOOD | {"first_name": text})
    assert answer.status_code == 201
    assert door.user()["first_name"] == text


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/json", "application/xml", "multipart/form-data; boundary=x", "nonsense"]
)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_an_empty_body_is_an_empty_object_whatever_its_type(door: Door, path: str, kind: str) -> None:
    answer = door.ask("POST", path, input_stream=BytesIO(), headers={"Content-Type": kind, "Content-Length": "0"})
    assert answer.status_code == 422
    assert all(sentences == ["This field is needed."] for sentences in errors_of(answer).values())


@pytest.mark.parametrize("path", ["/refresh", "/logout"])
def test_a_call_without_fields_refuses_any_field(door: Door, path: str) -> None:
    door.account()
    _, refresh = door.tokens()
    answer = door.post(path, {"all": True}, refresh)
    assert errors_of(answer) == {"all": ["This call does not know this field."]}
    assert door.post(path, token=refresh).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "text/json", "application/jsonp", "json", "*/*",
     "application/problem+json", "multipart/form-data; boundary=x", "application/octet-stream", "text/html; application/json"],
)  # fmt: skip
def test_another_content_type_is_not_taken(door: Door, kind: str) -> None:
    for path in ENDPOINTS:
        answer = send(door, json.dumps(GOOD).encode(), path, kind)
        assert (answer.status_code, code_of(answer)) == (415, "unsupported_media_type")
    assert door.counts()["users"] == 0


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"])
def test_the_content_type_may_be_spelled_as_http_allows(door: Door, kind: str) -> None:
    assert send(door, json.dumps(GOOD).encode(), kind=kind).status_code == 201


def test_forms_are_not_taken_where_json_is_wanted(door: Door) -> None:
    client = door.app.test_client()
    form = client.post("/signup", data=GOOD)
    parts = client.post("/signup", data=GOOD, content_type="multipart/form-data")
    assert [code_of(form), code_of(parts)] == ["unsupported_media_type"] * 2
    assert door.counts()["users"] == 0


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity", "gzip, gzip"])
def test_an_encoded_body_is_not_taken(door: Door, coding: str) -> None:
    for path in ENDPOINTS:
        answer = send(door, json.dumps(GOOD).encode(), path, **{"Content-Encoding": coding})
        assert (answer.status_code, code_of(answer)) == (415, "unsupported_media_type")


def test_up_to_64_kib_are_taken_and_one_byte_more_is_not(door: Door) -> None:
    most = 64 * 1024
    full = json.dumps(GOOD).encode().ljust(most)
    assert send(door, full).status_code == 201
    for size in (most + 1, 200_000, 3_000_000):
        for kind in ("application/json", "text/plain"):
            answer = send(door, b"[" * size, kind=kind)
            assert (answer.status_code, code_of(answer)) == (413, "payload_too_large")


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"\\", b"[", b'{"":', b'"[', b'"\\', b'\\\\"', b"9", b"1e9,"], ids=repr)
def test_no_body_of_the_greatest_size_keeps_the_service_busy(door: Door, piece: bytes) -> None:
    """A second is twenty times what the slowest honest body of this size takes."""
    raw = (b'{"a": "' + piece * 65536)[:65536]
    began = time.perf_counter()
    assert code_of(send(door, raw)) == "malformed_json"
    assert time.perf_counter() - began < 1
