"""The laws of the image: who it runs as, what enters it, how it is asked whether it lives."""

import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from config import Settings
from tests.house.sources import ELSEWHERE, OUTSIDE, ROOT
from tests.parts.authority import Authority

PROGRAMS = Path(sys.executable).parent
PROGRAMS_OWN = {"PYTHONUNBUFFERED", "FLASK_SKIP_DOTENV", "PATH"}
LEFT_OUT = {"examples", *OUTSIDE, "deploy", "docs"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order, each on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word]


def last(word: str) -> str:
    return [rest for name, rest in instructions() if name == word][-1]


def test_the_linter_finds_nothing() -> None:
    done = subprocess.run([PROGRAMS / "hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_the_service_itself_and_not_as_root() -> None:
    """By a shell, SIGTERM would end the shell; by a name, an orchestrator could not see that it is not root."""
    assert json.loads(last("CMD")) == ["python", "app.py"]
    assert not any(name == "ENTRYPOINT" for name, _ in instructions())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))
    assert json.loads(last("VOLUME")) == ["/app/instance", "/app/uploads"]
    assert "--require-hashes" in " ".join(rest for name, rest in instructions() if name == "RUN")


def test_the_image_logs_to_the_console_and_sets_only_what_exists() -> None:
    given = dict(pair.split("=", 1) for name, rest in instructions() if name == "ENV" for pair in rest.split())
    assert (given["LOG_FILE"].strip('"'), given["FLASK_ENV"], given["HOST"]) == ("", "production", "0.0.0.0")
    assert given["FLASK_SKIP_DOTENV"] == "1"
    assert set(given) - PROGRAMS_OWN <= {name.upper() for name in Settings.model_fields}


def test_the_service_enters_the_image_as_a_whole_and_nothing_else() -> None:
    """A new folder stands in .dockerignore, or here among those that are left out."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert rules[0] == "*"
    named = {rule[1:] for rule in rules if rule.startswith("!")}
    assert named == folders - LEFT_OUT - ELSEWHERE | {"*.py", "requirements.lock", "LICENSE"}


@pytest.fixture(params=["http", "https"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """For a server that says 200 at /healthz and 404 elsewhere, plainly or with a certificate of its own."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Health)
    given = {"PORT": str(server.server_port)}
    if request.param == "https":
        own = Authority(tmp_path).issue("own", "auth.example.org")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.chain, own.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        given |= {"TLS_CERT_FILE": str(own.chain)}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield given
    server.shutdown()
    server.server_close()


def test_the_health_check_asks_the_service_and_nobody_else(environ: dict[str, str]) -> None:
    program, *arguments = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert program == "python"

    def status(code: str, **changes: str) -> int:
        """A proxy that the environment names is not asked: here it would answer nobody."""
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
        command = [sys.executable, *arguments[:-1], code]
        return subprocess.run(command, env=environ | proxies | changes, capture_output=True, check=False).returncode

    asks = arguments[-1]
    assert (status(asks), status(asks.replace("/healthz", "/nowhere")), status(asks, PORT="9")) == (0, 1, 1)
