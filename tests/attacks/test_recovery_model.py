"""Recovery against a hijacker, in any order of what both do: hundreds of runs, the same ones each time."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from services import clock
from tests.attacks.beginnings import BEGINNINGS, Stage
from tests.attacks.hijack import World
from tests.attacks.planted_faults import PLANTS, Plant
from tests.attacks.recovery_machine import RecoveryMachine
from tests.parts.hostile_provider import hostile_provider
from tests.parts.smtp import MailServer
from tests.resources.conftest import door_with
from tests.visitors import settings_of

RUNS, LONG_RUNS = 75, 1800
"""Asked of Hypothesis for each of the five beginnings; it makes a third more of them."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service that asks for proof beside a link, as in production, with a provider and a clock that stands."""
    with hostile_provider() as provider, MailServer() as mail_server, time_machine.travel(clock.now(), tick=False) as traveller:
        realm = provider.realm()
        smtp = {"MAIL_SERVER": mail_server.host, "MAIL_PORT": str(mail_server.port), "MAIL_USE_TLS": "false"}
        mail = smtp | {"MAIL_DEFAULT_SENDER": "door@latchkey.example.org", "MAIL_CA_FILE": str(mail_server.ca_file)}
        own = {"CONFIRM_BY_LINK_ALONE": "false", "FRONTEND_URL": "https://app.example.org", "INACTIVITY_SECONDS": "86400"}
        quick = {"SQLITE_SYNCHRONOUS": "NORMAL", "LOG_LEVEL": "ERROR", "RATELIMIT_ENABLED": "false"}
        folder = tmp_path_factory.mktemp("recovery")
        door = door_with(folder, mail_server, mail, **own, **quick, **settings_of(realm.discovery_url))
        made = Stage(World(door, realm, traveller))
        made.prepare()
        yield made


def run(stage: Stage, beginning: str, runs: int, *phases: Phase) -> None:
    """So many runs, the same ones each time. Raises AssertionError with the sequence that breaks the promise."""
    machine: Any = type("Machine", (RecoveryMachine,), {"stage": stage, "beginning": beginning})
    run_state_machine_as_test(
        seed(BEGINNINGS.index(beginning))(machine),
        settings=settings(
            max_examples=runs,
            stateful_step_count=20,
            derandomize=True,
            database=None,
            deadline=None,
            phases=phases or (Phase.generate,),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_whoever_uses_a_recovery_link_is_alone_in_the_end(stage: Stage, beginning: str, request: pytest.FixtureRequest) -> None:
    stage.counted.clear()
    runs = LONG_RUNS if request.config.getoption("--long") else RUNS
    began, cpu, broken = time.perf_counter(), time.process_time(), 1
    try:
        run(stage, beginning, runs)
        broken = 0
    finally:
        seconds = f"{time.perf_counter() - began:.0f} s, of them {time.process_time() - cpu:.0f} s of work"
        print(f"\nhijack {beginning}: {dict(stage.counted)}, broken {broken}, in {seconds}")
    assert stage.counted["runs"] >= (1800 if runs == LONG_RUNS else 75)
    assert stage.counted["recoveries"] >= stage.counted["runs"] * 0.7, "too few runs come to a recovery"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(
    stage: Stage, plant: Plant, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """By the very runs that find nothing without it."""
    if not request.config.getoption("--long"):
        pytest.skip("the planted faults are looked for under --long")
    plant(monkeypatch)
    stage.counted.clear()
    fault = next((found for beginning in BEGINNINGS if (found := _fault_of(stage, beginning))), None)
    print(f"\n{plant.__name__}: found after {stage.counted['runs']} runs, {str(fault)[:110]}")
    assert fault, "the machine does not find it"
    assert "internal_error" not in fault, "what is planted breaks the service itself"


def _fault_of(stage: Stage, beginning: str) -> str | None:
    try:
        run(stage, beginning, RUNS)
    except AssertionError as fault:
        return f"hijack {beginning}: {fault}"
    return None
