"""Ways in which a server can fail whoever asks it: each answers one request, and gives up once the client has gone."""

import gzip
import json
import time
from http.server import BaseHTTPRequestHandler

from .hostile_provider import Fault, send

LONGEST = 60.0
"""Seconds after which even an endless answer ends, should its client wait for ever."""
BLANKS = b" " * 65536


def _until(request: BaseHTTPRequestHandler, piece: bytes, pause: float = 0.0) -> None:
    """The same piece again and again."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        request.wfile.write(piece)
        time.sleep(pause)


def _head(request: BaseHTTPRequestHandler, **headers: str) -> None:
    request.send_response(200)
    for name, value in ({"Content_Type": "application/json"} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


def redirect(request: BaseHTTPRequestHandler) -> None:
    """To an address that would give the right answer."""
    send(request, b"{}", 302, Location=request.path.replace("/", "/honest-", 1))


def permanent_redirect(request: BaseHTTPRequestHandler) -> None:
    """One that keeps method and body, the client's secret too."""
    send(request, b"{}", 308, Location=request.path.replace("/", "/honest-", 1))


def slow_body(request: BaseHTTPRequestHandler) -> None:
    _head(request, Content_Length="100000")
    _until(request, b" ", 1)


def slow_chunks(request: BaseHTTPRequestHandler) -> None:
    _head(request, Transfer_Encoding="chunked")
    _until(request, b"1\r\n \r\n", 1)


def slow_head(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _until(request, b"a", 1)


def many_interim_answers(request: BaseHTTPRequestHandler) -> None:
    """`100 Continue` for ever (RFC 9110 §15.2)."""
    _until(request, b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)


def endless_head(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    _until(request, b"X-Long: " + b"a" * 65000 + b"\r\n")


def slow_chunk_size(request: BaseHTTPRequestHandler) -> None:
    _head(request, Transfer_Encoding="chunked")
    _until(request, b"0", 1)


def silence(request: BaseHTTPRequestHandler) -> None:
    time.sleep(LONGEST / 4)


def endless_body(request: BaseHTTPRequestHandler) -> None:
    _head(request)
    _until(request, BLANKS)


def endless_chunks(request: BaseHTTPRequestHandler) -> None:
    _head(request, Transfer_Encoding="chunked")
    _until(request, b"10000\r\n" + BLANKS + b"\r\n")


def huge_length(request: BaseHTTPRequestHandler) -> None:
    """A body of 1 GB, announced and sent."""
    _head(request, Content_Length=str(2**30))
    _until(request, BLANKS)


def gzip_bomb(request: BaseHTTPRequestHandler) -> None:
    """1 GB of blanks in 1 MB."""
    send(request, gzip.compress(BLANKS * 16, 9) * 1024, Content_Encoding="gzip")


def no_gzip(request: BaseHTTPRequestHandler) -> None:
    send(request, b"{}", Content_Encoding="gzip")


def garbage(request: BaseHTTPRequestHandler) -> None:
    send(request, bytes(range(256)))


def page(request: BaseHTTPRequestHandler) -> None:
    send(request, b"<!doctype html><title>Under repair</title>", Content_Type="text/html")


def array(request: BaseHTTPRequestHandler) -> None:
    send(request, b"[1, 2, 3]")


def text(request: BaseHTTPRequestHandler) -> None:
    send(request, b'"error"')


def deep(request: BaseHTTPRequestHandler) -> None:
    send(request, b'{"a":' * 30_000 + b"1" + b"}" * 30_000)


def long_number(request: BaseHTTPRequestHandler) -> None:
    send(request, b'{"a": ' + b"9" * 100_000 + b"}")


def empty(request: BaseHTTPRequestHandler) -> None:
    send(request, b"")


def not_found(request: BaseHTTPRequestHandler) -> None:
    send(request, json.dumps({"error": "not_found"}).encode(), 404)


def broken(request: BaseHTTPRequestHandler) -> None:
    send(request, b"{}", 500)


def overloaded(request: BaseHTTPRequestHandler) -> None:
    send(request, b"later", 503, Retry_After="99999")


def cut_off(request: BaseHTTPRequestHandler) -> None:
    _head(request, Content_Length="1000")
    request.wfile.write(b'{"issuer": ')


def no_http(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)


def hung_up(request: BaseHTTPRequestHandler) -> None:
    """Closed without a word."""


BROKEN: tuple[Fault, ...] = (
    *(redirect, permanent_redirect, endless_body, endless_chunks, huge_length, gzip_bomb, no_gzip),
    *(garbage, page, array, text, deep, long_number, empty, not_found),
)
"""It answers, and the answer is none."""
SLOW: tuple[Fault, ...] = (slow_body, slow_chunks, slow_chunk_size, slow_head, many_interim_answers, silence)
DOWN: tuple[Fault, ...] = (*SLOW, endless_head, broken, overloaded, cut_off, no_http, hung_up)
"""It does not answer, or not in time."""
