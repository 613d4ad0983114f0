"""Profile pictures: read, bounded, drawn anew and kept as files with random names.

Nothing of the sent file survives but what it looks like: no metadata, no trailing bytes, no second frame.
"""

import binascii
import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import BoundedSemaphore

from sqlalchemy import select, update

from config import ROOT
from database import afterwards, changed, rows
from errors import Busy, InvalidImage, PayloadTooLarge, Unavailable
from extensions import settings
from model import User
from services import clock, disk, drawing, mint, picture_files

log = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9_-]{43}\.(png|jpg)")
OURS = re.compile(rf"{NAME.pattern}|\.{NAME.pattern}\.part")
DATA_URI = re.compile(r"data:image/(?:png|jpe?g|gif);base64,")
ORPHAN_AGE = timedelta(hours=1)
"""A file without an owner may belong to a call that is still under way."""
AT_ONCE, WAIT_SECONDS = 2, 5
_room = BoundedSemaphore(AT_ONCE)


def from_data_uri(text: str) -> bytes:
    """The file in a base64 `data:` URI (RFC 2397); raises InvalidImage."""
    head = DATA_URI.match(text)
    try:
        return binascii.a2b_base64(memoryview(text.encode("ascii"))[head.end() :], strict_mode=True) if head else _refused()
    except ValueError as error:
        raise InvalidImage from error


def _refused() -> bytes:
    raise InvalidImage("Send a data: URI of image/png, image/jpeg or image/gif in base64.")


def drawn(file: bytes) -> tuple[bytes, str]:
    """The picture drawn anew, at most 512 pixels wide and high, and its suffix. Raises PayloadTooLarge, InvalidImage, Busy."""
    if len(file) > settings().max_upload_bytes:
        raise PayloadTooLarge(f"A picture has at most {settings().max_upload_bytes} bytes.")
    if picture_files.is_overloaded(file):
        raise InvalidImage
    if not _room.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        return drawing.drawn(file, settings().picture_max_pixels)
    finally:
        _room.release()


def keep(picture: bytes, suffix: str) -> str:
    """Writes the file and returns its name; it is gone again if the unit of work is rolled back.

    Raises Unavailable where the disk is full or does not take it.
    """
    name = f"{mint.secret()}.{suffix}"
    try:
        _write(name, picture)
    except OSError as error:
        log.error("a picture cannot be kept: %s", error.strerror)
        raise Unavailable from error
    afterwards(if_lost=_removing(name))
    return name


def _write(name: str, picture: bytes) -> None:
    """Under a name beside, then renamed; a half-written one is left to `sweep`."""
    folder().mkdir(parents=True, exist_ok=True)
    beside = folder() / f".{name}.part"
    with beside.open("xb") as file:
        file.write(picture)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(folder() / name)
    disk.make_durable(folder())


def read(name: str) -> bytes:
    return (folder() / name).read_bytes()


def drop(name: str | None) -> None:
    """The file goes once the unit of work is committed; a crash between the two leaves it to `sweep`."""
    if name:
        afterwards(if_kept=_removing(name))


def _removing(name: str) -> Callable[[], None]:
    path = folder() / name

    def remove() -> None:
        with suppress(OSError):
            path.unlink()

    return remove


def folder() -> Path:
    return ROOT / settings().upload_folder / "profile_pictures"


def sweep() -> int:
    """Removes pictures that no account names, and half-written ones; returns how many."""
    old = clock.now() - ORPHAN_AGE
    files = [file for file in folder().glob("*") if OURS.fullmatch(file.name) and _written(file) < old]
    owned = {row.picture for row in rows(select(User.picture).where(User.picture.is_not(None)))} if files else set()
    orphans = [file for file in files if file.name not in owned]
    for file in orphans:
        file.unlink(missing_ok=True)
    return len(orphans)


def names() -> set[str]:
    """Of all files there are."""
    return {file.name for file in folder().glob("*") if NAME.fullmatch(file.name)}


def put_back(name: str, picture: bytes) -> None:
    """Writes a file that a backup holds, where it is not there."""
    if not (folder() / name).exists():
        _write(name, picture)


def missing() -> list[str]:
    """The pictures that accounts name and whose file is not there."""
    owned = {row.picture for row in rows(select(User.picture).where(User.picture.is_not(None)))}
    return sorted(owned - names())


def forget_missing() -> None:
    """No account names a picture without a file any more."""
    for name in missing():
        changed(update(User).where(User.picture == name).values(picture=None))


def _written(file: Path) -> datetime:
    """When it was written; now, where it has just gone."""
    with suppress(FileNotFoundError):
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return clock.now()
