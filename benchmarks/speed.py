"""How fast is it, of what is possible? `.venv/bin/python -m benchmarks.speed`, some six minutes; needs wrk and curl.

The production server (`--server gunicorn` or `granian`) with one worker on one processor, everything on (logs, limits,
activity, problem documents), on SQLite at `synchronous` NORMAL as the peers have it, or with `--engine postgresql`. Beside it,
in turns: bare Flask on the same server, bcrypt by itself, and djangorestframework-simplejwt. Prints each figure with its
bar; the exit status tells whether every bar was met.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import rig
from benchmarks.rig import Measured, in_turns, on_the_servers_processor, served, wrk
from tests.attacks import doors
from tests.conftest import start_database
from tests.parts.service import Service
from tests.parts.smtp import MailServer
from tests.people import PASSWORD

PEERS = Path(__file__).parent / "peers"
THREADS = 8
CHAINS = 4
LIMIT = """
import bcrypt, time
began, count = time.perf_counter(), 0
while time.perf_counter() - began < {seconds}:
    bcrypt.hashpw(b"x" * 64, b"$2b$12$" + b"a" * 21 + b"e"); count += 1
print(count / (time.perf_counter() - began))
"""


@dataclass
class Report:
    """What was measured, and whether each bar was met."""

    kept: list[bool] = field(default_factory=list)

    def say(self, what: str, found: float, bar: float, *, at_most: bool = False, unit: str = "") -> None:
        """One line; `at_most`: the bar is a greatest value."""
        met = found <= bar if at_most else found >= bar
        self.kept.append(met)
        sign = "≤" if at_most else "≥"
        print(f"  {'ok   ' if met else 'BELOW'} {what}: {found:.2f}{unit} (bar {sign} {bar}{unit})", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Prints the figures; 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=("gunicorn", "granian"), default="gunicorn")
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "mariadb"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true", help="without simplejwt, which is installed anew")
    chosen = parser.parse_args(arguments)
    rig.needs_wrk()
    report = Report()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mail = stack.enter_context(MailServer("starttls", user="latchkey", password="mail-password"))
        uri = start_database(stack, chosen.engine, folder)
        print(f"{chosen.server} on {chosen.engine}, one worker of {THREADS} threads on one processor", flush=True)
        ours = stack.enter_context(_ours(uri, mail, chosen.server, report))
        bare = stack.enter_context(served(_serving(chosen.server, sys.executable, "benchmarks.peers.bare"), Path.cwd()))
        peer = None if chosen.no_peers else stack.enter_context(_simplejwt(folder))
        token = _sign_in(ours, 1)[0]["access_token"]
        _reads(report, ours, bare, peer, token, chosen)
        _refreshes(report, ours, bare, peer, chosen)
        limit = _logins(report, ours, chosen.rounds)
        _storm(report, ours, token, chosen.rounds, limit)
        report.say("W5 memory of the worker", max(rig.memory_of(ours.pid).values()), 110, at_most=True, unit=" MiB")
    return 0 if all(report.kept) else 1


@contextmanager
def _ours(uri: str, mail: MailServer, server: str, report: Report) -> Iterator[Service]:
    """The service as an operator starts it; also takes its time from exec to the first answer."""
    smtp = {
        "MAIL_SERVER": str(mail.host),
        "MAIL_PORT": str(mail.port),
        "MAIL_USERNAME": "latchkey",
        "MAIL_PASSWORD": "mail-password",
        "MAIL_CA_FILE": str(mail.ca_file),
        "MAIL_DEFAULT_SENDER": "door@latchkey.example.org",
    }
    # As in production, but for limits that nobody meets.
    limits = {"RATELIMIT_DEFAULT": "900000000 per day;900000000 per hour", "RATELIMIT_SENSITIVE": "900000000 per minute"}
    limits["RATELIMIT_SIGNED_IN"] = "900000000 per minute"
    production = {"FLASK_ENV": "production", "SERVER": server, "WEB_CONCURRENCY": "1", "WEB_THREADS": str(THREADS)}
    rest = {"SQLITE_SYNCHRONOUS": "NORMAL", "HASHING_CONCURRENCY": "1", "BCRYPT_LOG_ROUNDS": "12", "LOG_FILE": "app.log"}
    with on_the_servers_processor():
        service = Service(doors.environment_of(uri, smtp) | limits | production | rest)
        service.start()  # makes the tables
        service.stop()
        began = time.perf_counter()
        service.start()
        taken = time.perf_counter() - began
    report.say("W5 exec to the first answer", taken, 0.8, at_most=True, unit=" s")
    try:
        doors.account(service, mail, "ada")
        yield service
    finally:
        service.stop()


def _serving(server: str, python: str, module: str) -> list[str]:
    """As `servers/` embeds it: granian answers one request a connection."""
    if server == "granian":
        return [
            *(python, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", str(THREADS)),
            *("--port", "{port}", "--http", "1", "--no-ws", "--no-http1-keep-alive", "--log-level", "error", f"{module}:app"),
        ]
    return [
        *(python, "-m", "gunicorn", "-k", "gthread", "-w", "1", "--threads", str(THREADS)),
        *("-b", "127.0.0.1:{port}", "--log-level", "error", "--no-control-socket", f"{module}:app"),
    ]


@contextmanager
def _simplejwt(folder: Path) -> Iterator[str]:
    """The peer in an environment of its own, on gunicorn as its users run it."""
    venv = folder / "peers"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-qq", "-r", PEERS / "requirements.txt"], check=True)
    env = {"DATABASE": str(folder / "peer.db"), "PYTHONPATH": str(PEERS)}
    subprocess.run([python, PEERS / "simplejwt.py"], check=True, env=env)
    with served(_serving("gunicorn", python, "simplejwt"), folder, env) as url:
        yield url


def _sign_in(door: Service, count: int) -> list[dict[str, Any]]:
    return [doors.login(door, "ada").json for _ in range(count)]


def _peers_tokens(url: str, count: int) -> list[dict[str, Any]]:
    return [_post(url, "/login", {"username": "ada", "password": PASSWORD}) for _ in range(count)]


def _post(url: str, path: str, body: dict[str, str]) -> dict[str, Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _reads(report: Report, ours: Service, bare: str, peer: str | None, token: str, chosen: argparse.Namespace) -> None:
    work = {
        "ours": lambda: wrk(f"{ours.url}/profile", headers=_bearer(token)),
        "bare": lambda: wrk(f"{bare}/bare", headers={}),
    }
    if peer:
        theirs = _peers_tokens(peer, 1)[0]["access"]
        work["peer"] = lambda: wrk(f"{peer}/profile", headers=_bearer(theirs))
    found = in_turns(chosen.rounds, **work)
    _tell("W2 signed-in read", found)
    report.say("W2 of bare Flask", found["ours"].rate / found["bare"].rate, 0.40 if chosen.engine == "sqlite" else 0.25)
    if peer:
        report.say("W2 of simplejwt", found["ours"].rate / found["peer"].rate, 4)


def _refreshes(report: Report, ours: Service, bare: str, peer: str | None, chosen: argparse.Namespace) -> None:
    bearer = """wrk.format("POST", nil, {Authorization = "Bearer " .. token})"""

    def of_ours() -> Measured:
        return _chained(
            f"{ours.url}/refresh", "refresh_token", [one["refresh_token"] for one in _sign_in(ours, CHAINS)], bearer
        )

    work = {"ours": of_ours, "bare": lambda: wrk(f"{bare}/bare", headers={})}
    if peer:
        body = """wrk.format("POST", nil, {["Content-Type"] = "application/json"}, '{"refresh":"' .. token .. '"}')"""
        work["peer"] = lambda: _chained(
            f"{peer}/refresh", "refresh", [one["refresh"] for one in _peers_tokens(peer, CHAINS)], body
        )
    found = in_turns(chosen.rounds, **work)
    _tell("W3 refresh", found)
    report.say("W3 of bare Flask", found["ours"].rate / found["bare"].rate, 0.22)
    if peer:
        # Flask-Security, of which the bar is 6 times, makes 1.7 times as many as simplejwt.
        report.say("W3 of simplejwt", found["ours"].rate / found["peer"].rate, 10)


def _chained(url: str, name: str, tokens: list[str], request: str) -> Measured:
    """Each connection spends the token that its last answer gave."""
    script = f"""
