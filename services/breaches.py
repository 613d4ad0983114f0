"""Whether a password has leaked: by a file of SHA-1 hashes, by a service that is asked for a range of them, or by both.

The file has the format of the Have I Been Pwned download: sorted hashes in hex, one a line, with or without `:count`. It has
40 GB: a binary search over byte offsets reads some forty lines of it. It is opened for each look-up, so that a replaced file
counts at once.

The service speaks the range protocol of Pwned Passwords: it is told the first five hex digits of the hash, and answers with
what follows them in each hash that it knows (k-anonymity). A file that cannot be read refuses, as it is the operator's own;
a service that does not answer lets the password through, as an outage of a stranger must not keep people from signing up.
"""

import hashlib
import logging
import os
import re
import time
from threading import BoundedSemaphore
from typing import BinaryIO

from requests import Session
from requests.exceptions import RequestException

from config import BREACH_LINE, LONGEST_BREACH_LINE
from errors import Unavailable
from extensions import settings
from services import bounded_http, provider_connections

SECONDS = 3.0
"""How long one question may take, waiting for a place included."""
AT_ONCE, WAIT_SECONDS = 4, 1.0
"""How many of this process ask at once, so that a service that hangs never takes every thread."""
PREFIX = 5
RANGE_LINE = re.compile(r"([0-9A-F]{35}):([0-9]{1,20})")
HEADERS = {"Add-Padding": "true", "User-Agent": "Latchkey"}
"""Padded answers are alike in size; what they are padded with has the count 0."""
log = logging.getLogger(__name__)
_places = BoundedSemaphore(AT_ONCE)


class Unanswered(Exception):
    """The service did not answer in time, or not by the protocol."""


def lists(text: str) -> bool:
    """Whether the password is known to have leaked. Raises Unavailable where the file cannot be read."""
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()
    return is_in_file(digest) or _is_in_service(digest)


def is_in_file(digest: str) -> bool:
    """Whether the file has this SHA-1 hash, in hex and capitals. Raises Unavailable where it cannot be read."""
    path = settings().password_breach_file
    if path is None:
        return False
    try:
        with open(path, "rb") as file:
            return has_line(file, digest.encode())
    except (OSError, ValueError) as error:
        log.error("PASSWORD_BREACH_FILE cannot be searched: %s", type(error).__name__)
        raise Unavailable from error


def _is_in_service(digest: str) -> bool:
    try:
        return bool(settings().password_breach_url) and digest[PREFIX:] in leaked_behind(digest[:PREFIX])
    except Unanswered as error:
        log.warning("PASSWORD_BREACH_URL: a password was not looked up: %s", error)
        return False


def leaked_behind(prefix: str) -> set[str]:
    """What follows these five hex digits in the hashes that the service knows, in capitals. Raises Unanswered."""
    until = time.monotonic() + SECONDS
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise Unanswered(f"{AT_ONCE} wait for an answer already")
    try:
        with provider_connections.within(until - time.monotonic()), bounded_http.bound(Session()) as client:
            answer = client.get(f"{settings().password_breach_url}/{prefix}", headers=HEADERS)
    except RequestException as error:
        raise Unanswered(type(error).__name__) from error
    finally:
        _places.release()
    if answer.status_code != 200:
        raise Unanswered(f"status {answer.status_code}")
    lines = [RANGE_LINE.fullmatch(line.upper()) for line in answer.content.decode("latin-1").splitlines()]
    if not all(lines):
        raise Unanswered("a line that is none of the protocol")
    return {line[1] for line in lines if line and int(line[2])}


def has_line(file: BinaryIO, wanted: bytes) -> bool:
    """Whether a line begins with this hash, in capitals. Raises ValueError at a line that is none of the format.

    Always: a line that is wanted and there begins in [low, high), and `low` is the beginning of a line.
    """
    low, high = 0, file.seek(0, os.SEEK_END)
    while low < high:
        middle = (low + high) // 2
        start = _line_start(file, low, middle)
        if start >= high:
            high = middle
            continue
        line = file.readline(LONGEST_BREACH_LINE)
        if not BREACH_LINE.fullmatch(line):
            raise ValueError("a line that is no hash")
        found = line[:40].upper()
        if found == wanted:
            return True
        low, high = (start + len(line), high) if found < wanted else (low, middle)
    return False


def _line_start(file: BinaryIO, low: int, middle: int) -> int:
    """Goes to the first beginning of a line at or after `middle`, and returns where that is."""
    if middle == low:
        return file.seek(low)
    file.seek(middle - 1)
    return middle - 1 + len(file.readline(LONGEST_BREACH_LINE))
