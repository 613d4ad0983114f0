"""Nobody learns from an answer, nor from how long it took, whose name or address has an account.

AUC: how often a sample of one class is slower than one of the other; 0.5 means that they cannot be told apart. Calls
come in rounds, each with one of every class in random order, and a class's distance from the first is the median of its
ratios within a round: the machine's speed drifts, and two medians of a drifting quantity differ by themselves. The
short run has few samples, so it may take more of them before it judges; never fewer.

Guesses have to wait after a few. Before each sample the counts are therefore forgotten, behind the service's back, and a
sample that was told to wait is no sample: it fails.
"""

import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count

import pytest

from tests.attacks import doors
from tests.attacks.doors import Answer, call, connected
from tests.parts.service import Service
from tests.parts.smtp import MailServer

pytestmark = [pytest.mark.alone, pytest.mark.timeout(1500)]  # the full figures take their time
WARM_UPS = 20
OF_ITS_OWN = {
    "Date",
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Content-Security-Policy",
}
NUMBERS = count(100000)
EXPECTED = (201, 202, 401)
Send = Callable[[Service], Answer]
Take = Callable[[Send], tuple[float, Answer]]


@dataclass(frozen=True)
class Bounds:
    samples: int
    auc: float
    medians: float
    runs: int


@pytest.fixture
def bounds(request: pytest.FixtureRequest) -> Bounds:
    """300 samples decide at once; 60 are noisy (deviation of the AUC 0.05), so up to three runs are judged together."""
    return Bounds(300, 0.10, 0.05, 1) if request.config.getoption("--long") else Bounds(60, 0.15, 0.10, 3)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('timing') / 'timing.db'}"


@pytest.fixture(scope="module")
def door(database: str, smtp: dict[str, str], mail_server: MailServer) -> Iterator[Service]:
    """The service as it runs, with production's cost of a hash.

    `ada` has an account and a login code, `bob` waits for confirmation, `ivy` is not active, `pat` has no password.
    """
    mail_server.clear()
    cost = {"BCRYPT_LOG_ROUNDS": "12"}
    with doors.service(database, smtp, **cost) as started:
        for name in ("ada", "ivy", "pat"):
            doors.account(started, mail_server, name)
        assert doors.sign_up(started, "bob", "bob@example.org").status == 201
        assert _ask("/send-otp", "ada")(started).status == 202
        mail_server.wait_to("ada@example.org", 2)
        doors.wait_until_mail_is_settled(database)
    doors.behind_its_back(database, "UPDATE users SET is_active = 0 WHERE username = 'ivy'")
    doors.behind_its_back(database, "UPDATE users SET password_hash = NULL WHERE username = 'pat'")
    doors.behind_its_back(database, "UPDATE tickets SET expires_at = datetime('now', '+1 day')")  # the full figures take long
    # The jobs run beside every class alike, so what they take is noise here: they hold the database's one write lock.
    with doors.service(database, smtp, **cost, SCHEDULER_ENABLED="false") as measured, _ahead_of_everybody(measured.pid):
        yield measured


@pytest.fixture
def take(door: Service, database: str) -> Take:
    """One call whose guess nobody made before it, and how many seconds it took."""

    def taken(send: Send) -> tuple[float, Answer]:
        doors.forget_guesses(database)
        began = time.perf_counter()
        answer = send(door)
        seconds = time.perf_counter() - began
        assert answer.status in EXPECTED, f"{answer.status} is no sample: {answer.raw.decode()}"
        return seconds, answer

    return taken


@contextmanager
def _ahead_of_everybody(service: int) -> Iterator[None]:
    """Where we may (as root), we and the service go first: other tests on this machine shall not be measured.

    Real time, because Linux holds a mere nice value against one's own session only.
    """
    with suppress(PermissionError):
        for process in (0, service):
            os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def test_the_harness_tells_ten_milliseconds(take: Take, bounds: Bounds) -> None:
    def slower(service: Service) -> Answer:
        began = time.perf_counter()
        answer = _login("nobody1")(service)
        time.sleep(max(0.01, 0.04 * (time.perf_counter() - began)))  # on a slow machine all that scatters is longer too
        return answer

    taken: dict[str, list[float]] = {"as it is": [], "10 ms more": []}
    for _ in range(bounds.runs):
        for name, more in _measured(take, {"as it is": _login("nobody1"), "10 ms more": slower}, bounds.samples).items():
            taken[name] += more
        auc = _auc(taken["as it is"], taken["10 ms more"])
        print(f"\ncontrol, 10 ms added: AUC {auc:.3f} (must be above {0.5 + bounds.auc:.2f}); {_medians(taken)}")
        if auc > 0.5 + bounds.auc:
            return
    pytest.fail("the harness is too dull to see 10 ms")


def test_login_does_not_tell_who_has_an_account(take: Take, bounds: Bounds) -> None:
    classes = {
        "known": _login("ada"),
        "unknown": _login("eve"),
        "pending": _login("bob"),
        "inactive": _login("ivy"),
        "without a password": _login("pat@example.org"),
        "address unknown": _login("eve@example.org"),
    }
    _check_alike("login", take, classes, bounds)


def test_a_mailed_code_does_not_tell_who_has_an_account(take: Take, bounds: Bounds) -> None:
    """`ada` has a live code, `ivy` an account without one; code and password are wrong."""
    _check_alike("verify-otp", take, {name: _verify_otp(name) for name in ("ada", "eve", "ivy")}, bounds)


