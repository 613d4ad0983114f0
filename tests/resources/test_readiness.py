"""`/readyz`: whether the parts that the service needs answer, told in bounded time."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import refuse_or_skip, start_database
from tests.parts.missing import Missing
from tests.parts.ports import LOOPBACK, free_port
from tests.parts.redis import redis
from tests.people import document_of
from tests.resources.conftest import Door, app_with

Build = Callable[..., Door]
OK = (200, {"status": "ok", "failing": []})
DEGRADED = (200, {"status": "degraded", "failing": ["redis"]})


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of somebody who takes connections, and says nothing."""
    with closing(socket.create_server((LOOPBACK, 0))) as listener:
        yield listener.getsockname()[1]


def told(door: Door) -> tuple[int, object]:
    answer = door.get("/readyz")
    return answer.status_code, answer.get_json()


def test_all_is_well_where_all_answers(door: Door) -> None:
    assert told(door) == OK


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_database_that_is_gone_makes_it_unready(tmp_path: Path, door: Door, engine: str) -> None:
    with ExitStack() as stack:
        uri = start_database(stack, engine, tmp_path)
        app = app_with(tmp_path / "unused.db", SQLALCHEMY_DATABASE_URI=uri)
        there = Door(app, door.mail_server)
        there.open()
        assert told(there) == OK
    time.sleep(1.1)  # for so long the last answer is good
    answer = there.get("/readyz")
    problem = answer.get_json()
    assert (answer.status_code, problem["code"], problem["failing"]) == (503, "unavailable", ["database"])
    assert int(answer.headers["Retry-After"]) > 0
    assert there.get("/healthz").status_code == 200


@pytest.mark.alone
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_database_that_says_nothing_is_not_waited_for(tmp_path: Path, door: Door, silent: int, engine: str) -> None:
    app = app_with(tmp_path / "unused.db", SQLALCHEMY_DATABASE_URI=f"{engine}://nobody@{LOOPBACK}:{silent}/nothing")
    hung = Door(app, door.mail_server)
    document_of(app)  # every answer is held against it
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: hung.get("/readyz").status_code, range(16)))
    taken = time.monotonic() - began
    print(f"\n[{engine}] sixteen ask while the database hangs: answered in {taken:.1f} s")
    assert answers == [503] * 16
    assert taken < 5


def test_without_redis_it_is_degraded(build: Build, tmp_path: Path) -> None:
    port = free_port()
    door = build(RATELIMIT_STORAGE_URI=f"redis://:sesame@{LOOPBACK}:{port}/0")
    assert told(door) == DEGRADED
    assert told(build(RATELIMIT_STORAGE_URI=f"redis://{LOOPBACK}:{port}/0", RATELIMIT_ENABLED="false")) == OK
    with ExitStack() as stack:
        try:
            there = build(RATELIMIT_STORAGE_URI=stack.enter_context(redis(tmp_path)))
        except Missing as missing:
            refuse_or_skip(missing)
        assert told(there) == OK


@pytest.mark.alone
def test_a_silent_redis_is_waited_for_once_and_limits_hold_meanwhile(build: Build, silent: int) -> None:
    door = build(RATELIMIT_STORAGE_URI=f"redis://{LOOPBACK}:{silent}/0", RATELIMIT_DEFAULT="3 per hour")
    document_of(door.app)  # every answer is held against it
    taken, statuses = [], []
    for _ in range(6):
        began = time.monotonic()
        statuses.append(door.get("/profile").status_code)
        taken.append(time.monotonic() - began)
    print(f"\nsix calls while Redis hangs: {', '.join(f'{seconds * 1000:.0f} ms' for seconds in taken)}")
    assert statuses == [401, 401, 401, 429, 429, 429]
    assert 0.25 < taken[0] < 1
    assert max(taken[1:]) < 0.25
    assert told(door) == DEGRADED
