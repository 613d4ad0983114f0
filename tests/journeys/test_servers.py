"""Both production servers through what operators do to them, while people use them: nobody's call is lost."""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.attacks import doors
from tests.attacks.town import wait_for
from tests.parts.load import Load, honest_load, workers
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

pytestmark = pytest.mark.alone
CALLERS = 4


@dataclass
class Served:
    """A production service of two workers, with somebody in it."""

    door: Service
    uri: str
    server: str

    def people(self, count: int = CALLERS) -> list[dict[str, Any]]:
        return [doors.login(self.door, "ada").json for _ in range(count)]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.door.pid, number)

    @property
    def folder(self) -> Path:
        return self.door.folder

    def tell(self, what: str, load: Load) -> None:
        print(f"\n[{self.server}] {what}: {load.calls} calls, broken {load.broken}, failed {len(load.failed)}")


@pytest.fixture(params=["gunicorn", "granian"])
def serve(
    request: pytest.FixtureRequest, tmp_path: Path, smtp: dict[str, str], mail_server: MailServer
) -> Iterator[Callable[..., Served]]:
    """Starts a service; a second one joins the same database."""
    uri = f"sqlite:///{tmp_path / 'served.db'}"
    mail_server.clear()
    with ExitStack() as stack:

        def start(**changes: str) -> Served:
            own = {"SERVER": str(request.param), "SQLITE_SYNCHRONOUS": "NORMAL", "BASE_URL": "http://127.0.0.1:5000"}
            door = stack.enter_context(doors.service(uri, smtp, **doors.PRODUCTION | own | changes))
            wait_for(lambda: len(workers(door)) == 2)
            if not mail_server.messages:
                doors.account(door, mail_server, "ada")
            return Served(door, uri, str(request.param))

        yield start


def _nothing_is_lost(served: Served, load: Load) -> None:
    """granian may close what a worker that ends has accepted and not read yet; a proxy asks again."""
    assert load.failed == []
    assert load.broken <= (CALLERS * 2 if served.server == "granian" else 0)


def replaced(door: Service, old: set[int]) -> Callable[[], bool]:
    """Whether two workers are there, none of them an old one."""
    return lambda: len(now := workers(door)) == 2 and not now & old


def test_reloads_lose_no_call(serve: Callable[..., Served]) -> None:
    served = serve()
    with honest_load([served.door], served.people()) as load:
        for _ in range(2):
            old = workers(served.door)
            served.signal(signal.SIGHUP)
            wait_for(replaced(served.door, old), 60)
            time.sleep(1)
    served.tell("two reloads", load)
    _nothing_is_lost(served, load)


def test_what_cannot_be_loaded_is_refused_and_what_can_is_taken(serve: Callable[..., Served]) -> None:
    served = serve()
    flow, env = served.folder / "flows" / "auth.py", served.folder / ".env"
    whole = flow.read_text()
    with honest_load([served.door], served.people()) as load:
        old = workers(served.door)
        flow.write_text("def (")
        served.signal(signal.SIGHUP)
        wait_for(lambda: "not reloaded" in served.door.output, 60)
        flow.write_text(whole)
        env.write_text("MAIL_TIMEOUT=soon\n")
        served.signal(signal.SIGHUP)
        wait_for(lambda: served.door.output.count("not reloaded") == 2, 60)
        assert workers(served.door) == old
        env.write_text("SIGNUP_ENABLED=false\n")
        served.signal(signal.SIGHUP)
        wait_for(replaced(served.door, old), 60)
    served.tell("two broken deploys and a whole one", load)
    _nothing_is_lost(served, load)
    assert doors.sign_up(served.door, "bob", "bob@example.org").code == "signup_closed"


def test_a_killed_worker_is_made_anew(serve: Callable[..., Served]) -> None:
    served = serve()
    with honest_load([served.door], served.people()) as load:
        victim = min(workers(served.door))
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(workers(served.door) - {victim}) == 2)
        taken = time.monotonic() - began
        time.sleep(2)
    served.tell(f"a worker killed, another there after {taken:.2f} s", load)
    assert load.failed == []
    assert load.broken <= CALLERS, "what it had in hand"


def test_a_rolling_restart_loses_no_call(serve: Callable[..., Served]) -> None:
    one, other = serve(), serve()
    with honest_load([one.door, other.door], one.people()) as load:
        for served in (one, other):
            assert served.door.stop() == 0
            served.door.start()
    one.tell("both restarted in turn", load)
    assert load.failed == []


def test_an_end_right_after_the_start_is_not_overheard(serve: Callable[..., Served]) -> None:
    served = serve()
    for _ in range(6):
        assert served.door.stop() == 0
        served.door.start()


