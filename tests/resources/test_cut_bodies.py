"""Bodies as a real connection brings them: in chunks, too long, or cut short. Served by gunicorn, as in production."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import SECRETS
from tests.parts.ports import LOOPBACK
from tests.parts.service import Service
from tests.people import PASSWORD

BODY = json.dumps({"username": "ada", "email": "ada@example.org", "password": PASSWORD}).encode()
HEAD = f"POST /signup HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.fixture(scope="module", params=["production", "development"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    file = tmp_path_factory.mktemp("cut") / "cut.db"
    own = {
        "FLASK_ENV": str(request.param),
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{file}",
        "MAIL_DEFAULT_SENDER": "door@example.org",
        "MAIL_SERVER": LOOPBACK,
        "SCHEDULER_ENABLED": "false",
        "RATELIMIT_ENABLED": "false",
        "BCRYPT_LOG_ROUNDS": "10",
        "LOG_FILE": "",
    }
    with Service(SECRETS | own) as running:
        yield running, file


def talk(port: int, sent: bytes) -> tuple[int, dict[str, object]]:
    """The status and the document that a connection gives back; 0 where it was closed without an answer."""
    received = b""
    with socket.create_connection((LOOPBACK, port), timeout=20) as connection:
        # The server may answer and close before it has read everything.
        with suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while piece := connection.recv(65536):
                received += piece
    if not received:
        return 0, {}
    head, _, body = received.partition(b"\r\n\r\n")
    document = json.loads(body) if b"application/" in head.lower() else {}
    return int(received.split()[1]), document


def chunked(raw: bytes, *, size: int = 1000, ended: bool = True) -> bytes:
    pieces = [raw[index : index + size] for index in range(0, len(raw), size)]
    chunks = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    return f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n" * ended


def declared(raw: bytes, length: int) -> bytes:
    return f"{HEAD}Content-Length: {length}\r\n\r\n".encode() + raw


def users(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        count: int = connection.execute("SELECT COUNT(*) FROM users").fetchone()[0]
        connection.execute("DELETE FROM letters")
        connection.execute("DELETE FROM users")
    connection.close()
    return count


def test_a_whole_body_is_taken_at_once_and_in_chunks(service: tuple[Service, Path]) -> None:
    running, file = service
    for sent in (declared(BODY, len(BODY)), chunked(BODY, size=7), chunked(BODY.ljust(65536))):
        assert talk(running.port, sent)[0] == 201
        assert users(file) == 1


@pytest.mark.parametrize("size", [65537, 200_000])
def test_a_body_past_the_limit_is_refused_in_chunks_and_declared(service: tuple[Service, Path], size: int) -> None:
    running, file = service
    for sent in (chunked(BODY.ljust(size)), declared(BODY.ljust(size), size), declared(b"", 2_000_000_000)):
        status, problem = talk(running.port, sent)
        assert (status, problem.get("code")) in {(413, "payload_too_large"), (0, None)}
    assert users(file) == 0


def test_a_small_body_past_the_limit_is_answered_not_just_cut_off(service: tuple[Service, Path]) -> None:
    running, _ = service
    assert talk(running.port, chunked(BODY.ljust(65537)))[1]["code"] == "payload_too_large"
    assert talk(running.port, declared(BODY.ljust(65537), 65537))[1]["code"] == "payload_too_large"


@pytest.mark.parametrize("missing", [1, 20, 1000])
def test_a_body_shorter_than_declared_is_never_taken_as_whole(service: tuple[Service, Path], missing: int) -> None:
    running, file = service
    status, problem = talk(running.port, declared(BODY, len(BODY) + missing))
    assert (status, problem.get("code")) in {(400, "malformed_json"), (0, None)}
    assert users(file) == 0


def test_a_chunked_body_without_its_end_is_never_taken_as_whole(service: tuple[Service, Path]) -> None:
    running, file = service
    for sent in (chunked(BODY, ended=False), chunked(BODY, ended=False)[:-2], chunked(BODY, ended=False)[:-30]):
        status, _ = talk(running.port, sent)
        assert status == 0 or 400 <= status < 500
    assert users(file) == 0


def test_unreadable_chunks_are_refused(service: tuple[Service, Path]) -> None:
    running, file = service
    head = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
    for rest in (b"zz\r\n" + BODY, b"-1\r\n" + BODY, b"ffffffffffffffff\r\n" + BODY):
        status, _ = talk(running.port, head + rest)
        assert status == 0 or 400 <= status < 500
    assert users(file) == 0


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n"),
        (400, b"nonsense\r\n\r\n"),
        (414, b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(200)) + b"\r\n"),
    ],
)
def test_what_the_server_refuses_by_itself_has_the_shape_of_every_error(
    service: tuple[Service, Path], status: int, sent: bytes, request: pytest.FixtureRequest
) -> None:
    running, _ = service
    if "development" in request.node.callspec.id:
        pytest.skip("the development server's own errors are Werkzeug's")
    got, problem = talk(running.port, sent)
    assert got == status
    own = talk(running.port, HEAD.encode() + b"Content-Length: 1\r\n\r\n{")[1]
    assert set(problem) == set(own)
    assert problem | {"detail": "", "request_id": "", "status": 400} == own | {"detail": "", "request_id": ""}
    assert problem["status"] == status
    assert problem["request_id"]


def test_a_malformed_body_without_a_token_is_unauthenticated(
    service: tuple[Service, Path], request: pytest.FixtureRequest
) -> None:
    """401 wins, and of a body past the limit nothing more is read than its first 64 KiB."""
    running, _ = service
    head = f"PUT /profile HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    for raw in (b"{", b"[" * 70_000, b"\0"):
        assert talk(running.port, f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)[0] == 401
    if "development" in request.node.callspec.id:
        return  # Werkzeug reads whole chunks
    endless = f"{head}Transfer-Encoding: chunked\r\n\r\n10001\r\n".encode() + b" " * 0x10001
    with socket.create_connection((LOOPBACK, running.port), timeout=20) as connection:
        connection.sendall(endless)
        assert connection.recv(100).split()[1] == b"401"
