"""The list of leaked passwords: the search finds exactly what is listed, in any file of the format, and stays small."""

import io
import os
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import Unavailable
from services import breaches
from tests.resources.conftest import app_with

LOW, MIDDLE, HIGH = (letter * 40 for letter in "1A9")
NEAR = st.integers(0, 40) | st.integers(0, 2**160 - 1)
"""Neighbours as well as strangers."""
ENDS = ("\n", "\r\n")
MALFORMED = {
    "no hash": b"hello\n",
    "an empty line": b"\n",
    "an empty line amid": f"{LOW}:1\n\n{HIGH}:1\n".encode(),
    "words amid": (f"{LOW}:1\n" + "hello\n" * 100 + f"{HIGH}:1\n").encode(),
    "a hash too short": f"{LOW[:-1]}:1\n".encode(),
    "a hash too long": f"{LOW}0\n".encode(),
    "a count that is none": f"{LOW}:many\n".encode(),
    "UTF-16": f"{LOW}:1\n".encode("utf-16"),
    "ten million characters without a line": b"A" * 10_000_000,
    "zeros": bytes(10_000),
}
HUGE = 40 * 10**9


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    reads = 0
    longest = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self.reads, self.longest = self.reads + 1, max(self.longest, len(line))
        return line


class Download:
    """40 GB of lines that are made when they are read, evenly spread, each as long as the others."""

    WIDTH = 40 + len(":7\r\n")
    LINES = HUGE // WIDTH
    STEP = 2**160 // LINES

    def __init__(self) -> None:
        self.at = self.reads = 0

    def hash(self, index: int) -> bytes:
        return b"%040X" % (index * self.STEP)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.at = offset if whence == os.SEEK_SET else self.LINES * self.WIDTH
        return self.at

    def readline(self, _: int) -> bytes:
        index, into = divmod(self.at, self.WIDTH)
        line = (self.hash(index) + b":7\r\n")[into:] if index < self.LINES else b""
        self.at, self.reads = self.at + len(line), self.reads + 1
        return line


def found(content: str | bytes, wanted: str) -> bool:
    return breaches.has_line(io.BytesIO(content if isinstance(content, bytes) else content.encode()), wanted.encode())


@st.composite
def files(draw: st.DrawFn) -> tuple[set[int], str]:
    """Hashes, and a file of them: upper or lower case, counts or none, either end of line, a last one or none."""
    listed = draw(st.sets(NEAR, max_size=60))
    counts = st.none() | st.integers(0, 10**9)
    digits, end = draw(st.sampled_from(("X", "x"))), draw(st.sampled_from(ENDS))
    lines = [f"{number:040{digits}}{'' if (n := draw(counts)) is None else f':{n}'}" for number in sorted(listed)]
    ends_the_last = draw(st.booleans())
    return listed, end.join(lines) + (end if lines and ends_the_last else "")


@settings(max_examples=400, deadline=None)
@given(file=files(), others=st.sets(NEAR, max_size=20))
def test_the_search_agrees_with_a_set(file: tuple[set[int], str], others: set[int]) -> None:
    listed, content = file
    beside = {number + step for number in listed for step in (-1, 1)} - {-1, 2**160}
    for number in listed | others | beside:
        assert found(content, f"{number:040X}") is (number in listed)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("count", ["", ":1", f":{10**19}"])
def test_first_and_last_are_found_and_what_lies_before_between_and_after_is_not(end: str, last: bool, count: str) -> None:
    for listed in ([MIDDLE], [LOW, MIDDLE], [LOW, HIGH, MIDDLE]):
        content = end.join(line + count for line in listed) + (end if last else "")
        assert all(found(content, wanted) for wanted in listed)
        assert not any(found(content, wanted) for wanted in ("0" * 40, "B" * 40, "F" * 40, LOW[:-1] + "2", MIDDLE[:-1] + "9"))


def test_an_empty_file_lists_nothing() -> None:
    assert not found("", MIDDLE)


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_no_list_is_a_fault_not_an_absence_and_never_read_whole(kind: str) -> None:
    file = Counted(MALFORMED[kind])
    with pytest.raises(ValueError, match="no hash"):
        breaches.has_line(file, HIGH.encode())
    assert file.longest <= 64


def test_forty_gigabytes_are_searched_in_some_forty_lines() -> None:
    file = Download()
    opened = cast("BinaryIO", file)
    most = 0
    for index in (0, 1, 2, 12_345_678, Download.LINES // 2, Download.LINES - 2, Download.LINES - 1):
        for wanted, there in ((file.hash(index), True), (b"%040X" % (index * Download.STEP + 1), False)):
            file.reads = 0
            assert breaches.has_line(opened, wanted) is there
            most = max(most, file.reads)
    print(f"\nof {Download.LINES:,} lines at most {most} were read")
    assert most <= 2 * 36


@pytest.fixture
def leaked(tmp_path: Path) -> Iterator[Path]:
    """The configured file; it holds `password` and `Zwölf`."""
    path = tmp_path / "leaked.txt"
    write(path, "password", "Zw\u00f6lf")
    with app_with(tmp_path / "unused.db", PASSWORD_BREACH_FILE=str(path)).app_context():
        yield path


def write(path: Path, *words: str) -> None:
    lines = sorted(sha1(word.encode(), usedforsecurity=False).hexdigest().upper() for word in words)
    path.write_text("".join(f"{line}:3\r\n" for line in lines), encoding="ascii", newline="")


@pytest.mark.usefixtures("leaked")
def test_a_password_is_looked_up_by_its_sha1() -> None:
    assert breaches.lists("password")
    assert breaches.lists("Zw\u00f6lf")
    assert not breaches.lists("Password")


def test_a_replaced_file_counts_at_once(leaked: Path) -> None:
    write(leaked.with_suffix(".new"), "letmein")
    leaked.with_suffix(".new").replace(leaked)
    assert breaches.lists("letmein")
    assert not breaches.lists("password")


def test_a_list_that_is_gone_or_spoilt_refuses_rather_than_lets_through(leaked: Path) -> None:
    leaked.write_bytes(b"<html>")
    with pytest.raises(Unavailable):
        breaches.lists("anything")
    leaked.unlink()
    with pytest.raises(Unavailable):
        breaches.lists("anything")


def test_without_a_file_nothing_is_listed(tmp_path: Path) -> None:
    with app_with(tmp_path / "unused.db").app_context():
        assert not breaches.lists("password")
