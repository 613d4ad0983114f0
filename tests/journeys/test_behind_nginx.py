"""Two workers behind a real nginx that runs the configuration we ship: what only shows with a proxy between."""

import base64
import http.client
import json
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from playwright.sync_api import Browser, expect

from tests.attacks import doors
from tests.attacks.doors import Answer, call
from tests.conftest import start_database
from tests.parts import images, provider
from tests.parts.nginx import Fronted
from tests.parts.ports import LOOPBACK
from tests.parts.provider import Provider
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.visitors import settings_of

MIB = 1024 * 1024
NEW_PASSWORD = "nine-purple-lanterns"
ELSEWHERE = "127.0.0.7"
"""Another client: every address of 127.0.0.0/8 is this machine's own on Linux."""
SLOW = 20
HSTS = "Strict-Transport-Security"
STRONG = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]
WEAK = ["AES128-GCM-SHA256", "AES256-SHA", "AES256-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384"]
WEAK += ["DHE-RSA-AES128-GCM-SHA256", "CAMELLIA256-SHA"]


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with provider.mock(tmp_path_factory.mktemp("google"), "eve") as running:
        yield running


@pytest.fixture(scope="module")
def door(
    google: Provider, smtp: dict[str, str], mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fronted]:
    folder = tmp_path_factory.mktemp("behind-nginx")
    mail_server.clear()
    with ExitStack() as stack:
        uri = start_database(stack, "postgresql", folder)
        more = settings_of(google.discovery_url) | {"WEB_THREADS": "2", "JWT_TOKEN_LOCATION": "headers,cookies"}
        started = stack.enter_context(doors.behind_nginx(uri, smtp, folder, **more))
        for name in ("ada", "bea", "cyd"):
            doors.account(started, mail_server, name)
        yield started


@pytest.fixture
def access(door: Fronted) -> str:
    return str(doors.login(door, "ada").json["access_token"])


def test_every_mailed_link_is_at_the_public_address(door: Fronted, mail_server: MailServer) -> None:
    hostile = {
        "Host": "evil.example.org",
        "X-Forwarded-Host": "evil.example.org",
        "Forwarded": "host=evil.example.org;proto=http",
    }
    mail_server.clear()
    assert call(door, "POST", "/forgot-password", {"email": "cyd@example.org"}, headers=hostile).status == 202
    mail = mail_server.wait_to("cyd@example.org")[0]
    assert mail.links
    assert all(link.startswith(f"{door.url}/") for link in mail.links)
    reset = call(door, "POST", doors.path_of(mail.links[0]), {"password": NEW_PASSWORD})
    assert (reset.status, doors.login(door, "cyd", NEW_PASSWORD).status) == (200, 200)


def test_a_page_works_in_a_browser_over_https(door: Fronted, browser: Browser, mail_server: MailServer) -> None:
    """Some CSRF checks want a Referer, which our pages do not send, or a cookie, which many mail programs' browsers block."""
    mail_server.clear()
    assert doors.sign_up(door, "dot", "dot@example.org").status == 201
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(mail_server.wait_to("dot@example.org")[0].links[0])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_contain_text("Confirmed")
    assert context.cookies() == []
    context.close()
    assert doors.login(door, "dot").status == 200


def test_tokens_travel_by_cookies_that_no_plain_connection_sends(door: Fronted) -> None:
    body, wanted = {"username": "ada", "password": PASSWORD}, {"X-Token-Location": "cookies"}
    line = door.connection()
    line.request("POST", "/login", json.dumps(body), wanted | {"Content-Type": "application/json"})
    answer = line.getresponse()
    said, cookies = json.load(answer), answer.headers.get_all("Set-Cookie", [])
    assert len(cookies) == 2
    assert all(cookie.startswith("__Host-") and "; Secure" in cookie and "; HttpOnly" in cookie for cookie in cookies)
    sent = {"Cookie": "; ".join(cookie.partition(";")[0] for cookie in cookies)}
    assert call(door, "GET", "/profile", headers=sent).json["username"] == "ada"
    assert call(door, "POST", "/logout", headers=sent).code == "csrf_failed"
    assert call(door, "POST", "/logout", headers=sent | {"X-CSRF-TOKEN": said["csrf_access_token"]}).status == 200


