"""Four processes start at once on an empty database: all come up, and one of them migrates."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from schema import of_code
from tests.attacks import doors
from tests.attacks.doors import freed
from tests.parts.service import Service

COUNT = 4
STEP = re.compile(r"the database is now at revision (\w+)")


@pytest.fixture
def four(uri: str, smtp: dict[str, str]) -> Iterator[list[Service]]:
    with ExitStack() as stack:
        made = [doors.service(uri, smtp, BASE_URL="http://127.0.0.1:5000") for _ in range(COUNT)]
        for door in made:
            stack.callback(door.stop)
        yield made


def test_four_start_at_once_and_one_migrates(four: list[Service], uri: str, kind: str) -> None:
    freed(COUNT, lambda index: four[index].start)
    steps = [STEP.findall(door.output) for door in four]
    print(f"\n[{kind}] {COUNT} started at once: steps run by each {[len(each) for each in steps]}, of {len(of_code())}")
    assert sorted(step for each in steps for step in each) == sorted(of_code()), "each step once"
    assert sum(bool(each) for each in steps) == 1
    assert {doors.call(door, "GET", "/readyz").status for door in four} == {200}
    assert doors.look(uri, "SELECT version_num FROM alembic_version") == [(of_code()[0],)]
