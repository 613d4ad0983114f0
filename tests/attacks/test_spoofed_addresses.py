"""A client that makes up a new address for each try, straight at the service and through one and two real proxies."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.doors import call
from tests.conftest import refuse_or_skip
from tests.parts.missing import Missing
from tests.parts.nginx import hop, nginx
from tests.parts.ports import LOOPBACK, free_port

TRIES, LIMIT = 100, 7
NEIGHBOUR = "127.0.0.7"
"""Another client: every address of 127.0.0.0/8 is this machine's own on Linux."""
Way = Callable[[str], http.client.HTTPConnection]


@pytest.fixture(params=[0, 1, 2])
def way(request: pytest.FixtureRequest, smtp: dict[str, str], tmp_path: Path) -> Iterator[Way]:
    """How a client at an address comes in; `TRUSTED_PROXIES` says how many proxies there are on the way."""
    port, proxies = free_port(), int(request.param)
    limits = {"RATELIMIT_DEFAULT": f"{LIMIT} per hour", "TRUSTED_PROXIES": str(proxies), "PORT": str(port)}
    with ExitStack() as stack:
        stack.enter_context(doors.service(f"sqlite:///{tmp_path / 'spoofed.db'}", smtp, **limits))
        if proxies == 0:
            yield lambda source: http.client.HTTPConnection(LOOPBACK, port, timeout=30, source_address=(source, 0))
            return
        try:
            inner = stack.enter_context(hop(tmp_path / "hop", port)) if proxies == 2 else port
            front = stack.enter_context(nginx(tmp_path / "nginx", inner))
        except Missing as missing:
            refuse_or_skip(missing)
        yield lambda source: front.connection(source=source)


def test_a_new_spoofed_address_for_each_try_wins_nothing(way: Way, request: pytest.FixtureRequest) -> None:
    answers = [call(way(LOOPBACK), "GET", "/profile", headers=_made_up(number)) for number in range(TRIES)]
    served = [answer.status for answer in answers].count(401)
    print(f"\n{request.node.callspec.params['way']} proxies: {served} of {TRIES} tries served, the limit is {LIMIT}")
    assert (served, {answer.code for answer in answers[LIMIT:]}) == (LIMIT, {"rate_limited"})
    assert call(way(NEIGHBOUR), "GET", "/profile").status == 401, "a neighbour has a limit of their own"


def _made_up(number: int) -> dict[str, str]:
    """An address in every header that some server believes, in every shape."""
    address = f"198.51.100.{number}" if number % 3 else f"2001:db8:{number}::1"
    shapes = [address, f"{address}, {address}", f"{address}, {LOOPBACK}", f"unknown, {address},", f'"[{address}]:4711"']
    return {
        "X-Forwarded-For": shapes[number % len(shapes)],
        "X_Forwarded_For": address,
        "x-forwarded-for_": address,
        "X-Real-IP": address,
        "X-Client-IP": address,
        "True-Client-IP": address,
        "CF-Connecting-IP": address,
        "Forwarded": f'for="{address}"',
    }
