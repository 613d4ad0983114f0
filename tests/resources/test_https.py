"""https where it is forced, and what every answer tells a browser not to do."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.people import BROWSER
from tests.resources.conftest import Door
from tests.resources.problem import code_of

Build = Callable[..., Door]
BASE = "https://auth.example.org"
FORCED = {"FORCE_HTTPS": "true", "BASE_URL": BASE, "TRUSTED_PROXIES": "1"}
PAGES = [
    "/",
    "/docs",
    "/confirm/some-token",
    "/reset-password/x",
    "/undo/x",
    "/not-me/x",
    "/problems/busy",
    "/auth/google?state=a",
]
CALLS = [("GET", "/profile"), ("POST", "/login"), ("DELETE", "/sessions"), ("GET", "/openapi.json")]
PROBES = ["/healthz", "/readyz"]
HSTS = "Strict-Transport-Security"


@pytest.fixture
def forced(build: Build) -> Door:
    return build(**FORCED)


def over(door: Door, scheme: str | None, method: str, path: str, **headers: str) -> TestResponse:
    """As the proxy in front passes it on."""
    forwarded = {"X-Forwarded-For": "192.0.2.1"} | ({"X-Forwarded-Proto": scheme} if scheme else {})
    return door.app.test_client().open(path, method=method, headers=forwarded | headers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_sent_on_to_https(forced: Door, path: str) -> None:
    for scheme in ("http", None):
        for method in ("GET", "HEAD"):
            answer = over(forced, scheme, method, path, Host="evil.example", **BROWSER)
            assert (answer.status_code, answer.headers["Location"]) == (308, BASE + path)
            assert HSTS not in answer.headers


@pytest.mark.parametrize(
    "path", ["/confirm/a%0d%0aSet-Cookie%3A%20a%3Db", "/confirm/%25%3f", "/problems/%C3%A9?next=%0d%0a//evil.example"]
)
def test_the_way_to_https_is_the_same_path_and_nothing_more(forced: Door, path: str) -> None:
    answer = over(forced, "http", "GET", path, **BROWSER)
    assert answer.status_code == 308
    assert answer.headers["Location"].lower() == (BASE + path).lower()
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_over_http_is_refused_and_does_nothing(forced: Door, method: str, path: str) -> None:
    for headers in ({}, BROWSER, {"User-Agent": "Mozilla/5.0", "Sec-Fetch-Mode": "cors"}):
        answer = over(forced, "http", method, path, **headers)
        assert (answer.status_code, code_of(answer)) == (403, "https_required")
        assert HSTS not in answer.headers
    assert set(forced.counts().values()) == {0}


def test_a_form_over_http_is_refused_with_a_page(forced: Door) -> None:
    answer = over(forced, "http", "POST", "/confirm/x", **BROWSER)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "https" in answer.text


def test_an_api_client_is_refused_at_a_page_too(forced: Door) -> None:
    for path in PAGES:
        assert code_of(over(forced, "http", "GET", path, Accept="application/json")) == "https_required"


def test_over_https_all_is_as_ever_and_to_be_remembered(forced: Door) -> None:
    for path, status in (("/docs", 200), ("/profile", 401), ("/nowhere", 404), ("/openapi.json", 200)):
        answer = over(forced, "https", "GET", path)
        assert (answer.status_code, answer.headers[HSTS]) == (status, "max-age=31536000; includeSubDomains")


def test_probes_are_answered_over_http(forced: Door) -> None:
    for path in PROBES:
        for scheme in ("http", "https", None):
            answer = over(forced, scheme, "GET", path)
            assert (answer.status_code, answer.headers.get(HSTS)) == (200, None)


def test_only_a_trusted_proxy_says_that_it_is_https(build: Build) -> None:
    direct = build(**FORCED | {"TRUSTED_PROXIES": "0"})
    claims = {"X-Forwarded-Ssl": "on", "X-Forwarded-Scheme": "https", "Forwarded": "proto=https", "X-Forwarded-Port": "443"}
    assert over(direct, "https", "GET", "/profile", **claims).status_code == 403
    behind = build(**FORCED)
    assert over(behind, None, "GET", "/profile", **claims).status_code == 403
    assert over(behind, "https, http", "GET", "/profile").status_code == 403, "the nearest one's word counts"
    assert over(behind, "http, https", "GET", "/profile").status_code == 401
    assert over(build(**FORCED | {"TRUSTED_PROXIES": "2"}), "https", "GET", "/profile").status_code == 401


def test_without_force_https_http_is_served_and_nothing_is_to_be_remembered(build: Build) -> None:
    door = build(BASE_URL=BASE, TRUSTED_PROXIES="1")
    for scheme in ("http", "https"):
        answer = over(door, scheme, "GET", "/profile")
        assert (answer.status_code, answer.headers.get(HSTS)) == (401, None)


def test_every_answer_tells_browsers_not_to_guess_frame_embed_or_pry(door: Door) -> None:
    for method, path in [
        *(("GET", page) for page in PAGES),
        *CALLS,
        ("GET", "/nowhere"),
        ("DELETE", "/login"),
        ("OPTIONS", "/"),
    ]:
        for headers in (BROWSER, {"Accept": "application/json"}):
            told = door.app.test_client().open(path, method=method, headers=headers).headers
            assert told["X-Content-Type-Options"] == "nosniff"
            assert told["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in told["Content-Security-Policy"]
            assert "default-src 'none'" in told["Content-Security-Policy"]
            assert "camera=()" in told["Permissions-Policy"]
            assert told["Cross-Origin-Resource-Policy"] == "same-origin"


def test_pages_are_cut_off_from_their_openers_but_redirects_are_not(door: Door) -> None:
    """A front end may open the way to a provider in a window, and hear from it."""
    policy = "Cross-Origin-Opener-Policy"
    assert door.get("/docs", headers=BROWSER).headers[policy] == "same-origin"
    assert door.get("/confirm/x", headers=BROWSER).headers[policy] == "same-origin"
    sent_on = door.get("/", headers=BROWSER)
    assert (sent_on.status_code, sent_on.headers.get(policy)) == (302, None)
