"""The file that a backup is: a tar of the database's dump, the pictures, and, last, a manifest that says what they are.

The manifest stands last, so that a file that was cut off has none. It names every other member with its SHA-256, and is itself
sealed by a key that the pepper gives: whoever can only write where backups lie cannot make one.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click

from extensions import settings
from services import clock, keys, pictures

FORMAT = 1
DATABASE, MANIFEST, PICTURES = "database", "manifest.json", "pictures/"
BROKEN = (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError)
PIECE = 2**20


class Broken(click.ClickException):
    """The file is no whole backup of this service."""

    def __init__(self) -> None:
        super().__init__("The file is damaged, or is no backup of this service. Nothing was changed. Take another one.")


def write(target: Path, snapshot: Callable[[Path], None], about: dict[str, Any]) -> int:
    """Writes the archive through the new file `target`; returns how many pictures it has.

    Pictures are gathered before the database and again after it. A picture's file is there before an account names it, and goes
    after no account does; the two rounds miss only one that came and was replaced meanwhile, and `restore` sees that.
    """
    dump = target.with_name(DATABASE)
    digests: dict[str, str] = {}
    with tarfile.open(target, "x") as archive:
        _add_pictures(archive, digests)
        snapshot(dump)
        _add_pictures(archive, digests)
        archive.add(dump, DATABASE)
        manifest = about | {
            "format": FORMAT,
            "made_at": clock.now().isoformat(timespec="seconds"),
            "keys": _rings(),
            "database": _digest(dump),
            "pictures": digests,
        }
        text = json.dumps(manifest, sort_keys=True)
        _add(archive, MANIFEST, json.dumps({"manifest": text, "seal": keys.digest("backup", text)}).encode())
    return len(digests)


def _add_pictures(archive: tarfile.TarFile, digests: dict[str, str]) -> None:
    """Those that are not in it yet."""
    for name in sorted(pictures.names() - set(digests)):
        with suppress(FileNotFoundError):  # replaced meanwhile
            content = pictures.read(name)
            _add(archive, PICTURES + name, content)
            digests[name] = hashlib.sha256(content).hexdigest()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _rings() -> dict[str, list[str]]:
    """The short ids of the keys without which what is kept cannot be read."""
    rings = {"FERNET_KEY": settings().fernet_key, "PASSWORD_PEPPER": settings().password_pepper}
    return {name: [keys.short_id(key) for key in ring] for name, ring in rings.items()}


@dataclass(frozen=True, slots=True)
class Backup:
    """An archive whose manifest was read and is ours."""

    archive: tarfile.TarFile
    members: dict[str, tarfile.TarInfo]
    manifest: dict[str, Any]

    def check(self) -> None:
        """Reads every member; raises Broken where one is not what the manifest says."""
        try:
            good = self._hash(DATABASE) == self.manifest["database"] and all(
                pictures.NAME.fullmatch(name) and self._hash(PICTURES + name) == digest
                for name, digest in self.manifest["pictures"].items()
            )
        except BROKEN as error:
            raise Broken from error
        if not good:
            raise Broken

    def _hash(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._open(name) as member:
            while piece := member.read(PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def _open(self, name: str) -> IO[bytes]:
        return _content(self.archive, self.members, name)

    def put_pictures_back(self) -> int:
        """Writes those that are not there; returns how many the archive has."""
        for name in self.manifest["pictures"]:
            with self._open(PICTURES + name) as member:
                pictures.put_back(name, member.read())
        return len(self.manifest["pictures"])

    def extract_database(self, target: Path) -> None:
        with (
            self._open(DATABASE) as member,
            os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        ):
            while piece := member.read(PIECE):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def opened(file: Path) -> Iterator[Backup]:
    """The backup in a file. Raises ClickException where it is broken, altered, or needs a key that is not configured."""
    try:
        archive = tarfile.open(file, "r:")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise click.ClickException(f"{file} is not there.") from error
    except BROKEN as error:
        raise Broken from error
    with archive:
        try:
            members = {member.name: member for member in archive.getmembers()}
            told = json.loads(_content(archive, members, MANIFEST).read())
            text, seal = str(told["manifest"]), told["seal"]
            manifest = json.loads(text)
            needed = {name: list(map(str, manifest["keys"][name])) for name in _rings()}
        except BROKEN as error:
            raise Broken from error
        _check_keys(needed)
        if seal not in keys.digests("backup", text) or manifest.get("format") != FORMAT:
            raise Broken
        yield Backup(archive, members, manifest)


def _content(archive: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str) -> IO[bytes]:
    content = archive.extractfile(members[name])
    if content is None:
        raise KeyError(name)
    return content


def _check_keys(needed: dict[str, list[str]]) -> None:
    for name, ring in _rings().items():
        if missing := [key for key in needed[name] if key not in ring]:
            message = f"{name} lacks the key {' and '.join(missing)}, which the backup was made with. Nothing was changed."
            raise click.ClickException(f"{message} Put that key back, at the end of the ring if there is a newer one.")
