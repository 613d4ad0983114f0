"""What is named for leaked passwords, a file or a service: it has to be what it is said to be, or nothing starts."""

import os
import re
from pathlib import Path

import pytest

from environment import load
from tests.house.test_settings_refused import GOOD, faults_of, named

HASH = b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
LATER = b"F" * 40
BREACH_FILES = {
    "empty": b"",
    "of words": b"password\nletmein\n",
    "of SHA-256": HASH + b"0" * 24 + b"\n",
    "in UTF-16": HASH.decode().encode("utf-16"),
    "with a head": b"hash:count\n" + HASH + b":1\n",
    "with an empty line at its end": HASH + b":1\n\n",
    "cut off": HASH + b":1\n" + LATER[:-1],
    "of counts that are none": HASH + b":many\n",
    "not sorted": LATER + b":1\n" + HASH + b":1\n",
    "of one endless line": b"A" * 100_000,
    "compressed": b"\x1f\x8b\x08" + bytes(200),
}
GOOD_BREACH_FILES = {
    "the download": HASH + b":3730471\r\n" + LATER + b":1\r\n",
    "hashes only": HASH + b"\n" + LATER + b"\n",
    "lower case": HASH.lower() + b":1\n" + LATER.lower() + b":99999999999999999999\n",
    "no last end of line": HASH + b":1\n" + LATER + b":1",
    "one line": HASH,
    "many lines": b"".join(b"%040X:%d\n" % (number, number) for number in range(1000)),
}


@pytest.mark.parametrize("kind", BREACH_FILES)
def test_a_file_that_is_no_list_of_leaked_passwords_refuses_the_start(tmp_path: Path, kind: str) -> None:
    (tmp_path / "leaked").write_bytes(BREACH_FILES[kind])
    faults = faults_of(GOOD | {"PASSWORD_BREACH_FILE": str(tmp_path / "leaked")})
    assert named(faults) == ["PASSWORD_BREACH_FILE"]
    assert re.fullmatch(r"[A-Z_]+: [^.]+\. .{12,}", faults[0])


@pytest.mark.parametrize("kind", GOOD_BREACH_FILES)
def test_a_list_of_leaked_passwords_is_taken(tmp_path: Path, kind: str) -> None:
    (tmp_path / "leaked").write_bytes(GOOD_BREACH_FILES[kind])
    assert load(GOOD | {"PASSWORD_BREACH_FILE": str(tmp_path / "leaked")}).password_breach_file == str(tmp_path / "leaked")


def test_a_list_of_leaked_passwords_is_a_regular_file(tmp_path: Path) -> None:
    """A pipe is not opened: nobody may be at its other end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "pipe", Path("/dev/null")):
        assert named(faults_of(GOOD | {"PASSWORD_BREACH_FILE": str(path)})) == ["PASSWORD_BREACH_FILE"]


@pytest.mark.parametrize("environment", ["production", "development"])
def test_a_service_of_leaked_passwords_is_asked_by_https(environment: str) -> None:
    here = GOOD | {"FLASK_ENV": environment}
    for url in (
        "http://leaks.example.org/range/",
        "leaks.example.org",
        "https://leaks.example.org/range?all",
        "ftp://127.0.0.1",
    ):
        faults = faults_of(here | {"PASSWORD_BREACH_URL": url})
        assert named(faults) == ["PASSWORD_BREACH_URL"]
        assert re.fullmatch(r"[A-Z_]+: .{12,}\. .{12,}", faults[0])
    for url in ("https://api.pwnedpasswords.com/range/", "http://127.0.0.1:8080/range"):
        assert load(here | {"PASSWORD_BREACH_URL": url}).password_breach_url == url.rstrip("/")
