"""The rig: servers on one processor, the load on another, and what wrk says about it.

The machine's pace drifts, so only figures of one run are compared, and of each the median of interleaved rounds.
"""

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.ports import LOOPBACK, free_port

PROCESSORS = sorted(os.sched_getaffinity(0))
SERVER, LOAD = {PROCESSORS[0]}, {PROCESSORS[-1]}
SECONDS = 3
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Measured:
    """Requests a second; latencies in seconds; answers that were not 2xx or never came."""

    rate: float
    p50: float
    p99: float
    failed: int


def needs_wrk() -> None:
    """Ends the benchmark where its tool is missing."""
    if not shutil.which("wrk"):
        sys.exit("This benchmark needs wrk. On Debian and Ubuntu: apt install wrk")


@contextmanager
def on_the_servers_processor() -> Iterator[None]:
    """Whatever is started inside runs beside nothing of ours."""
    os.sched_setaffinity(0, SERVER)
    try:
        yield
    finally:
        os.sched_setaffinity(0, LOAD)


@contextmanager
def served(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server that is started by this command; `{port}` in it is the port."""
    port = free_port()
    with on_the_servers_processor():
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"} | dict(env or {}),
            stdout=subprocess.DEVNULL,
            stderr=(folder / f"server{port}.log").open("wb"),
        )
    try:
        _wait(process, port)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 30
    while subprocess.call(["curl", "-so", os.devnull, f"http://{LOOPBACK}:{port}/bare"]) != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("a server did not come up; its log lies in its folder")
        time.sleep(0.05)


def wrk(url: str, *, headers: Mapping[str, str], connections: int = 8, seconds: int = SECONDS, script: str = "") -> Measured:
    """One round of load; `script`: Lua, one state for each connection."""
    threads = connections if script else 1
    command = ["wrk", "--latency", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:  # each of its threads reads it anew
        file.write(script)
        file.flush()
        command += ["-s", file.name] if script else []
        said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    failed = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", said) + re.findall(r"timeout (\d+)", said)))
    return Measured(float(_found(r"Requests/sec:\s+([\d.]+)", said)), _latency("50%", said), _latency("99%", said), failed)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise RuntimeError(f"wrk said something else:\n{text}")
    return match.group(1)


def _latency(share: str, said: str) -> float:
    value, unit = re.match(r"([\d.]+)(\w+)", _found(rf"\n\s+{share}\s+(\S+)", said)).groups()  # type: ignore[union-attr]
    return float(value) * UNITS[unit]


def in_turns(rounds: int, **work: Callable[[], Measured]) -> dict[str, Measured]:
    """Each kind of work once a round, after one round to warm up; of every figure the median."""
    taken: dict[str, list[Measured]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, do in work.items():
            found = do()
            if number:
                taken[name].append(found)
    return {name: _median(found) for name, found in taken.items()}


def _median(found: list[Measured]) -> Measured:
    return Measured(
        statistics.median(one.rate for one in found),
        statistics.median(one.p50 for one in found),
        statistics.median(one.p99 for one in found),
        sum(one.failed for one in found),
    )


def memory_of(pid: int) -> dict[int, float]:
    """Resident MiB of a process and of each of its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {one: _resident(one) for one in (pid, *map(int, children))}


def _resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
