"""The service with a certificate of its own, on both servers: people sign in over https, and no handshake holds it up."""

import http.client
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.attacks import doors
from tests.attacks.town import wait_for
from tests.parts.authority import Authority
from tests.parts.load import workers
from tests.parts.ports import LOOPBACK
from tests.parts.service import Service
from tests.parts.smtp import MailServer

SLOW = 40
ENDED_WITHIN = 35
HEAD = f"POST /login HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=["gunicorn", "granian"])
def door(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    smtp: dict[str, str],
    mail_server: MailServer,
) -> Iterator[Service]:
    """One worker of four threads, without a proxy before it."""
    mail_server.clear()
    uri = f"sqlite:///{tmp_path_factory.mktemp('own') / 'own.db'}"
    certificate = authority.issue("service", LOOPBACK)
    files = {"TLS_CERT_FILE": str(certificate.chain), "TLS_KEY_FILE": str(certificate.key)}
    own = {"SERVER": str(request.param), "WEB_CONCURRENCY": "1", "WEB_THREADS": "4", "FORCE_HTTPS": "true"}
    with Service(doors.environment_of(uri, smtp) | doors.PRODUCTION | own | files, ca_file=authority.ca_file) as running:
        doors.account(running, mail_server, "ada")
        yield running


def test_people_sign_in_over_https_without_a_proxy(door: Service) -> None:
    answer = doors.login(door, "ada")
    assert answer.status == 200, "FORCE_HTTPS would refuse it over http"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert "max-age=31536000" in headers["strict-transport-security"]
    assert doors.call(door, "GET", "/profile", token=answer.json["access_token"]).json["username"] == "ada"


def test_plain_http_gets_no_answer_of_the_app(door: Service) -> None:
    """/healthz would answer over http where the service speaks it."""
    for path in ("/healthz", "/profile"):
        before = door.output
        with pytest.raises((http.client.HTTPException, OSError)):
            doors.call(http.client.HTTPConnection(LOOPBACK, door.port, timeout=30), "GET", path)
        assert "Traceback" not in door.output.removeprefix(before)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
@pytest.mark.parametrize(("version", "taken"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
def test_tls_is_1_2_or_newer(door: Service, authority: Authority, version: str, taken: bool) -> None:
    context = ssl.create_default_context(cafile=authority.ca_file)
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would not ask by 1.1
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with socket.create_connection((LOOPBACK, door.port), timeout=30) as line:
        if taken:
            with context.wrap_socket(line, server_hostname=LOOPBACK) as spoken:
                assert (spoken.cipher() or ("",))[0].startswith(("ECDHE-", "TLS_"))
        else:
            with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
                context.wrap_socket(line, server_hostname=LOOPBACK)


def test_a_client_of_another_authority_does_not_speak_to_it(door: Service, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _shown(door, Authority(tmp_path))


def test_sighup_serves_a_renewed_certificate_and_refuses_one_that_does_not_fit(door: Service, authority: Authority) -> None:
    first = _shown(door, authority)
    renewed = authority.issue("service", LOOPBACK)
    assert _shown(door, authority) == first, "until it is told"
    _reload(door)
    second = _shown(door, authority)
    assert second != first
    whole = renewed.key.read_bytes()
    renewed.key.write_bytes(authority.issue("stranger", LOOPBACK).key.read_bytes())
    os.kill(door.pid, signal.SIGHUP)
    wait_for(lambda: "not reloaded" in door.output, 60)
    assert "does not fit TLS_KEY_FILE" in door.output
    assert _shown(door, authority) == second
    renewed.key.write_bytes(whole)


def _reload(door: Service) -> None:
    old = workers(door)
    os.kill(door.pid, signal.SIGHUP)
    wait_for(lambda: bool(now := workers(door)) and not now & old, 60)


def _shown(door: Service, authority: Authority) -> bytes | None:
    context = ssl.create_default_context(cafile=authority.ca_file)
    line = socket.create_connection((LOOPBACK, door.port), timeout=30)
    with context.wrap_socket(line, server_hostname=LOOPBACK) as spoken:
        return spoken.getpeercert(binary_form=True)


def _hello(authority: Authority) -> bytes:
    """What a client says first."""
    said = ssl.MemoryBIO()
    speaker = ssl.create_default_context(cafile=authority.ca_file).wrap_bio(ssl.MemoryBIO(), said, server_hostname=LOOPBACK)
    with suppress(ssl.SSLWantReadError):
        speaker.do_handshake()
    return said.read()


def _plainly(*sent: bytes) -> Callable[[Service, Authority], socket.socket]:
    def opened(door: Service, authority: Authority) -> socket.socket:
        line = socket.create_connection((LOOPBACK, door.port), timeout=ENDED_WITHIN)
        line.sendall(b"".join(sent))
        return line

    return opened


def _by_tls(sent: bytes) -> Callable[[Service, Authority], socket.socket]:
    def opened(door: Service, authority: Authority) -> socket.socket:
        context = ssl.create_default_context(cafile=authority.ca_file)
        line = context.wrap_socket(_plainly()(door, authority), server_hostname=LOOPBACK)
        line.sendall(sent)
        return line

    return opened


SILENT: dict[str, Callable[[Service, Authority], socket.socket]] = {
    "no hello": _plainly(),
    "half a hello": lambda door, authority: _plainly(_hello(authority)[:100])(door, authority),
    "a hello and no more": lambda door, authority: _plainly(_hello(authority))(door, authority),
    "a handshake and no more": _by_tls(b""),
    "half a body": _by_tls(HEAD.encode()),
}


@pytest.mark.parametrize("what", SILENT)
def test_forty_connections_that_stop_on_the_way_keep_nobody_waiting_for_long(
    door: Service, authority: Authority, what: str
) -> None:
    with ExitStack() as stack:
        open_lines = [stack.enter_context(SILENT[what](door, authority)) for _ in range(SLOW)]
        began = time.monotonic()
        waited = _until_answered(door) - began
        for line in open_lines:
            with suppress(OSError):
                while line.recv(65536):
                    pass
        ended = time.monotonic() - began
    print(f"\n{SLOW} with {what}: /healthz answers after {waited:.1f} s, the last connection is closed after {ended:.1f} s")
    assert waited < (ENDED_WITHIN if what == "half a body" else 8), "a handshake takes no thread"
    assert ended < ENDED_WITHIN


def _until_answered(door: Service) -> float:
    """When /healthz answered. granian closes what waits beside an overdue body: a client asks again."""
    while True:
        with suppress(http.client.RemoteDisconnected, ConnectionResetError, ssl.SSLEOFError):
            assert doors.call(doors.connected(door, ENDED_WITHIN), "GET", "/healthz").status == 200
            return time.monotonic()
