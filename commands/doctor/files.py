"""Files: who may read the secrets, what can be written, how much room is left, and the list of leaked passwords."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from commands.doctor.findings import Finding, Findings, fault, ok, warning
from config import ROOT, Settings
from database import db
from environment import environment
from errors import Refusal
from extensions import settings
from services import breaches, pictures

MEBIBYTE = 2**20
SCARCE, LOW = 200 * MEBIBYTE, 1024 * MEBIBYTE
KNOWN = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
"""SHA-1 of `password`, which every list of leaked passwords has."""
MOUNTED = Path("/run/secrets")
"""Where container engines put secrets, readable by all inside."""


def examined() -> Findings:
    found = [*_open_secrets(), *_unwritable(), *_full()]
    yield from found or [ok("files", "secrets are private, folders are writable, and there is room")]
    yield from _leaked_passwords()


def pictures_examined() -> Findings:
    if missing := pictures.missing():
        yield warning(
            "pictures", f"{len(missing)} accounts name a picture whose file is gone", "Restore UPLOAD_FOLDER from a backup."
        )
    else:
        yield ok("pictures", "every picture has its file")


def _open_secrets() -> Iterator[Finding]:
    for path in _secrets():
        if os.path.exists(path) and _is_readable_by_others(path):
            grave = warning if settings().development else fault
            yield grave("files", f"every user of this machine may read {path}", f"chmod 600 {path}")


def _secrets() -> list[Path]:
    """The files that hold secrets: `.env`, those that NAME_FILE names, keys, and SQLite's."""
    named = [Path(path) for name, path in environment().items() if path and _names_a_secret(name)]
    kept = [Path(db.engine.url.database or "")] if db.engine.dialect.name == "sqlite" else []
    keys = [Path(path) for path in settings().jwt_private_keys]
    return [path for path in (ROOT / ".env", *named, *keys, *kept) if MOUNTED not in path.parents]


def _names_a_secret(name: str) -> bool:
    whose = name.removesuffix("_FILE")
    known = whose.lower() in Settings.model_fields or re.fullmatch(r"OIDC_[A-Z0-9]+_CLIENT_SECRET", whose)
    return whose != name and bool(known)


def _is_readable_by_others(path: Path) -> bool:
    """By its own mode, and by those of the folders above it."""
    whole = path.resolve()
    way = all(folder.stat().st_mode & stat.S_IXOTH for folder in whole.parents)
    return way and bool(whole.stat().st_mode & stat.S_IROTH)


def _unwritable() -> Iterator[Finding]:
    for path in _written():
        if not os.access(path, os.W_OK, effective_ids=True):
            yield fault("files", f"{path} cannot be written by this user", "Give it to the user that serves (chown).")
        elif os.geteuid() == 0 != path.stat().st_uid:
            yield warning("files", f"{path} is another user's, and root may do what that one may not", "Run this as that user.")


def _written() -> Iterator[Path]:
    """What is there of the folders and files that the service writes to."""
    logs = [ROOT / settings().log_file] if settings().log_file else []
    for path in (*_homes(), *logs):
        yield next(place for place in (path, *path.parents) if os.path.exists(place))


def _homes() -> list[Path]:
    kept = [Path(db.engine.url.database or "").resolve()] if db.engine.dialect.name == "sqlite" else []
    return [*[file.parent for file in kept], *kept, pictures.folder()]


def _full() -> Iterator[Finding]:
    disks = {path.stat().st_dev: path for path in _written()}
    for path in disks.values():
        free = shutil.disk_usage(path).free
        if free < LOW:
            grave = fault if free < SCARCE else warning
            yield grave(
                "files", f"{free // MEBIBYTE} MiB are left on the disk of {path}", "Make room, or give it a larger disk."
            )


def _leaked_passwords() -> Findings:
    if settings().password_breach_file:
        yield _file_of_leaked_passwords()
    if settings().password_breach_url:
        yield _service_of_leaked_passwords()
    elif not settings().password_breach_file and settings().development:
        yield ok("leaked passwords", "no list; common ones are refused all the same")
    elif not settings().password_breach_file:
        yield warning(
            "leaked passwords",
            "PASSWORD_BREACH_FILE is not set: only the most common leaked passwords are rejected",
            "Name a Have I Been Pwned download in it, or a service in PASSWORD_BREACH_URL: docs/production.md.",
        )


def _file_of_leaked_passwords() -> Finding:
    try:
        if breaches.is_in_file(KNOWN):
            return ok("leaked passwords", "the list can be searched")
    except Refusal:
        return fault("leaked passwords", "the list cannot be searched, so new passwords are refused", "Download it anew.")
    return warning("leaked passwords", "the list does not know the word password: it is not whole", "Download it anew.")


def _service_of_leaked_passwords() -> Finding:
    try:
        if KNOWN[breaches.PREFIX :] in breaches.leaked_behind(KNOWN[: breaches.PREFIX]):
            return ok("leaked passwords", "the service answers")
        told = "the service does not know the word password"
    except breaches.Unanswered as error:
        told = f"the service does not answer, so leaked passwords are accepted: {error}"
    return warning("leaked passwords", told, "Check PASSWORD_BREACH_URL, and that this machine may reach it.")
