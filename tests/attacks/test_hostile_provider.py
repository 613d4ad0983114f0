"""A provider that is down, slow, endless or full of garbage, at every address that it is asked at: the service of a real
process answers in time, grows by nothing, keeps nothing, and signs people in again as soon as the provider does."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.parts import http_faults
from tests.parts.hostile_provider import DISCOVERY, ENDPOINTS, USERINFO, Realm, hostile_provider
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.visitors import ada, settings_of

CASES = [(endpoint, fault) for endpoint in ENDPOINTS for fault in (*http_faults.BROKEN, *http_faults.DOWN)]
LONGEST = 15.0
AT_ONCE = 8
"""As many as a production worker has threads; of the slow ones, which cost nothing but time, all."""
GROWTH = 16 * 1024
"""KiB of resident memory."""
KEPT = ("users", "identities", "sessions", "tickets", "letters")


@dataclass
class World:
    """The service, which knows a realm for each fault at each address of a provider."""

    service: Service
    realms: dict[str, Realm]
    uri: str

    def leave(self, name: str) -> Answer:
        return call(self.service, "GET", f"/auth/{name}")

    def sign_in(self, name: str) -> Answer:
        """The last answer of an attempt: of the callback, or that there is no departure."""
        left = self.leave(name)
        if left.status != 302:
            return left
        person = ada(sub=name, email=f"{name}@example.org")
        if USERINFO in self.realms[name].faults:
            person = {"sub": name}  # so that it is asked for the rest
        back = self.realms[name].sign_in(left.headers["Location"], **person)
        cookie = {"Cookie": left.headers["Set-Cookie"].partition(";")[0]}
        return call(self.service, "GET", f"/auth/{name}/callback?{back}", headers=cookie)

    def kept(self) -> dict[str, int]:
        return {table: doors.look(self.uri, f"SELECT count(*) FROM {table}")[0][0] for table in KEPT}

    def memory(self) -> int:
        """Resident KiB of the service now."""
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])  # type: ignore[index]


def named(index: int) -> str:
    return f"case{index}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, smtp: dict[str, str], mail_server: MailServer) -> Iterator[World]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'hostile.db'}"
    with hostile_provider() as provider:
        names = ["honest", *(named(index) for index in range(len(CASES)))]
        environ = {"OIDC_PROVIDERS": ",".join(names), "SCHEDULER_ENABLED": "false", "SQLITE_SYNCHRONOUS": "NORMAL"}
        for name in names:
            environ |= settings_of(provider.realm(name).discovery_url, name)
        for endpoint in ENDPOINTS:  # where the redirects lead
            provider.realms |= {
                f"honest-{name}": realm for name, realm in list(provider.realms.items()) if endpoint == DISCOVERY
            }
        with doors.service(uri, smtp, **environ) as service:
            yield World(service, provider.realms, uri)


def timed(world: World, name: str) -> tuple[Answer, float]:
    began = time.monotonic()
    return world.sign_in(name), time.monotonic() - began


def faulty(world: World, cases: list[int]) -> dict[int, tuple[Answer, float]]:
    """What an attempt at each of these gets, some at a time."""
    for index in cases:
        endpoint, fault = CASES[index]
        world.realms[named(index)].faults = {endpoint: fault}
    slow = all(CASES[index][1] in http_faults.SLOW for index in cases)
    with ThreadPoolExecutor(len(cases) if slow else AT_ONCE) as pool:
        return dict(zip(cases, pool.map(lambda index: timed(world, named(index)), cases), strict=True))


def spelled(index: int) -> str:
    endpoint, fault = CASES[index]
    return f"{fault.__name__} at {endpoint}"


def wrong(index: int, answer: Answer) -> bool:
    """Whether this is not the answer that the fault should get."""
    is_down = CASES[index][1] in http_faults.DOWN
    wanted = (503, "provider_unavailable") if is_down else (400, "oauth_failed")
    problem = answer.headers.get("Content-Type") == "application/problem+json"
    return not problem or (answer.status, answer.code) != wanted or ("Retry-After" in answer.headers) != is_down


def test_no_fault_of_a_provider_is_ours(world: World) -> None:
    assert world.sign_in("honest").status == 200
    faulty(world, list(range(AT_ONCE)))  # so that what is loaded once is loaded
    before, memory, peak, done = world.kept(), world.memory(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], world.memory())

    slow = [index for index, (_, fault) in enumerate(CASES) if fault in http_faults.SLOW]
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        found = faulty(world, slow) | faulty(world, [index for index in range(len(CASES)) if index not in slow])
    finally:
        done.set()
        watching.join()
    slowest = max(found, key=lambda index: found[index][1])
    growth = max(peak[0] - memory, world.memory() - memory)
    accepted = [spelled(index) for index, (answer, _) in found.items() if answer.status == 200]
    print(
        f"\n{len(CASES)} faults at {len(ENDPOINTS)} addresses: accepted {len(accepted)}; memory grew by {growth / 1024:.1f} MiB"
    )
    print(f"slowest {found[slowest][1]:.1f} s: {spelled(slowest)}")
    strange = {spelled(i): (answer.status, answer.raw[:90]) for i, (answer, _) in found.items() if wrong(i, answer)}
    assert strange == {}
    assert world.kept() == before, "no account, no link, no session, no letter"
    assert found[slowest][1] < LONGEST
    assert growth <= GROWTH
    _check_that_all_sign_in(world)


def _check_that_all_sign_in(world: World) -> None:
    """By themselves, without a restart: the providers are honest again."""
    for index in range(len(CASES)):
        world.realms[named(index)].faults = {}
    failed = [spelled(i) for i in range(len(CASES)) if (answer := world.sign_in(named(i))).status != 200 or not answer.json]
    print(f"afterwards {len(CASES) - len(failed)} of {len(CASES)} sign in")
    assert failed == []