local number = 0
local all = {{{", ".join(f'"{token}"' for token in tokens)}}}
function setup(thread)
    number = number + 1
    thread:set("token", all[number])
end
function request() return {request} end
function response(status, headers, body) token = body:match('"{name}": ?"([^"]+)"') or token end
"""
    return wrk(url, headers={}, connections=len(tokens), script=script)


def _tell(what: str, found: dict[str, Measured]) -> None:
    rates = ", ".join(f"{name} {one.rate:.0f}/s (p99 {one.p99 * 1000:.0f} ms)" for name, one in found.items())
    print(f"  {what}: {rates}")
    failed = {name: one.failed for name, one in found.items() if one.failed}
    if failed:
        raise RuntimeError(f"calls failed, so nothing was measured: {failed}")


def _logins(report: Report, ours: Service, rounds: int) -> float:
    """Returns what bcrypt makes by itself in a second on this processor."""
    ratios, limits = [], []
    for _ in range(rounds):
        with on_the_servers_processor():
            said = subprocess.run([sys.executable, "-c", LIMIT.format(seconds=rig.SECONDS)], capture_output=True, check=True)
        limits.append(float(said.stdout))
        ratios.append(_storming(ours, connections=2, seconds=rig.SECONDS).rate / limits[-1])
    report.say("W1 login, of bcrypt by itself", statistics.median(ratios), 0.97)
    return statistics.median(limits)


@dataclass
class Storm:
    """When each sign-in came through, and how long each refusal took, seconds. One password is hashed at a time."""

    done: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Sign-ins a second, up to the last that came through: what was half done at the end does not count against it."""
        return len(self.done) / max(self.done) if self.done else 0.0


