"""No server tells which version of what it runs on: in no header, and in no error, its own refusals included."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.parts.ports import LOOPBACK
from tests.parts.service import Service

VERSION = re.compile(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.])|(?i:(python|gunicorn|granian|werkzeug|flask)[/ ]?v?\d)")
"""Of a program: of three numbers (an address has four), or behind its name."""
HOST = b"Host: 127.0.0.1\r\nConnection: close\r\n"
JSON = HOST + b"Content-Type: application/json\r\nContent-Length: "
PAGE = HOST + b"Accept: text/html\r\n\r\n"
REQUESTS = {
    "the index": b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n",
    "health": b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "readiness": b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n",
    "the documentation's page": b"GET /docs HTTP/1.1\r\n" + PAGE,
    "what an error means": b"GET /problems/not_found HTTP/1.1\r\n" + PAGE,
    "a way that is none": b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n",
    "a page that is none": b"GET /nowhere HTTP/1.1\r\n" + PAGE,
    "no token": b"GET /profile HTTP/1.1\r\n" + HOST + b"\r\n",
    "a wrong method": b"PUT /login HTTP/1.1\r\n" + JSON + b"2\r\n\r\n{}",
    "a body that is none": b"POST /login HTTP/1.1\r\n" + JSON + b"1\r\n\r\n{",
    "a wrong password": b"POST /login HTTP/1.1\r\n" + JSON + b'37\r\n\r\n{"username": "ada", "password": "bea"}',
    "a body of another kind": b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Type: a/b\r\nContent-Length: 1\r\n\r\nx",
    "a body too large": b"POST /login HTTP/1.1\r\n" + JSON + b"99999999\r\n\r\n",
    "an address too long": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a head too large": b"GET /nowhere HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 20000 + b"\r\n\r\n",
    "what is no request": b"nonsense\r\n\r\n",
    "a header that is none": b"GET /nowhere HTTP/1.1\r\n" + HOST + b"A\x00b: c\r\n\r\n",
    "a protocol that is none": b"GET /nowhere HTTP/9.9\r\n" + HOST + b"\r\n",
}


@pytest.fixture(scope="module", params=["gunicorn", "granian", "development"])
def door(request: pytest.FixtureRequest, smtp: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('versions') / 'served.db'}"
    kind = {"FLASK_ENV": "development"} if request.param == "development" else {"SERVER": str(request.param)}
    with doors.service(uri, smtp, **doors.PRODUCTION | {"WEB_CONCURRENCY": "1"} | kind) as started:
        yield started


def answered(door: Service, request: bytes) -> str:
    """All that comes back until the server closes."""
    with socket.create_connection((LOOPBACK, door.port), 30) as line:
        line.sendall(request)
        found = b""
        while part := _part(line):
            found += part
    return found.decode("latin-1")


def _part(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except ConnectionResetError:  # of what was not read, the kernel tells by a reset
        return b""


@pytest.mark.parametrize("what", REQUESTS)
def test_no_answer_tells_a_version(door: Service, what: str) -> None:
    found = answered(door, REQUESTS[what])
    assert VERSION.search(found) is None, found
    assert re.match(r"HTTP/1\.1 \d{3}|<!DOCTYPE|$", found), "an answer (without a head to whom speaks no HTTP), or none"


def test_only_the_index_and_the_document_tell_the_api_s_own(door: Service) -> None:
    about, document = (doors.call(door, "GET", path) for path in ("/", "/openapi.json"))
    assert VERSION.findall(about.raw.decode()), "the control: a version is seen where one is told"
    assert about.json["version"] == document.json["info"]["version"]
    for answer in (about, document):
        assert [pair for pair in answer.headers.items() if VERSION.search(": ".join(pair))] == []


def test_the_servers_that_tell_are_seen(tmp_path: Path) -> None:
    """The control: what they would say of themselves."""
    told = ["Server: Werkzeug/3.1.3 Python/3.11.2", "Server: gunicorn/23", "server: granian 2.5.1", "swagger-ui.css?v=5.17.14"]
    assert [one for one in told if not VERSION.search(one)] == []
