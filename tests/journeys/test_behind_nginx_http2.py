"""HTTP/2 as `deploy/nginx.conf` speaks it: malformed requests are refused, and what is behind sees nothing of them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.conftest import refuse_or_skip
from tests.parts import http2
from tests.parts.http2 import Field
from tests.parts.missing import Missing
from tests.parts.nginx import NAME, Front, nginx
from tests.parts.ports import LOOPBACK, free_port

ORDINARY: list[Field] = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/healthz")]
CONNECTION_FIELDS: list[Field] = [
    (b"connection", b"close"),
    (b"connection", b"x-own"),
    (b"keep-alive", b"timeout=5"),
    (b"proxy-connection", b"keep-alive"),
    (b"transfer-encoding", b"chunked"),
    (b"upgrade", b"websocket"),
    (b"te", b"gzip"),
]
BROKEN_FIELDS: list[Field] = [
    (b"x-own", b"a\r\nx-other: b"),
    (b"x-own", b"a\nb"),
    (b"x-own", b"a\rb"),
    (b"x-own", b"a\0b"),
    (b"x-own\r\nx-other", b"a"),
    (b"X-Own", b"a"),
    (b"content-type", b"a\r\nx-other: b"),
]


@contextmanager
def upstream(port: int) -> Iterator[list[str]]:
    """What arrives behind nginx: request line and header fields, each request in one text."""
    arrived: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            arrived.append(f"{self.requestline}\n{self.headers}")
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent: what matters is asserted."""

    server = ThreadingHTTPServer((LOOPBACK, port), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, list[str]]]:
    port = free_port()
    try:
        with nginx(tmp_path_factory.mktemp("http2"), port) as front, upstream(port) as arrived:
            yield front, arrived
    except Missing as missing:
        refuse_or_skip(missing)


def ask(front: Front, *more: Field, path: bytes = b"/healthz") -> int | str:
    context = ssl.create_default_context()
    front.ca.configure_trust(context)
    with http2.connected(front.port, context, NAME, LOOPBACK) as line:
        return http2.request(line, [*ORDINARY[:3], (b":path", path), *more])


def test_an_ordinary_request_written_the_same_way_arrives(fronted: tuple[Front, list[str]]) -> None:
    front, arrived = fronted
    for path in (b"/healthz", b"/profile"):
        arrived.clear()
        assert ask(front, (b"x-own", b"a"), (b"te", b"trailers"), path=path) == 200
        assert len(arrived) == 1
        assert "x-own: a" in arrived[0].lower()


@pytest.mark.parametrize("path", [b"/healthz", b"/profile"])
@pytest.mark.parametrize("field", CONNECTION_FIELDS)
def test_fields_of_a_connection_are_refused(fronted: tuple[Front, list[str]], field: Field, path: bytes) -> None:
    """RFC 9113 §8.2.2: such a request is malformed; §8.1.1: an answer may say so."""
    front, arrived = fronted
    arrived.clear()
    assert ask(front, field, path=path) in (400, "refused")
    assert arrived == []


@pytest.mark.parametrize("field", BROKEN_FIELDS)
def test_a_field_that_would_become_two_is_refused(fronted: tuple[Front, list[str]], field: Field) -> None:
    """RFC 9113 §8.2.1: no NUL, CR or LF in a value, no upper case in a name."""
    front, arrived = fronted
    arrived.clear()
    assert ask(front, field) in (400, "refused")
    assert arrived == []
