"""What gunicorn's connections send, where the client reads it late: all of it, or the connection ends."""

import socket
import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import environment
from servers import lines, master
from servers.lines import Line, TlsLine
from tests.conftest import SECRETS
from tests.parts.authority import Authority
from tests.parts.ports import LOOPBACK

WHOLE = bytes(range(256)) * 4096
"""A megabyte, of which the buffers below hold a hundredth."""


@pytest.fixture(params=["plain", "TLSv1_2", "TLSv1_3"])
def both_ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Line | TlsLine, socket.socket]]:
    """A connection as gunicorn has it, and its client."""
    with socket.create_server((LOOPBACK, 0)) as listener, socket.socket() as client:
        for end, room in ((listener, socket.SO_SNDBUF), (client, socket.SO_RCVBUF)):
            end.setsockopt(socket.SOL_SOCKET, room, 4096)  # before they connect, or it is not heeded
        client.connect(listener.getsockname())
        line = Line(fileno=listener.accept()[0].detach())
        if request.param == "plain":
            with line:
                yield line, client
            return
        authority = Authority(tmp_path / "authority")
        certificate = authority.issue("service", LOOPBACK)
        files = {"TLS_CERT_FILE": str(certificate.chain), "TLS_KEY_FILE": str(certificate.key)}
        context = lines.context(environment.load(SECRETS | {"FLASK_ENV": "development"} | files))
        assert context
        trusting = ssl.create_default_context(cafile=authority.ca_file)
        trusting.maximum_version = ssl.TLSVersion[request.param]
        with ThreadPoolExecutor(1) as threads:
            spoken = threads.submit(trusting.wrap_socket, client, server_hostname=LOOPBACK)
            served = context.wrap_socket(line, server_side=True)
            assert isinstance(served, TlsLine)
            with served, spoken.result() as reader:
                yield served, reader


def test_a_late_reader_gets_all_of_an_answer(both_ends: tuple[Line | TlsLine, socket.socket]) -> None:
    line, client = both_ends
    client.settimeout(60)
    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(line.sendall, WHOLE)
        received = b""
        while len(received) < len(WHOLE):
            received += client.recv(65536)
        assert sent.result() is None
    assert received == WHOLE


def test_a_reader_that_never_reads_ends_the_connection(
    both_ends: tuple[Line | TlsLine, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(master, "SILENCE_SECONDS", 0.1)
    with pytest.raises(BrokenPipeError, match="does not read"):
        both_ends[0].sendall(WHOLE)


class Ticks:
    """A clock that only goes on where it is looked at."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 0.25
        return self.seconds


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not say how much a client has taken")
@pytest.mark.parametrize("both_ends", ["plain"], indirect=True)
def test_a_reader_that_takes_a_little_at_each_look_is_not_given_up(
    both_ends: tuple[Line | TlsLine, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux reports room only once a third of its buffer is free, here after some twelve looks."""
    line, client = both_ends
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    looks, taken = [], master.taken

    def reads_a_little(served: socket.socket) -> int | None:
        looks.append(client.recv(4096))
        return taken(served)

    monkeypatch.setattr(master, "taken", reads_a_little)
    monkeypatch.setattr(lines, "time", Ticks())
    monkeypatch.setattr(master, "SILENCE_SECONDS", 3)
    monkeypatch.setattr(lines, "LOOK_SECONDS", 0.05)
    line.sendall(WHOLE[: 200 * 1024])
    assert len(looks) > 8, "else it never waits so long"
