"""Clients that send half a request, or read no answer, and keep the line: the service still answers everybody else.

Without a proxy before it.
"""

import http.client
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.attacks import doors, rows
from tests.attacks.doors import call
from tests.parts.ports import LOOPBACK
from tests.parts.service import Service
from tests.parts.smtp import MailServer

SLOW, UNREAD = 40, 24
THREADS = 4
ANSWERS_WITHIN = 35
HEAD = f"POST /login HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\n"
HALVES = {
    "nothings": b"",
    "heads": HEAD.encode(),
    "bodies": f"{HEAD}Content-Length: 50\r\n\r\n{{".encode(),
    "chunked bodies": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n{{".encode(),
}
SERVERS = ("gunicorn", "granian")


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def uri(server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp(server) / 'slow.db'}"


@pytest.fixture(scope="module")
def door(
    server: str, uri: str, tmp_path_factory: pytest.TempPathFactory, smtp: dict[str, str], mail_server: MailServer
) -> Iterator[Service]:
    mail_server.clear()
    own = {
        "FLASK_ENV": "production",
        "BCRYPT_LOG_ROUNDS": "10",
        "WEB_CONCURRENCY": "1",
        "WEB_THREADS": str(THREADS),
        "SERVER": server,
        "UPLOAD_FOLDER": str(tmp_path_factory.mktemp("uploads")),
    }
    with doors.service(uri, smtp, **own) as running:
        doors.account(running, mail_server, "ada")
        yield running


def reads_nothing(door: Service, stack: ExitStack) -> socket.socket:
    """A connection whose client has hardly any room for what comes."""
    line = stack.enter_context(socket.socket())
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)  # before it connects, or it is not heeded
    line.settimeout(3 * ANSWERS_WITHIN)
    line.connect((LOOPBACK, door.port))
    return line


@contextmanager
def held(door: Service, sent: bytes, count: int = SLOW) -> Iterator[list[socket.socket]]:
    """So many connections, each with half a request."""
    with ExitStack() as stack:
        lines = [
            stack.enter_context(socket.create_connection((LOOPBACK, door.port), timeout=ANSWERS_WITHIN)) for _ in range(count)
        ]
        for line in lines:
            line.sendall(sent)
        yield lines


def said(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    received = b""
    with suppress(OSError):
        while piece := line.recv(65536):
            received += piece
    return received


def first_answer(door: Service) -> doors.Answer:
    """Asks again where granian closed a connection that waited beside an overdue body, as a client does."""
    until = time.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            return call(doors.connected(door, ANSWERS_WITHIN), "GET", "/healthz")
        except (http.client.RemoteDisconnected, ConnectionResetError):
            if time.monotonic() > until:
                raise


def floods(line: socket.socket) -> None:
    """Sends calls one after the other, reads no answer, and returns once the other side has ended that."""
    with suppress(OSError):
        line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode() * 40_000)
        ended = select.poll()
        ended.register(line, select.POLLRDHUP)
        ended.poll(ANSWERS_WITHIN * 1000)


def test_eight_clients_that_read_no_answer_keep_nobody_waiting_for_long(door: Service) -> None:
    waits: list[float] = []
    with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
        lines = [reads_nothing(door, stack) for _ in range(8)]
        flooding = [threads.submit(floods, line) for line in lines]
        while not waits or not all(one.done() for one in flooding):
            began = time.monotonic()
            assert first_answer(door).status == 200
            waits.append(time.monotonic() - began)
    print(f"\n8 clients that read nothing: /healthz answers {len(waits)} times, after {max(waits):.1f} s at most")
    assert max(waits) < ANSWERS_WITHIN


def test_many_clients_that_read_nothing_of_a_large_file_keep_nobody_waiting_for_long(door: Service) -> None:
    with ExitStack() as stack:
        for line in [reads_nothing(door, stack) for _ in range(UNREAD)]:
            line.sendall(f"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode())
        began = time.monotonic()
        assert first_answer(door).status == 200
        waited = time.monotonic() - began
    print(f"\n{UNREAD} clients that read nothing of 1.7 MB: /healthz answers after {waited:.1f} s")
    assert waited < ANSWERS_WITHIN


def test_exports_that_nobody_reads_give_the_threads_back(door: Service, uri: str) -> None:
    """Ten megabytes: more than the buffers of server and kernel hold."""
    token = doors.login(door, "ada").json["access_token"]
    user_id = call(door, "GET", "/profile", token=token).json["id"]
    rows.record_of(uri, user_id, 30_000)
    head = f"GET /profile/export HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n"
    with ExitStack() as stack:
        lines = [reads_nothing(door, stack) for _ in range(THREADS)]
        for line in lines:
            line.sendall(head.encode())
        for line in lines:
            assert line.recv(12) == b"HTTP/1.1 200"
        began = time.monotonic()
        assert first_answer(door).status == 200
        waited = time.monotonic() - began
    print(f"\n{THREADS} exports that nobody reads, {THREADS} threads: /healthz answers after {waited:.1f} s")
    assert waited < ANSWERS_WITHIN


@pytest.mark.parametrize("what", HALVES)
def test_forty_half_sent_requests_keep_nobody_waiting_for_long(
    door: Service, what: str, request: pytest.FixtureRequest
) -> None:
    if what == "chunked bodies" and not request.config.getoption("--long"):
        pytest.skip("by --long")
    with held(door, HALVES[what]) as lines:
        began = time.monotonic()
        answer = first_answer(door)
        waited = time.monotonic() - began
        answers = [said(line) for line in lines]
        ended = time.monotonic() - began
    print(
        f"\n{SLOW} half-sent {what}: /healthz answers after {waited:.1f} s, the last connection is closed after {ended:.1f} s"
    )
    assert answer.status == 200
    assert all(b" 200 " not in answer for answer in answers)
    assert waited < ANSWERS_WITHIN
    assert ended < ANSWERS_WITHIN
