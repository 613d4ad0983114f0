"""Limits: what is counted, for whom, and how the caller is told."""

from collections.abc import Callable

import pytest
import time_machine
from werkzeug.test import TestResponse

from resources.routes import ROUTES
from services import clock
from tests.people import PASSWORD
from tests.resources.conftest import Door, heard_log

Build = Callable[..., Door]
SENSITIVE = {"/login", "/resend-confirmation"}


def statuses(door: Door, count: int, method: str = "GET", path: str = "/profile", **more: str) -> list[int]:
    return [ask(door, method, path, **more).status_code for _ in range(count)]


def ask(door: Door, method: str, path: str, peer: str = "192.0.2.1", forwarded: str = "") -> TestResponse:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return door.app.test_client().open(path, method=method, headers=headers, environ_base={"REMOTE_ADDR": peer})


def test_past_the_default_limit_the_refusal_is_a_problem_that_says_how_long_to_wait(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="3 per hour")
    assert statuses(door, 4) == [401, 401, 401, 429]
    refused = ask(door, "GET", "/profile")
    problem = refused.get_json()
    assert (refused.mimetype, problem["code"], problem["status"]) == ("application/problem+json", "rate_limited", 429)
    assert problem["request_id"] == refused.headers["X-Request-ID"]
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_the_log_does_not_name_who_was_refused(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    door = build(RATELIMIT_DEFAULT="1 per hour")
    log = heard_log(monkeypatch)
    assert statuses(door, 2) == [401, 429]
    assert "429" in log.getvalue()
    assert "192.0.2.1" not in log.getvalue()


def test_a_sensitive_route_has_its_own_limit(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="100 per hour", RATELIMIT_SENSITIVE="2 per minute")
    for path in SENSITIVE:
        assert statuses(door, 3, "POST", path) == [422, 422, 429]
    assert statuses(door, 5, "POST", "/signup") == [422] * 5


def test_a_sensitive_route_also_has_the_default_limit(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="2 per hour", RATELIMIT_SENSITIVE="100 per minute")
    for path in SENSITIVE:
        assert statuses(door, 3, "POST", path) == [422, 422, 429]


def test_exactly_the_sensitive_routes_of_the_contract_are_sensitive() -> None:
    built = {path for path, resource in ROUTES.items() if resource.sensitive}
    assert built == SENSITIVE | {
        "/forgot-password",
        "/reset-password/<string:token>",
        "/send-otp",
        "/verify-otp",
        "/reauthenticate",
        "/auth/link",
        "/auth/link/code",
    }


def test_an_empty_default_means_no_limit(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="", RATELIMIT_SENSITIVE="2 per minute")
    assert statuses(door, 60) == [401] * 60
    assert statuses(door, 3, "POST", "/login") == [422, 422, 429]


def test_both_limits_may_be_empty(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="", RATELIMIT_SENSITIVE="")
    assert statuses(door, 20, "POST", "/login") == [422] * 20


def test_the_defaults_are_fifty_an_hour_and_five_a_minute(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="200 per day;50 per hour", RATELIMIT_SENSITIVE="5 per minute")
    assert statuses(door, 51) == [401] * 50 + [429]
    assert statuses(door, 6, "POST", "/login") == [422] * 5 + [429]


def test_each_route_is_counted_by_itself(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="2 per hour")
    assert statuses(door, 3) == [401, 401, 429]
    assert statuses(door, 2, "POST", "/logout") == [401, 401]


def test_the_service_routes_and_preflights_are_never_limited(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="1 per day", RATELIMIT_SENSITIVE="1 per day")
    for path in (
        "/",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/problems/not_found",
        "/dev/mailbox",
        "/app",
        "/app/main.js",
    ):
        assert 429 not in statuses(door, 5, "GET", path)
    for path in ("/login", "/profile", "/signup", "/refresh"):
        assert 429 not in statuses(door, 5, "OPTIONS", path)
    assert ask(door, "GET", "/profile").status_code == 401


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_who_waits_as_long_as_told_is_let_in(build: Build, fraction: float) -> None:
    """Also where the window ends in the midst of a second."""
    door = build(RATELIMIT_DEFAULT="2 per 7 second")
    began = clock.now().replace(microsecond=int(fraction * 1e6))
    with time_machine.travel(began, tick=False) as traveller:
        assert statuses(door, 2) == [401] * 2
        for passed in (0.0, 0.5, 3.2, 3.2):
            traveller.shift(passed)
            refused = ask(door, "GET", "/profile")
            assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) == 1
        traveller.shift(int(refused.headers["Retry-After"]))
        assert ask(door, "GET", "/profile").status_code == 401


def test_only_429_and_503_carry_retry_after(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="5 per hour")
    for path in ("/profile", "/healthz", "/nowhere"):
        assert "Retry-After" not in ask(door, "GET", path).headers
    assert "Retry-After" not in ask(door, "POST", "/login").headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/profile"), ("POST", "/login"), ("POST", "/signup"), ("POST", "/refresh")]
)
def test_a_limited_route_says_how_much_is_left(build: Build, method: str, path: str) -> None:
    door = build(RATELIMIT_DEFAULT="9 per hour", RATELIMIT_SENSITIVE="7 per minute")
    first, second = ask(door, method, path), ask(door, method, path)
    limit = "7" if path in SENSITIVE else "9"
    assert first.headers["X-RateLimit-Limit"] == second.headers["X-RateLimit-Limit"] == limit
    assert int(second.headers["X-RateLimit-Remaining"]) == int(first.headers["X-RateLimit-Remaining"]) - 1
    assert int(first.headers["X-RateLimit-Reset"]) > 0


