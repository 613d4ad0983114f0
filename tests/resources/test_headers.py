"""Headers: request ids, caching, allowed methods, other origins, and names that a caller makes up."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.resources.conftest import Door
from tests.resources.problem import code_of

Build = Callable[..., Door]
APP, FRONT = "https://app.example.org", "https://front.example.org"
ORIGINS = {"CORS_ORIGINS": f"{APP},http://localhost:3000", "FRONTEND_URL": f"{FRONT}/home"}
HOSTILE = [
    "https://evil.example",
    "null",
    "file://",
    "http://app.example.org",
    "https://app.example.org:444",
    "https://app.example.org.evil.example",
    "https://evil-app.example.org",
    "https://xapp.example.org",
    "https://appxexample.org",
    "https://app.example.orgx",
    "https://sub.app.example.org",
    "https://example.org",
    "https://app.example.org@evil.example",
    "https://app.example.org/",
    "https://app.example.org/path",
    "https://app.example.org%60.evil.example",
    "https://app.example.org, https://evil.example",
    "http://localhost:3001",
    "http://localhost",
    "https://front.example.org.evil.example",
    "https://front.example.org/home",
    "*",
    ".*",
    " https://evil.example",
]
HOSTS = ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1:5000@evil.example", "localhost", "[::1]"]


@pytest.mark.parametrize("given", ["abc", "A-1.b_2", "0" * 64])
def test_a_plain_request_id_is_kept(door: Door, given: str) -> None:
    for path in ("/healthz", "/profile", "/nowhere"):
        assert door.get(path, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "0" * 65, "<script>", "a;b", "ä", "a,b", "../x", "{}", "a\tb"])
def test_any_other_request_id_is_replaced(door: Door, given: str) -> None:
    first, second = (door.get("/profile", headers={"X-Request-ID": given}).headers["X-Request-ID"] for _ in range(2))
    assert given not in (first, second)
    assert first != second
    assert len(first) == 36


def test_every_answer_with_tokens_or_personal_data_is_never_stored(door: Door) -> None:
    door.account()
    signed_in = door.login()
    access, refresh = signed_in.get_json()["access_token"], signed_in.get_json()["refresh_token"]
    answers = [signed_in, door.get("/profile", access), door.put("/profile", {}, access), door.post("/refresh", token=refresh)]
    answers += [
        door.get("/profile"),
        door.sign_up("eve", "eve@example.org"),
        door.get("/confirm/x", headers={"Accept": "text/html"}),
    ]
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize(
    "path", ["/signup", "/login", "/refresh", "/logout", "/profile", "/resend-confirmation", "/healthz", "/", "/openapi.json"]
)
def test_a_wrong_method_is_told_the_right_ones(door: Door, path: str) -> None:
    allowed = set(door.ask("OPTIONS", path).headers["Allow"].split(", "))
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"} - allowed:
        answer = door.ask(method, path)
        assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/signup/",
        "/profile/x",
        "/confirm/",
        "/confirm/a/b",
        "/Signup",
        "/%00",
        "/static/x",
        "/..%2fapp.py",
        "/\u2603",
    ],
)
def test_an_unknown_path_is_a_problem_of_its_own(door: Door, path: str) -> None:
    for method in ("GET", "POST"):
        answer = door.app.test_client().open(path, method=method)
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


def ask(door: Door, origin: str, method: str = "GET", path: str = "/profile", **headers: str) -> TestResponse:
    return door.ask(method, path, headers={"Origin": origin, "Cookie": "a=b"} | headers)


@pytest.mark.parametrize("origin", HOSTILE)
def test_a_hostile_origin_is_never_reflected(build: Build, origin: str) -> None:
    door = build(**ORIGINS)
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}
    for answer in (
        ask(door, origin),
        ask(door, origin, path="/healthz"),
        ask(door, origin, "POST", "/login"),
        ask(door, origin, "OPTIONS", **preflight),
    ):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("origin", [APP, "https://evil.example", None])
def test_no_cache_may_give_one_origins_answer_to_another(build: Build, origin: str | None) -> None:
    door = build(**ORIGINS)
    for path in ("/profile", "/healthz", "/docs/start.js", "/nowhere"):
        answer = door.get(path, headers={"Origin": origin} if origin else {})
        assert "Origin" in answer.headers.get("Vary", "")


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000", FRONT])
def test_an_allowed_origin_may_read_answers_and_errors_too(build: Build, origin: str) -> None:
    door = build(**ORIGINS, RATELIMIT_DEFAULT="3 per hour")
    answers = [ask(door, origin, path=path) for path in ("/healthz", "/profile", "/nowhere")]
    answers += [
        ask(door, origin, "POST", "/login"),
        ask(door, origin, "DELETE", "/signup"),
        *(ask(door, origin) for _ in range(3)),
    ]
    assert {answer.status_code for answer in answers} == {200, 401, 404, 422, 405, 429}
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]
        exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert exposed >= {"Retry-After", "X-Request-ID", "WWW-Authenticate", "Session-Idle-Expires"}
        assert exposed >= {f"X-RateLimit-{name}" for name in ("Limit", "Remaining", "Reset")}


def test_a_preflight_names_what_may_be_sent(build: Build) -> None:
    door = build(**ORIGINS)
    wanted = "authorization, content-type, x-csrf-token, x-token-location, x-request-id"
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": wanted}
    answer = ask(door, APP, "OPTIONS", **asked)
    assert answer.status_code in (200, 204)
    assert {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")} >= set(wanted.split(", "))
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    secret = asked | {"Access-Control-Request-Headers": "x-secret"}
    assert "x-secret" not in ask(door, APP, "OPTIONS", **secret).headers.get("Access-Control-Allow-Headers", "").lower()


@pytest.mark.parametrize("location", ["cookies", "headers,cookies"])
def test_only_an_allowed_origin_may_use_the_cookies(build: Build, location: str) -> None:
    door = build(**ORIGINS, JWT_TOKEN_LOCATION=location)
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,x-csrf-token"}
    for origin in (APP, FRONT):
        for answer in (ask(door, origin), ask(door, origin, "POST", "/login"), ask(door, origin, "OPTIONS", **preflight)):
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    for origin in HOSTILE:
        for answer in (ask(door, origin), ask(door, origin, "POST", "/login"), ask(door, origin, "OPTIONS", **preflight)):
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]


def test_every_origin_may_call_without_cookies_and_never_with_them(build: Build) -> None:
    answer = ask(build(CORS_ORIGINS="*"), APP)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_without_settings_no_origin_may_read(build: Build) -> None:
    for origin in (APP, "http://127.0.0.1:5000", "null"):
        assert "Access-Control-Allow-Origin" not in ask(build(), origin).headers


def test_an_ipv6_origin_is_taken_as_it_stands(build: Build) -> None:
    door = build(CORS_ORIGINS="http://[::1]:3000")
    assert ask(door, "http://[::1]:3000").headers.get("Access-Control-Allow-Origin") == "http://[::1]:3000"
    assert "Access-Control-Allow-Origin" not in ask(door, "http://1:3000").headers


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://App.Example.org", "https://app.example.org"),
        ("HTTPS://app.example.org", "https://app.example.org"),
        ("https://app.example.org:443", "https://app.example.org"),
        ("http://app.example.org:80", "http://app.example.org"),
        ("http://app.example.org:443", "http://app.example.org:443"),
        ("https://app.example.org:08443", "https://app.example.org:8443"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("https://MÜNCHEN.example", "https://xn--mnchen-3ya.example"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("tauri://localhost", "tauri://localhost"),
    ],
)
def test_an_origin_is_compared_in_the_form_that_browsers_send(build: Build, written: str, sent: str) -> None:
    listed, front = build(CORS_ORIGINS=f"https://other.example.org,{written}"), None
    if written.lower().startswith("http"):
        front = build(FRONTEND_URL=f"{written}/home", JWT_TOKEN_LOCATION="cookies")
    for door in filter(None, (listed, front)):
        assert ask(door, sent).headers.get("Access-Control-Allow-Origin") == sent
        for stranger in ("https://strasse.example", "http://localhost", "https://localhost", f"{sent}.evil.example"):
            assert "Access-Control-Allow-Origin" not in ask(door, stranger).headers


def test_a_preflight_allows_tracing_and_the_headers_of_the_setting(build: Build) -> None:
    wanted = "traceparent, x-client-version, x-tenant"
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": wanted}

    def allowed(door: Door) -> set[str]:
        answer = ask(door, APP, "OPTIONS", **asked)
        return set(answer.headers.get("Access-Control-Allow-Headers", "").lower().split(", "))

    assert allowed(build(**ORIGINS)) & set(wanted.split(", ")) == {"traceparent"}
    assert allowed(build(**ORIGINS, CORS_HEADERS="X-Client-Version,X-Tenant")) >= set(wanted.split(", "))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("proxies", ["0", "1"])
def test_a_made_up_host_never_reaches_a_mail_or_an_answer(build: Build, host: str, proxies: str) -> None:
    door = build(BASE_URL="https://auth.example.org", TRUSTED_PROXIES=proxies)
    names = ("Host", "X-Forwarded-Host", "X-Host", "X-Original-Host", "X-Forwarded-Server", "Forwarded-Host")
    headers = dict.fromkeys(names, host) | {"Forwarded": f"host={host};proto=http", "X-Forwarded-Proto": "http"}
    body = {"username": "ada", "email": "ada@example.org", "password": "correct-horse-battery"}
    door.post("/signup", body, headers=headers)
    door.post("/signup", body | {"username": "bea"}, headers=headers | {"Host": "auth.example.org"})
    door.post("/resend-confirmation", {"email": "ada@example.org"}, headers=headers)
    mails = door.mail_to("ada@example.org")
    assert mails
    assert all(link.startswith("https://auth.example.org/") for mail in mails for link in mail.links)
    assert not any("evil.example" in part for mail in mails for part in (mail.text, mail.html, mail.subject))
    refused = door.get("/profile", headers={**headers, "Host": "auth.example.org"})
    assert refused.get_json()["type"].startswith("https://auth.example.org/problems/")
