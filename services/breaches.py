"""The list of passwords that have leaked, where the operator gives one: sorted SHA-1 hashes in hex, one a line.

The format of the Have I Been Pwned download; `:count` behind a hash is not looked at. The file has 40 GB: a binary search
over byte offsets reads some forty lines of it. It is opened for each look-up, so that a replaced file counts at once.
"""

import hashlib
import logging
import os
from typing import BinaryIO

from config import BREACH_LINE, LONGEST_BREACH_LINE
from errors import Unavailable
from extensions import settings

log = logging.getLogger(__name__)


def lists(text: str) -> bool:
    """Whether the password has leaked. Raises Unavailable where the list cannot be read: it never lets through unseen."""
    path = settings().password_breach_file
    if path is None:
        return False
    wanted = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with open(path, "rb") as file:
            return has_line(file, wanted)
    except (OSError, ValueError) as error:
        log.error("PASSWORD_BREACH_FILE cannot be searched: %s", type(error).__name__)
        raise Unavailable from error


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