def test_an_end_waits_for_what_is_in_flight_and_keeps_activity(serve: Callable[..., Served]) -> None:
    served = serve()
    tokens = served.people(1)[0]
    last = "SELECT max(last_activity) FROM sessions"
    before = doors.look(served.uri, last)
    time.sleep(1.1)
    assert doors.call(served.door, "GET", "/profile", token=tokens["access_token"]).status == 200
    body = json.dumps({"username": "ada", "password": PASSWORD}).encode()
    connection = doors.connected(served.door)
    connection.putrequest("POST", "/login")
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[:10])
    time.sleep(0.5)
    served.signal(signal.SIGTERM)
    time.sleep(1.5)
    connection.send(body[10:])
    answer = connection.getresponse()
    assert (answer.status, "access_token" in answer.read().decode()) == (200, True)
    connection.close()
    assert served.door.stop() == 0
    after = doors.look(served.uri, f"{last} WHERE id = (SELECT id FROM sessions ORDER BY created_at LIMIT 1)")
    assert after > before, "the read was remembered in memory only"


def test_a_worker_gives_way_when_it_is_old(serve: Callable[..., Served], request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("a worker is a minute old at least: --long")
    served = serve(WORKER_SECONDS="60")
    old = workers(served.door)
    with honest_load([served.door], served.people()) as load:
        wait_for(replaced(served.door, old), 150)
    served.tell("both workers renewed", load)
    _nothing_is_lost(served, load)


def test_a_database_of_a_later_release_is_refused_by_name(serve: Callable[..., Served]) -> None:
    served = serve()
    served.door.stop()
    doors.behind_its_back(served.uri, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RuntimeError, match="ended with 78") as ended:
        served.door.start()
    assert "revision 9999, which a later release made" in str(ended.value)
    assert "Traceback" not in str(ended.value).partition("9999")[0].rpartition("Starting")[2]


def test_a_body_that_is_too_long_or_short_is_refused(serve: Callable[..., Served]) -> None:
    """A chunked one without its end is JSON or multipart that is whole, or has no end of its own either."""
    served = serve()
    signing_up = {"username": "bob", "email": "bob@example.org", "password": PASSWORD}
    body = json.dumps(signing_up).encode()
    long = body.ljust(70_000)
    length = b"Content-Length: %d\r\n\r\n"
    chunks = _LENGTHS[1] + b"\r\n%x\r\n%s\r\n"
    found = {
        "chunks past the limit": _raw(served.door, _SIGN_UP, chunks % (len(long), long) + b"0\r\n\r\n"),
        "declared past the limit": _raw(served.door, _SIGN_UP, length % len(long) + long),
        "shorter than declared": _raw(served.door, _SIGN_UP, length % (len(body) + 1) + body, ended=True),
        "cut in a chunk": _raw(served.door, _SIGN_UP, (chunks % (len(body), body))[:-20], ended=True),
    }
    print(f"\n[{served.server}] {found}")
    assert found["chunks past the limit"] == found["declared past the limit"] == [413]
    # Where a client has closed its side, granian may close the other without an answer.
    assert set(found["shorter than declared"] + found["cut in a chunk"]) <= {400}
    assert doors.look(served.uri, "SELECT count(*) FROM users") == [(1,)], "nobody but ada"
    assert _raw(served.door, _SIGN_UP, chunks % (len(body), body) + b"0\r\n\r\n") == [201]


def test_two_lengths_are_one_request(serve: Callable[..., Served]) -> None:
    """RFC 9112 §6.3: with both lengths given, the chunks count, and the connection ends."""
    served = serve()
    answers = [_raw(served.door, head, b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") for head in _TWO_LENGTHS]
    print(f"\n[{served.server}] Content-Length and Transfer-Encoding together: {[sorted(found) for found in answers]}")
    assert all(len(found) <= 1 for found in answers)


_SIGN_UP = b"POST /signup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
_POST = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_LENGTHS = (b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n")
_TWO_LENGTHS = (_POST + _LENGTHS[0] + _LENGTHS[1] + b"\r\n", _POST + _LENGTHS[1] + _LENGTHS[0] + b"\r\n")


def _raw(door: Service, head: bytes, rest: bytes, *, ended: bool = False) -> list[int]:
    """The status of every answer that comes back over one connection."""
    connection = doors.connected(door, 5)
    assert connection.sock is not None
    connection.sock.sendall(head + rest)
    if ended:
        connection.sock.shutdown(socket.SHUT_WR)
    received = b""
    try:
        while piece := connection.sock.recv(65536):
            received += piece
    except (OSError, http.client.HTTPException):
        pass
    connection.close()
    return [int(part.split()[0]) for part in received.split(b"HTTP/1.1 ")[1:]]
