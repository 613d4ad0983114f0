"""A service that knows leaked passwords: told five hex digits and nothing more, and never waited for long."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask

from errors import ValidationFailed
from services import breaches, passwords
from tests.parts import http_faults
from tests.parts.hostile_provider import Fault, send
from tests.parts.leaks import Leaks, hash_of, service_of_leaks
from tests.people import PASSWORD
from tests.resources.conftest import app_with

QUICK = [fault for fault in (*http_faults.BROKEN, *http_faults.DOWN) if fault not in (*http_faults.SLOW, http_faults.empty)]
SLOW = [http_faults.slow_body, http_faults.slow_head, http_faults.silence]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Leaks]]:
    with service_of_leaks() as leaks:
        yield app_with(tmp_path_factory.mktemp("leaks") / "unused.db", PASSWORD_BREACH_URL=leaks.url), leaks


@pytest.fixture
def leaks(app: tuple[Flask, Leaks]) -> Iterator[Leaks]:
    """The service that is configured; it knows `password`."""
    made, found = app
    found.words, found.padding, found.fault = {"password"}, set(), None
    found.asked.clear()
    found.headers.clear()
    with made.app_context():
        yield found


def test_a_leaked_password_is_known_and_five_digits_of_its_hash_are_told(leaks: Leaks) -> None:
    assert breaches.lists("password")
    assert not breaches.lists("Password")
    assert leaks.asked == [f"/range/{hash_of(word)[:5]}" for word in ("password", "Password")]
    said = str(leaks.headers)
    assert [headers["Add-Padding"] for headers in leaks.headers] == ["true", "true"]
    assert [word for word in (hash_of("password")[5:], "password") if word.lower() in said.lower()] == []


def test_padding_is_no_leak(leaks: Leaks) -> None:
    leaks.padding = {PASSWORD}
    assert not breaches.lists(PASSWORD)
    leaks.words.add("another-one")
    assert breaches.lists("another-one")


def test_lower_case_and_plain_ends_of_lines_are_read_too(leaks: Leaks) -> None:
    leaks.fault = lambda request: send(request, f"{hash_of('password')[5:].lower()}:1\n".encode())
    assert breaches.lists("password")


def test_a_range_without_a_hash_lists_nothing(leaks: Leaks) -> None:
    leaks.fault = http_faults.empty
    assert not breaches.lists("password")


@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.__name__)
def test_a_service_that_fails_lets_the_password_through_and_the_log_says_so(
    leaks: Leaks, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    leaks.fault = fault
    assert not breaches.lists("password")
    (told,) = [record.getMessage() for record in caplog.records if record.name == "services.breaches"]
    assert told.startswith("PASSWORD_BREACH_URL: a password was not looked up: ")
    assert [
        word for word in ("password ", hash_of("password")[:5], leaks.url) if word in told.partition(": a password")[2]
    ] == []
    assert len(leaks.asked) == 1, "no redirect is followed, and nothing is asked twice"
    leaks.fault = None
    assert breaches.lists("password"), "and once it answers again, it counts"


@pytest.mark.parametrize("fault", SLOW, ids=lambda fault: fault.__name__)
def test_a_slow_service_is_waited_for_three_seconds_at_most(leaks: Leaks, fault: Fault) -> None:
    leaks.fault = fault
    began = time.monotonic()
    assert not breaches.lists("password")
    took = time.monotonic() - began
    print(f"\n{fault.__name__}: {took:.2f} s")
    assert breaches.SECONDS == 3
    assert took < 2 * breaches.SECONDS


def test_a_hash_among_garbage_is_no_answer(leaks: Leaks, caplog: pytest.LogCaptureFixture) -> None:
    leaks.fault = lambda request: send(request, f"{hash_of('password')[5:]}:1\n<html>\n".encode())
    assert not breaches.lists("password")
    assert "a line that is none of the protocol" in caplog.text


def test_few_wait_for_a_service_that_hangs(leaks: Leaks, app: tuple[Flask, Leaks], caplog: pytest.LogCaptureFixture) -> None:
    """The others let their passwords through after a second, so that most threads serve on."""

    def ask() -> None:
        with app[0].app_context():
            breaches.lists("password")

    leaks.fault = http_faults.silence
    threads = [Thread(target=ask) for _ in range(breaches.AT_ONCE + 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leaks.asked) == breaches.AT_ONCE
    assert caplog.text.count("wait for an answer already") == 3


def test_a_password_that_is_refused_anyway_is_not_asked_about(leaks: Leaks) -> None:
    for word in ("short", "password", "aaaaaaaaaaaa", "ada.lovelace"):
        with pytest.raises(ValidationFailed):
            passwords.refuse_weak(word, "ada", "lovelace")
    assert leaks.asked == []
    passwords.refuse_weak(PASSWORD)
    assert len(leaks.asked) == 1


def test_the_file_and_the_service_both_count(leaks: Leaks, tmp_path: Path) -> None:
    (tmp_path / "leaked").write_text(hash_of("in-the-file"), encoding="ascii")
    both = {"PASSWORD_BREACH_FILE": str(tmp_path / "leaked"), "PASSWORD_BREACH_URL": leaks.url}
    with app_with(tmp_path / "unused.db", **both).app_context():
        assert [breaches.lists(word) for word in ("in-the-file", "password", "neither")] == [True, True, False]
    assert len(leaks.asked) == 2, "what the file knows is not asked about"


def test_the_service_is_told_nothing_of_whom_it_is_about(leaks: Leaks) -> None:
    def look(request: BaseHTTPRequestHandler) -> None:
        seen.update(request.headers.items())
        send(request, b"")

    seen: dict[str, str] = {}
    leaks.fault = look
    breaches.lists("password")
    assert seen.keys() == {"Host", "User-Agent", "Accept-Encoding", "Accept", "Connection", "Add-Padding"}
    assert seen["User-Agent"] == "Latchkey"


def test_the_hosts_that_providers_are_held_to_do_not_keep_it_from_being_asked(tmp_path: Path) -> None:
    with service_of_leaks() as leaks:
        leaks.words = {"password"}
        held = app_with(tmp_path / "unused.db", PASSWORD_BREACH_URL=leaks.url, OUTBOUND_HOSTS="accounts.google.com")
        with held.app_context():
            assert breaches.lists("password")