def test_a_provider_sends_people_back_to_the_public_address(door: Fronted, google: Provider) -> None:
    left = call(door, "GET", "/auth/google", headers=doors.BROWSER)
    assert left.status == 302
    back = google.sign_in(left.headers["Location"], "eve")
    assert back.startswith(f"{door.url}/auth/google/callback?")
    cookie = left.headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    signed_in = call(door, "GET", doors.path_of(back), headers={"Cookie": cookie.partition(";")[0]})
    assert call(door, "GET", "/profile", token=signed_in.json["access_token"]).json["email"] == "eve@example.org"


def test_a_session_is_the_real_clients_whatever_it_forwards(door: Fronted) -> None:
    spoofed = {
        "X-Forwarded-For": "198.51.100.1, 198.51.100.2",
        "X_Forwarded_For": "198.51.100.3",
        "X-Real-IP": "198.51.100.4",
        "Forwarded": "for=198.51.100.5",
    }
    line = door.front.connection(source=ELSEWHERE)
    signed_in = call(line, "POST", "/login", {"username": "ada", "password": PASSWORD}, headers=spoofed)
    sessions = call(door, "GET", "/sessions", token=signed_in.json["access_token"]).json
    assert [session["ip"] for session in sessions if session["current"]] == [ELSEWHERE]


def test_the_greatest_picture_passes_and_a_greater_one_is_a_problem(door: Fronted, access: str) -> None:
    began = time.monotonic()
    passed = _puts(door, access, 16 * MIB)
    print(f"\n16 MiB through nginx: {passed.status} after {time.monotonic() - began:.1f} s")
    assert passed.status == 200, passed.raw
    picture = passed.json["profile_picture"]
    assert picture.startswith(f"{door.url}/uploads/profile_pictures/")
    assert call(door, "GET", doors.path_of(picture), token=access).headers["Content-Type"] == "image/png"
    for size in (16 * MIB + 1, 30 * MIB):
        refused = _puts(door, access, size)
        assert (refused.status, refused.code) == (413, "payload_too_large")
        _is_a_problem(door, refused)
    assert call(door, "GET", "/profile", token=access).json["profile_picture"] == picture


def _puts(door: Fronted, token: str, size: int) -> Answer:
    """A picture of exactly this size, in base64. An answer may come before all is sent."""
    data = images.of_size(size) if size <= 16 * MIB else bytes(size)
    body = json.dumps({"profile_picture": "data:image/png;base64," + base64.b64encode(data).decode()}).encode()
    line = door.connection(60)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        line.request("PUT", "/profile", body, headers)
    answer = line.getresponse()
    found = Answer(answer.status, dict(answer.getheaders()), answer.read())
    line.close()
    return found


