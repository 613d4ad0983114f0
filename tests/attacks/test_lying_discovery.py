"""A provider that cannot be reached, is somebody else, or names addresses that nobody should be asked at."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from services import bounded_http, openid, provider_http
from tests.parts.hostile_provider import DISCOVERY, Fault, Realm, hostile_provider, send
from tests.parts.listener import certified
from tests.parts.ports import LOOPBACK, free_port
from tests.parts.smtp import MailServer
from tests.people import House, document_of
from tests.resources.conftest import Door, door_with
from tests.visitors import Visitor, ada, set_up

GONE = object()
ADDRESSES: list[object] = [
    *(
        GONE,
        None,
        "",
        5,
        [],
        "/token",
        "//127.0.0.1/token",
        "file:///etc/passwd",
        "ftp://127.0.0.1/token",
        "javascript:alert(1)",
    ),
    *("http://192.0.2.1/token", "http://provider.example/token", "http://127.0.0.1.evil.example/token", "https://", "data:,x"),
    *("https://provider.example/\r\nSet-Cookie: a=b", "https://provider.example/a b", "https://[::1/token", "https://a:b@c/"),
    *("https://provider.example/#fragment", "https://provider.example:99999/", "\ud800", "https://\0"),
]
ISSUERS = ["https://evil.example", "{}/other", "", None, 5, "{}#", "http://127.0.0.1", ["{}"]]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer, smtp: dict[str, str]) -> Door:
    return door_with(tmp_path_factory.mktemp("discovery"), mail_server, smtp, SQLITE_SYNCHRONOUS="NORMAL")


@pytest.fixture
def door(standing: Door) -> Door:
    standing.empty()
    return standing


@pytest.fixture
def realm() -> Iterator[Realm]:
    openid._kept.clear()
    with hostile_provider() as provider:
        yield provider.realm()


def refused(house: House) -> tuple[int, str, bool]:
    """Status, code, and whether the caller is told when to come back."""
    answer = Visitor(house).open("/auth/google")
    problem = answer.get_json() if answer.mimetype == "application/problem+json" else {}
    return answer.status_code, problem.get("code", ""), "Retry-After" in answer.headers


BROKEN, DOWN = (400, "oauth_failed", False), (503, "provider_unavailable", True)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_only_addresses_that_are_safe_to_ask_are_taken(
    door: Door,
    realm: Realm,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    set_up(door, monkeypatch, realm)
    found = {}
    for address in ADDRESSES:
        honest = realm.answer(DISCOVERY, None)[1]  # type: ignore[arg-type]
        assert isinstance(honest, dict)
        realm.faults[DISCOVERY] = _publishing(
            {key: value for key, value in (honest | {name: address}).items() if value is not GONE}
        )
        openid._kept.clear()
        found[repr(address)] = refused(door)
    taken = [address for address, answer in found.items() if answer != BROKEN]
    print(f"\n{name}: {len(ADDRESSES)} addresses that are none: taken {len(taken)}")
    assert taken == ([repr(GONE)] if name == "userinfo_endpoint" else [])
    assert door.counts()["provider_visits"] == len(taken)
    realm.faults.clear()
    openid._kept.clear()
    assert Visitor(door).sign_in(realm, **ada()).status_code == 200


def _publishing(document: dict[str, object]) -> Fault:
    return lambda request: send(request, json.dumps(document).encode())


@pytest.mark.parametrize("issuer", ISSUERS)
def test_a_document_of_another_issuer_is_refused(
    door: Door,
    realm: Realm,
    monkeypatch: pytest.MonkeyPatch,
    issuer: object,
) -> None:
    set_up(door, monkeypatch, realm)
    realm.published[DISCOVERY] = {"issuer": issuer.format(realm.issuer) if isinstance(issuer, str) else issuer}
    assert refused(door) == BROKEN


def test_a_provider_that_is_not_there_is_unavailable_and_back_by_itself(
    door: Door,
    realm: Realm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_up(door, monkeypatch, Realm(f"http://{LOOPBACK}:{free_port()}/google"))
    assert refused(door) == DOWN
    set_up(door, monkeypatch, realm)
    assert Visitor(door).sign_in(realm, **ada()).status_code == 200


def test_a_provider_whose_certificate_nobody_vouches_for_is_told_nothing(
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with hostile_provider(certified(tmp_path / "authority.pem")) as provider:
        set_up(door, monkeypatch, provider.realm())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))  # of the environment's, nothing is taken
        assert refused(door) == DOWN
        assert provider.realm().asked.total() == 0


def test_a_handshake_of_one_byte_a_second_is_cut_off(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "WHOLE_SECONDS", 1.5)
    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=_drip, args=(server,), daemon=True).start()
        set_up(door, monkeypatch, Realm(f"https://{LOOPBACK}:{server.getsockname()[1]}/google"))
        began = time.monotonic()
        assert refused(door) == DOWN
        assert time.monotonic() - began < 5


def test_a_provider_that_hangs_holds_a_few_callers_and_the_rest_are_told_soon(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "SILENCE_SECONDS", 4)
    monkeypatch.setattr(provider_http, "WAIT_SECONDS", 0.5)
    with socket.create_server((LOOPBACK, 0), backlog=32) as server:  # it takes connections, and says nothing
        set_up(door, monkeypatch, Realm(f"http://{LOOPBACK}:{server.getsockname()[1]}/google"))

        document_of(door.app)  # every answer is held against it

        def taken(_: int) -> float:
            began = time.monotonic()
            assert refused(door) == DOWN
            return time.monotonic() - began

        with ThreadPoolExecutor(12) as pool:
            waits = sorted(pool.map(taken, range(12)))
    print(f"\nof 12 callers of a provider that hangs, {sum(wait > 3 for wait in waits)} waited; the rest {waits[7]:.1f} s")
    assert [wait > 3 for wait in waits] == [False] * 8 + [True] * provider_http.AT_ONCE


def _drip(server: socket.socket) -> None:
    """The head of a TLS record of 16 KiB, and then its bytes, until nobody listens any more."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        for byte in b"\x16\x03\x03\x40\x00" + bytes(20):
            connection.sendall(bytes([byte]))
            time.sleep(0.5)
