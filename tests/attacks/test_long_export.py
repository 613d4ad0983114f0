"""The export of an account with a very long record: whole, in bounded memory, nothing held for a slow reader."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks import doors, rows
from tests.attacks.doors import call
from tests.parts.ports import LOOPBACK
from tests.parts.service import Service
from tests.parts.smtp import MailServer

MIB = 2**20
MOST_GROWTH = 16 * MIB


@dataclass(frozen=True)
class Old:
    """An account with a long record."""

    door: Service
    token: str
    events: set[str]

    @property
    def worker(self) -> Path:
        (worker,) = Path(f"/proc/{self.door.pid}/task/{self.door.pid}/children").read_text().split()
        return Path(f"/proc/{worker}")

    def memory(self, what: str) -> int:
        (found,) = re.findall(rf"{what}:\s+(\d+) kB", (self.worker / "status").read_text())
        return int(found) * 1024


@pytest.fixture(scope="module")
def old(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smtp: dict[str, str], mail_server: MailServer
) -> Iterator[Old]:
    mail_server.clear()
    uri = f"sqlite:///{tmp_path_factory.mktemp('old') / 'old.db'}"
    few = {"WEB_CONCURRENCY": "1", "DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0", "DB_POOL_TIMEOUT": "5"}
    with doors.service(uri, smtp, **doors.PRODUCTION | few) as door:
        doors.account(door, mail_server, "ada")
        token = doors.login(door, "ada").json["access_token"]
        user_id = call(door, "GET", "/profile", token=token).json["id"]
        count = 100_000 if request.config.getoption("--long") else 20_000
        yield Old(door, token, rows.record_of(uri, user_id, count))


def test_a_long_record_is_exported_whole_in_bounded_memory(old: Old) -> None:
    call(old.door, "GET", "/profile/export", token=old.token)  # what is loaded once is loaded
    (old.worker / "clear_refs").write_text("5")  # the highest so far is forgotten: proc(5)
    before, began = old.memory("VmRSS"), time.perf_counter()
    answer = call(old.door, "GET", "/profile/export", token=old.token)
    took, growth = time.perf_counter() - began, old.memory("VmHWM") - before
    print(f"\n{len(old.events):,} events: {len(answer.raw) / MIB:.1f} MiB in {took:.1f} s, {growth / MIB:.1f} MiB more memory")
    assert answer.status == 200
    listed = json.loads(answer.raw)["security_events"]
    ids = [event["id"] for event in listed]
    assert len(ids) == len(set(ids)), "none twice"
    assert old.events <= set(ids), "none skipped"
    assert [event["time"] for event in listed] == sorted(event["time"] for event in listed)
    assert growth < MOST_GROWTH


def test_a_client_that_reads_slowly_holds_no_connection_of_the_database(old: Old) -> None:
    """There is one for all, and more clients than that."""
    slow = [_asks_and_reads_nothing_more(old) for _ in range(3)]
    try:
        assert call(old.door, "PUT", "/profile", {"first_name": "Ada"}, old.token).status == 200
        assert doors.login(old.door, "ada").status == 200
    finally:
        for line in slow:
            line.close()


def _asks_and_reads_nothing_more(old: Old) -> socket.socket:
    line = socket.create_connection((LOOPBACK, old.door.port), timeout=30)
    head = f"GET /profile/export HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {old.token}\r\n\r\n"
    line.sendall(head.encode())
    assert line.recv(12) == b"HTTP/1.1 200"
    return line