def test_an_unlimited_route_says_nothing_of_limits(build: Build) -> None:
    answer = ask(build(), "GET", "/healthz")
    assert not [name for name, _ in answer.headers if name.startswith("X-RateLimit")]


def test_an_ipv6_client_is_its_64_network(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="2 per hour")
    peers = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1:1:2:3:4"]
    assert [ask(door, "GET", "/profile", peer).status_code for peer in peers] == [401, 401, 429]
    assert ask(door, "GET", "/profile", "2001:db8:0:2::1").status_code == 401


def test_an_ipv4_client_counts_alone_however_it_is_written(build: Build) -> None:
    door = build(RATELIMIT_DEFAULT="2 per hour")
    peers = ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8"]
    assert [ask(door, "GET", "/profile", peer).status_code for peer in peers] == [401, 401, 429, 401]


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_spoofed_forwarding_headers_never_win_a_fresh_limit(build: Build, proxies: int) -> None:
    """Each real proxy appends the address that it saw, behind whatever the client made up."""
    door = build(RATELIMIT_DEFAULT="4 per hour", TRUSTED_PROXIES=str(proxies))
    served = 0
    for number in range(20):
        seen = [f"198.51.100.{number}", "192.0.2.9", "10.0.0.1"][: proxies + 1]
        peer = "192.0.2.9" if proxies == 0 else "10.0.0.2"
        served += ask(door, "GET", "/profile", peer, ", ".join(seen)).status_code == 401
    assert served == 4


@pytest.mark.parametrize("proxies", [1, 2])
def test_behind_trusted_proxies_each_client_counts_alone(build: Build, proxies: int) -> None:
    door = build(RATELIMIT_DEFAULT="1 per hour", TRUSTED_PROXIES=str(proxies))
    for number in range(5):
        seen = [f"192.0.2.{number}", "10.0.0.1"][:proxies]
        assert ask(door, "GET", "/profile", "10.0.0.2", ", ".join(seen)).status_code == 401


def test_without_trusted_proxies_the_recorded_address_is_the_peers(build: Build) -> None:
    door = build()
    ask(door, "POST", "/login", "192.0.2.5", "198.51.100.1")
    door.app.test_client().post(
        "/login",
        json={"username": "nobody", "password": "x"},
        headers={"X-Forwarded-For": "198.51.100.1"},
        environ_base={"REMOTE_ADDR": "192.0.2.5"},
    )
    assert {fact["ip"] for fact in door.rows("audit_facts")} == {"192.0.2.5"}


FORWARDED = {
    "203.0.113.1:1001": "203.0.113.1",
    "203.0.113.1": "203.0.113.1",
    "[2001:db8::1]:443": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:DB8:0::1]:1": "2001:db8::1",
    "2001:db8::1": "2001:db8::1",
    "[fe80::1%eth0]:80": "fe80::1",
    "[::ffff:203.0.113.7]:9000": "203.0.113.7",
    "::ffff:203.0.113.7": "203.0.113.7",
}
NO_ADDRESS = (
    *("203.0.113.1:", "203.0.113.1:http", "203.0.113.1:123456", "203.0.113:80", ":80", "[203.0.113.1]:x", "unknown", "_hidden"),
    *("[2001:db8::1", "2001:db8::1]", "[2001:db8::1]x", "[]", "[]:80", "[x]:80", "203.0.113.1:1:1", "203.0.113.1:\u0661"),
)


@pytest.mark.parametrize(("forwarded", "address"), FORWARDED.items())
def test_a_forwarded_address_may_have_a_port_and_brackets(build: Build, forwarded: str, address: str) -> None:
    door = build(RATELIMIT_DEFAULT="2 per hour", TRUSTED_PROXIES="1")
    door.account()
    headers = {"X-Forwarded-For": forwarded}
    token = door.post("/login", {"username": "ada", "password": PASSWORD}, headers=headers).get_json()["access_token"]
    assert door.get("/sessions", token).get_json()[0]["ip"] == address
    assert [ask(door, "GET", "/profile", "10.0.0.2", text).status_code for text in (forwarded, address, forwarded)] == [
        401,
        401,
        429,
    ]
    assert ask(door, "GET", "/profile", "10.0.0.2", "198.51.100.9:1001").status_code == 401, "another client has its own"


@pytest.mark.parametrize("forwarded", NO_ADDRESS)
def test_what_is_no_address_is_told_to_be_unknown(build: Build, forwarded: str) -> None:
    door = build(TRUSTED_PROXIES="1")
    headers = {"X-Forwarded-For": forwarded.encode().decode("latin-1")}
    door.post("/login", {"username": "nobody", "password": "x"}, headers=headers)
    assert {fact["ip"] for fact in door.rows("audit_facts")} == {"unknown"}


def test_clients_whose_proxy_appends_ports_are_as_many_as_they_are(build: Build) -> None:
    """A new port for each connection is no new client, and no two clients are one."""
    door = build(RATELIMIT_DEFAULT="4 per hour", TRUSTED_PROXIES="1")
    served = {
        address: [
            ask(door, "GET", "/profile", "10.0.0.2", f"{address}:{40000 + port}").status_code for port in range(10)
        ].count(401)
        for address in ("203.0.113.1", "203.0.113.2", "[2001:db8::1]", "[2001:db8:0:1::1]")
    }
    assert set(served.values()) == {4}
