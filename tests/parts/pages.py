"""A bare web page of our own, in place of an app or of an attacker's site: whatever host is asked for, it is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from .ports import LOOPBACK, free_port

PAGE = b"<!doctype html><title>A page</title><p>Nothing but an origin."


@contextmanager
def pages() -> Iterator[int]:
    """Yield the port on which every path of every host is an empty page; its script is the test's."""
    server = ThreadingHTTPServer((LOOPBACK, free_port()), _Page)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Silent: what matters is asserted."""
