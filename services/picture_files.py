"""What a picture's file is made of, counted before a library reads it: time and memory grow with the parts, not the pixels.

A JPEG of 90 kB with a thousand scans of a large picture decodes for eight seconds, and one of 16 MB for half an hour.
"""

import re
from collections.abc import Iterator
from itertools import islice

MOST_PARTS = 20_000
"""PNG chunks, JPEG segments, GIF blocks before the first frame; a file of 16 MB has some 2,000 chunks of 8 KiB."""
MOST_SCANS = 50
"""Of a JPEG; a progressive one has about ten."""
SCAN, END = 0xDA, 0xD9
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
"""Within a scan other bytes behind FF are data (ITU-T T.81 §B.1.1)."""


def is_overloaded(file: bytes) -> bool:
    """Whether it has more parts than any picture needs. What is malformed is left to the library that reads it."""
    if file.startswith(b"\xff\xd8"):
        markers = list(islice(_segments(file), MOST_PARTS + 1))
        return len(markers) > MOST_PARTS or markers.count(SCAN) > MOST_SCANS
    parts = _blocks(file) if file.startswith(b"GIF8") else _chunks(file)
    return sum(1 for _ in islice(parts, MOST_PARTS + 1)) > MOST_PARTS


def _chunks(file: bytes) -> Iterator[int]:
    """Where each chunk of a PNG begins, up to IEND."""
    position = 8
    while position < len(file) and file[position + 4 : position + 8] != b"IEND":
        yield position
        position += 12 + int.from_bytes(file[position : position + 4], "big")


def _segments(file: bytes) -> Iterator[int]:
    """The marker of each segment of a JPEG, up to its end: a phone may have put a film behind it."""
    position = 2
    while (found := MARKER.search(file, position)) and (marker := file[found.start() + 1]) != END:
        yield marker
        length = int.from_bytes(file[found.end() : found.end() + 2], "big")
        position = found.end() + length


def _blocks(file: bytes) -> Iterator[int]:
    """Where each block of a GIF's extensions begins, up to the first frame."""
    colours = 3 * 2 ** ((file[10] & 7) + 1) if len(file) > 10 and file[10] & 0x80 else 0
    position = 13 + colours
    while file[position : position + 1] == b"!":
        position += 2
        while size := int.from_bytes(file[position : position + 1], "big"):
            yield position
            position += 1 + size
        yield position
        position += 1
