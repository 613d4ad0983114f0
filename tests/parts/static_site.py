"""A folder on a web server of its own: files, else index.html, all with one Content-Security-Policy."""

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from .ports import LOOPBACK


@contextmanager
def static_site(folder: Path, port: int, policy: str) -> Iterator[None]:
    """Serves the folder as it is now until the end."""
    files = {"/" + file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            name = path if path in files else "/index.html"
            self.send_response(200)
            self.send_header("Content-Type", mimetypes.guess_type(name)[0] or "text/html")
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Content-Length", str(len(files[name])))
            self.end_headers()
            self.wfile.write(files[name])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Silent: what matters is asserted."""

    server = ThreadingHTTPServer((LOOPBACK, port), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