def _storming(ours: Service, connections: int, seconds: float) -> Storm:
    """So many connections sign in without a pause."""
    storm, lock, start = Storm(), threading.Lock(), time.perf_counter()

    def sign_in() -> None:
        while time.perf_counter() < start + seconds:
            began = time.perf_counter()
            status = doors.login(ours, "ada").status
            with lock:
                if status == 200:
                    storm.done.append(time.perf_counter() - start)
                elif status == 503:
                    storm.refused.append(time.perf_counter() - began)
                else:
                    raise RuntimeError(f"a sign-in was answered {status}")

    threads = [threading.Thread(target=sign_in) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return storm


def _storm(report: Report, ours: Service, token: str, rounds: int, limit: float) -> None:
    """8 connections sign in without a pause while 32 read. `limit`: hashes that bcrypt makes by itself in a second."""
    storms: list[Storm] = []

    def reads() -> Measured:
        return wrk(f"{ours.url}/profile", headers=_bearer(token), connections=32)

    def reads_beside_the_storm() -> Measured:
        thread = threading.Thread(target=lambda: storms.append(_storming(ours, 8, rig.SECONDS)))
        thread.start()
        found = reads()
        thread.join()
        return found

    found = in_turns(rounds, calm=reads, storm=reads_beside_the_storm)
    calm, storm = found["calm"], found["storm"]
    _tell("W4 reads of 32 connections", found)
    refused = sorted(wait for one in storms for wait in one.refused)
    report.say("W4 reads beside 8 who sign in", storm.rate / calm.rate, 0.65)
    report.say("W4 their p50", storm.p50 / calm.p50, 2, at_most=True, unit=" times")
    report.say("W4 their p99", storm.p99 / calm.p99, 1.5, at_most=True, unit=" times")
    report.say("W4 sign-ins, of bcrypt by itself", statistics.median(one.rate for one in storms) / limit, 0.25)
    if refused:
        report.say(f"W4 p99 of {len(refused)} refusals", refused[len(refused) * 99 // 100] * 1000, 50, at_most=True, unit=" ms")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