def _is_a_problem(door: Fronted, answer: Answer) -> None:
    """As the service's own: RFC 9457 with our members, an id, nothing to be kept."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem = answer.json
    assert problem["type"] == f"{door.url}/problems/{answer.code}"
    assert (problem["status"], problem["request_id"]) == (answer.status, answer.headers["X-Request-ID"])
    assert {"title", "detail"} <= set(problem)
    own = call(door, "GET", "/nowhere").headers
    for name in ("X-Content-Type-Options", "Referrer-Policy", "Content-Security-Policy", "Permissions-Policy", HSTS):
        assert answer.headers[name] == own[name], "as the service's own answers have it"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ("Allow" in answer.headers, "Retry-After" in answer.headers) == (answer.status == 405, answer.status == 503)


def test_json_ends_at_64_kib_as_without_a_proxy(door: Fronted) -> None:
    body = json.dumps({"username": "ada", "password": "x" * 65536}).encode()
    for path in ("/login", "/signup"):
        refused = call(door, "POST", path, body)
        assert (refused.status, refused.code) == (413, "payload_too_large")
        _is_a_problem(door, refused)


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics", "//metrics", "/docs/../metrics", "/metrics?x=1"])
def test_metrics_are_not_shown_outside(door: Fronted, path: str) -> None:
    refused = call(door, "GET", path, headers={"Authorization": "Bearer guess"})
    assert (refused.status, refused.code) == (404, "not_found")
    _is_a_problem(door, refused)


def test_over_http_calls_are_refused_and_pages_lead_to_https(door: Fronted) -> None:
    body = {"username": "ada", "password": PASSWORD}
    for spoofed in ({}, {"X-Forwarded-Proto": "https"}, {"X_Forwarded_Proto": "https", "Forwarded": "proto=https"}):
        refused = call(door.front.plain(), "POST", "/login", body, headers=spoofed)
        assert (refused.status, refused.code) == (403, "https_required")
    page = call(door.front.plain(), "GET", "/reset-password/a?b=c", headers=doors.BROWSER | {"Host": "evil.example.org"})
    assert (page.status, page.headers["Location"]) == (308, f"{door.url}/reset-password/a?b=c")
    assert "Strict-Transport-Security" in call(door, "GET", "/docs", headers={"X-Forwarded-Proto": "http"}).headers
    assert call(door.front.plain(), "GET", "/healthz").status == 200


def test_what_nginx_cannot_read_is_a_problem_too(door: Fronted) -> None:
    for path, headers in (("/" + "a" * 9000, {}), ("/login", {"X-Long": "a" * 33000})):
        refused = call(door, "GET", path, headers=headers)
        assert (refused.status, refused.code) == (400, "malformed_json")
        _is_a_problem(door, refused)
    refused = call(door, "TRACE", "/login")
    assert (refused.status, refused.code, "POST" in refused.headers["Allow"]) == (405, "method_not_allowed", True)


def test_a_service_that_is_away_is_a_problem_that_says_when_to_come_back(door: Fronted) -> None:
    door.stop()
    try:
        for method in ("GET", "POST"):
            refused = call(door, method, "/login")
            assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "unavailable", "5")
            _is_a_problem(door, refused)
    finally:
        door.start()
    assert doors.login(door, "ada").status == 200


def test_one_request_has_one_id_everywhere_and_no_log_holds_a_secret(door: Fronted) -> None:
    own = "a-short.token_7"
    assert call(door, "GET", "/healthz", headers={"X-Request-ID": own}).headers["X-Request-ID"] == own
    made = call(
        door, "POST", "/confirm/not-a-real-secret?also=secret", headers={"Referer": f"{door.url}/reset-password/secret"}
    )
    long = call(door, "GET", "/healthz", headers={"X-Request-ID": "a" * 65}).headers["X-Request-ID"]
    assert len(long) == 32
    for known in (own, made.headers["X-Request-ID"], long):
        _wait_for(known, lambda: door.front.log)
        _wait_for(known, lambda: door.output)
    assert '"POST /confirm" 400' in door.front.log
    assert "secret" not in door.front.log


def test_slow_clients_hold_no_thread_of_the_service(door: Fronted) -> None:
    """The control: straight to the service, slow clients hold the threads, and others wait in vain."""
    with _slow_clients(door.port):
        direct = (http.client.HTTPConnection(LOOPBACK, door.port, timeout=1) for _ in range(12))
        assert any(_seconds_to_answer(line) is None for line in direct)
    with _slow_clients(door.front.port, door):
        taken = [_seconds_to_answer(door.connection(5)) for _ in range(10)]
    print(f"\n{SLOW} clients at 1 byte/s: others wait at most {max(one or 99 for one in taken):.2f} s")
    assert None not in taken


def _wait_for(text: str, log: Callable[[], str]) -> None:
    """A line is written once the answer has left, and a mail comes when it comes."""
    deadline = time.monotonic() + 60
    while text not in log():
        assert time.monotonic() < deadline, f"{text} is not in {log()}"
        time.sleep(0.02)


@contextmanager
def _slow_clients(port: int, door: Fronted | None = None) -> Iterator[None]:
    """Half of them drip their headers, half a body, one byte a second, for two seconds before others come."""
    head = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n"
    with ExitStack() as stack:
        lines = []
        for number in range(SLOW):
            line = stack.enter_context(socket.create_connection((LOOPBACK, port), 5))
            if door:
                line = stack.enter_context(_over_tls(door, line))
            line.sendall(head + (b"\r\n{" if number % 2 else b"X-Slow: "))
            lines.append(line)
        for _ in range(2):
            time.sleep(1)
            for line in lines:
                line.sendall(b" ")
        yield


def _over_tls(door: Fronted, line: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    door.front.ca.configure_trust(context)
    return context.wrap_socket(line, server_hostname="localhost")


def _seconds_to_answer(line: http.client.HTTPConnection) -> float | None:
    began = time.monotonic()
    try:
        line.request("GET", "/healthz")
        return time.monotonic() - began if line.getresponse().status == 200 else None
    except OSError:
        return None
    finally:
        line.close()


def test_an_account_is_deleted_and_brought_back_through_nginx(door: Fronted, mail_server: MailServer) -> None:
    mail_server.clear()
    access = doors.login(door, "bea").json["access_token"]
    assert call(door, "DELETE", "/profile", {"password": PASSWORD}, access).status == 204
    assert doors.login(door, "bea").code == "account_inactive"
    _wait_for("/undo/", lambda: " ".join(_links(mail_server, "bea@example.org")))
    (undo,) = [link for link in _links(mail_server, "bea@example.org") if "/undo/" in link]
    assert undo.startswith(f"{door.url}/")
    assert call(door, "POST", doors.path_of(undo)).status == 200
    _wait_for("/reset-password/", lambda: " ".join(_links(mail_server, "bea@example.org")))
    (reset,) = [link for link in _links(mail_server, "bea@example.org") if "/reset-password/" in link]
    assert call(door, "POST", doors.path_of(reset), {"password": PASSWORD}).status == 200
    assert doors.login(door, "bea").status == 200


def _links(mail_server: MailServer, address: str) -> list[str]:
    return [link for mail in mail_server.messages if address in mail.recipients for link in mail.links]


def _agreed(door: Fronted, cipher: str, version: ssl.TLSVersion) -> str | None:
    """The suite that nginx takes from a client that offers this one only; None where they do not agree."""
    context = ssl.create_default_context()
    door.front.ca.configure_trust(context)
    context.minimum_version = context.maximum_version = version
    if cipher:
        context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    try:
        with (
            socket.create_connection((LOOPBACK, door.front.port), 5) as line,
            context.wrap_socket(line, server_hostname="localhost") as safe,
        ):
            return str((safe.cipher() or ("",))[0])
    except (ssl.SSLError, ConnectionResetError):
        return None


def test_tls_has_forward_secrecy_and_authenticated_encryption_only(door: Fronted) -> None:
    known = {cipher["name"] for cipher in ssl.create_default_context().get_ciphers()}
    assert [_agreed(door, name, ssl.TLSVersion.TLSv1_2) for name in STRONG] == STRONG
    refused = {name: _agreed(door, name, ssl.TLSVersion.TLSv1_2) for name in WEAK}
    print(f"\n{len(known)} suites known; refused of {len(WEAK)} weak ones: {sum(one is None for one in refused.values())}")
    assert refused == dict.fromkeys(WEAK)
    assert str(_agreed(door, "", ssl.TLSVersion.TLSv1_3)).startswith("TLS_")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            assert _agreed(door, "ALL", old) is None