def test_sign_up_does_not_tell_whose_address_is_taken(take: Take, bounds: Bounds) -> None:
    emails = ("ada@example.org", "eve@example.org", "bob@example.org")
    assert len({_shape(take(_sign_up(email))[1], email) for email in emails}) == 1
    classes = {"free": _sign_up("eve{}@example.org"), "taken": _sign_up("ada@example.org")}
    _check_alike("sign-up", take, classes, bounds, shaped=False)


@pytest.mark.parametrize("path", ["/resend-confirmation", "/forgot-password", "/send-otp"])
def test_asking_for_mail_does_not_tell_whose_address_it_is(take: Take, bounds: Bounds, path: str) -> None:
    classes = {"account": _ask(path, "ada"), "pending": _ask(path, "bob"), "unknown": _ask(path, "eve")}
    # An answer of a few milliseconds is noisier, and cheap: five times the samples.
    _check_alike(path, take, classes, replace(bounds, samples=5 * bounds.samples))


def test_only_a_caller_who_is_to_wait_is_told_how_long(take: Take) -> None:
    """The limiter would send `Retry-After` with everything; it changes with the clock."""
    sends = {
        "login": _login("eve"),
        "sign-up": _sign_up("eve{}@example.org"),
        "resend": _ask("/resend-confirmation", "eve"),
        "code": _verify_otp("eve"),
    }
    told = {name: take(send)[1].headers.get("Retry-After") for name, send in sends.items()}
    assert told == dict.fromkeys(sends)


def _check_alike(what: str, take: Take, classes: dict[str, Send], bounds: Bounds, shaped: bool = True) -> None:
    if shaped:
        assert len({_shape(take(send)[1]) for send in classes.values()}) == 1, f"{what}: the answers differ"
    taken: dict[str, list[float]] = {name: [] for name in classes}
    for _ in range(bounds.runs):
        for name, more in _measured(take, classes, bounds.samples).items():
            taken[name] += more
        first, *rest = taken
        aucs = {name: _auc(taken[first], taken[name]) for name in rest}
        apart = max(_apart(taken[first], taken[name]) for name in rest)
        told = ", ".join(f"{name} {auc:.3f}" for name, auc in aucs.items())
        print(f"\n{what}, {len(taken[first])} samples: AUC of {first} and {told}; medians {apart:.1%} apart; {_medians(taken)}")
        if all(abs(auc - 0.5) <= bounds.auc for auc in aucs.values()) and apart <= bounds.medians:
            return
    pytest.fail(f"{what}: {told}; medians {apart:.1%} apart")


def _measured(take: Take, classes: dict[str, Send], samples: int) -> dict[str, list[float]]:
    """Seconds of each call, in rounds of all classes in random order."""
    chance = random.Random(20)
    turns = [name for _ in range(samples) for name in chance.sample(list(classes), len(classes))]
    taken: dict[str, list[float]] = {name: [] for name in classes}
    for _ in range(WARM_UPS):
        take(classes[chance.choice(list(classes))])
    for name in turns:
        taken[name].append(take(classes[name])[0])
    return taken


def _auc(some: list[float], others: list[float]) -> float:
    """Mann and Whitney's U by ranks, over the number of pairs: how often one of `others` is the slower."""
    ordered = sorted([(value, 0) for value in some] + [(value, 1) for value in others])
    ranks = sum(rank for rank, (_, kind) in enumerate(ordered, 1) if kind)
    return (ranks - len(others) * (len(others) + 1) / 2) / (len(some) * len(others))


def _apart(some: list[float], others: list[float]) -> float:
    """By how much the slower of two classes takes longer, as the median of their ratios in one round."""
    ratio = statistics.median(other / one for one, other in zip(some, others, strict=True))
    return max(ratio, 1 / ratio) - 1


def _medians(taken: dict[str, list[float]]) -> str:
    return "medians " + ", ".join(f"{name} {statistics.median(values) * 1000:.1f} ms" for name, values in taken.items())


def _login(name: str) -> Send:
    return lambda door: doors.login(connected(door), name, "not-the-password")


def _sign_up(email: str) -> Send:
    """Each with a new user name, as each needs one."""

    def send(door: Service) -> Answer:
        number = next(NUMBERS)
        return doors.sign_up(connected(door), f"u{number}", email.format(number))

    return send


def _ask(path: str, name: str) -> Send:
    return lambda door: call(connected(door), "POST", path, {"email": f"{name}@example.org"})


def _verify_otp(name: str) -> Send:
    body = {"email": f"{name}@example.org", "otp_code": "000000", "password": "not-the-password"}
    return lambda door: call(connected(door), "POST", "/verify-otp", body)


def _shape(answer: Answer, email: str = "") -> str:
    """Everything that a caller sees, without what differs from call to call anyway."""
    body = answer.raw.decode()
    found = json.loads(body)
    for own in (found.get("request_id"), found.get("username"), found.get("signup_token"), email):
        body = body.replace(own, "…") if own else body
    headers = sorted(item for item in answer.headers.items() if item[0] not in OF_ITS_OWN | {"Content-Length"})
    return f"{answer.status} {headers} {len(answer.headers)} {body}"


def test_the_rank_statistic_is_right() -> None:
    assert _auc([1.0, 2.0], [3.0, 4.0]) == 1.0
    assert _auc([3.0, 4.0], [1.0, 2.0]) == 0.0
    assert _auc([1.0, 4.0], [2.0, 3.0]) == 0.5


def test_the_distance_is_blind_to_drift_and_sees_a_shift() -> None:
    drifting = [1.0, 2.0, 1.0, 4.0, 1.0]
    assert _apart(drifting, drifting[::-1]) == 0.0
    assert _apart(drifting, [1.1 * value for value in drifting]) == pytest.approx(0.1)
