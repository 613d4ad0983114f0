"""One request that hurts everybody: large bodies, and small ones that grow. Memory of the worker, and /healthz meanwhile."""

import base64
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, at_once, call
from tests.parts import forms, images
from tests.parts.images import encoded
from tests.parts.service import Service
from tests.parts.smtp import MailServer

pytestmark = pytest.mark.alone
MIB = 2**20
MOST_MEMORY = 300 * MIB
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": forms.CONTENT_TYPE}


@dataclass(frozen=True)
class Attack:
    """What is sent, by how many at once, and the codes that may come back; "" for a 200."""

    raw: bytes
    headers: dict[str, str]
    count: int
    codes: set[str]


def in_json(picture: bytes) -> bytes:
    return b'{"profile_picture": "data:image/png;base64,' + base64.b64encode(picture) + b'"}'


@pytest.fixture(scope="module")
def attacks() -> dict[str, Attack]:
    great, full = encoded(images.plain((5000, 5000), mode="RGBA"), "PNG"), 21 * MIB
    junk = {
        "lists": b'{"a": ' + b"[0,1]," * (full // 6),
        "depth": b"[" * full,
        "quotes": b'{"a": "' + b'\\"' * (full // 2),
        "an object as picture": b'{"profile_picture": {"a": "' + b"x" * full + b'"}}',
        "a picture and more": b'{"profile_picture": "data:,", "a": "' + b"x" * full + b'"}',
    }
    found = {f"21 MiB of {name}": Attack(raw, JSON, 2, {"payload_too_large"}) for name, raw in junk.items()}
    found["a picture of 15 MiB in JSON"] = Attack(in_json(images.of_size(15 * MIB)), JSON, 2, {""})
    found["the same, eight at once"] = Attack(in_json(images.of_size(15 * MIB)), JSON, 8, {"", "busy"})
    found["a picture of 15 MiB in a form, eight at once"] = Attack(
        forms.body(forms.file(images.of_size(15 * MIB))), FORM, 8, {"", "busy"}
    )
    found["21 MiB of letters as a picture"] = Attack(
        in_json(b"")[:-2] + b"A" * (21 * MIB) + b'"}', JSON, 2, {"payload_too_large", "invalid_image"}
    )
    found["1 x 25,000,000 pixels"] = Attack(forms.body(forms.file(images.narrow(1, 25_000_000))), FORM, 4, {"invalid_image"})
    found["25,000,000 x 1 pixels"] = Attack(forms.body(forms.file(images.narrow(25_000_000, 1))), FORM, 4, {"invalid_image"})
    found["25 megapixels, six at once"] = Attack(forms.body(forms.file(great)), FORM, 6, {"", "busy"})
    found["a form of 21 MiB in small parts"] = Attack(
        forms.body(*[forms.text(f"a{number}", "x") for number in range(full // 90)]), FORM, 2, {"payload_too_large"}
    )
    found["a form of 21 MiB in one head"] = Attack(
        forms.body(forms.file(b"", filename="x" * full)), FORM, 2, {"malformed_json", "payload_too_large", "invalid_image"}
    )
    return found


@dataclass
class Victim:
    door: Service
    token: str

    @property
    def worker(self) -> Path:
        (worker,) = Path(f"/proc/{self.door.pid}/task/{self.door.pid}/children").read_text().split()
        return Path(f"/proc/{worker}")

    def memory(self, what: str = "VmHWM") -> int:
        lines = (self.worker / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, smtp: dict[str, str], mail_server: MailServer) -> Iterator[Victim]:
    mail_server.clear()
    folder = tmp_path_factory.mktemp("large")
    own = {"FLASK_ENV": "production", "BCRYPT_LOG_ROUNDS": "10", "UPLOAD_FOLDER": str(folder), "WEB_CONCURRENCY": "1"}
    with doors.service(f"sqlite:///{folder / 'large.db'}", smtp, **own) as door:
        doors.account(door, mail_server, "ada")
        yield Victim(door, doors.login(door, "ada").json["access_token"])


def test_no_body_takes_much_memory_or_keeps_anybody_waiting(victim: Victim, attacks: dict[str, Attack]) -> None:
    outcomes = {name: _outcome(victim, name, attack) for name, attack in attacks.items()}
    assert {name: codes for name, (codes, _, _) in outcomes.items() if codes - attacks[name].codes - {"busy"}} == {}
    assert {name: memory for name, (_, memory, _) in outcomes.items() if memory > MOST_MEMORY} == {}
    assert {name: p99 for name, (_, _, p99) in outcomes.items() if p99 >= 1} == {}


def _outcome(victim: Victim, name: str, attack: Attack) -> tuple[set[str], int, float]:
    """Which codes came, the worker's highest memory, and what 99 of 100 callers of /healthz waited at most."""
    (victim.worker / "clear_refs").write_text("5")  # the highest so far is forgotten: proc(5)
    healthy: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            began = time.perf_counter()
            assert call(victim.door, "GET", "/healthz").status == 200
            healthy.append(time.perf_counter() - began)

    def send(number: int, line: http.client.HTTPConnection) -> Answer:
        with suppress(OSError):
            return call(line, "PUT", "/profile", attack.raw, victim.token, attack.headers)
        return Answer(0, {}, b'{"code": "busy"}')  # it was answered, and closed, while we still sent

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    answers = at_once([victim.door], send, attack.count)
    took = time.perf_counter() - began
    done.set()
    watcher.join()
    healthy.sort()
    p99 = healthy[-1 - len(healthy) // 100] if healthy else 0.0
    codes = {"" if answer.status == 200 else answer.code for answer in answers}
    print(
        f"\n{name}: {attack.count} x {len(attack.raw) / MIB:.1f} MiB in {took:.1f} s, {sorted(codes)};"
        f" worker at most {victim.memory() / MIB:.0f} MiB, /healthz p99 {p99 * 1000:.0f} ms of {len(healthy)}"
    )
    return codes, victim.memory(), p99
