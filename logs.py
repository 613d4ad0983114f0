"""Logs: time, level, module, message, request id; as text, or one JSON object a line. Never a secret or a person's data."""

import logging
import logging.handlers
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import g, has_request_context
from pythonjsonlogger.json import JsonFormatter

from config import ROOT, Settings

TEXT = "%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s"
FIELDS = "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s"
NAMES = {"asctime": "time", "levelname": "level", "name": "logger"}
LOUD = ("sqlalchemy", "apscheduler", "werkzeug", "flask-limiter", "flask_cors", "gunicorn", "alembic", "mail", "PIL")
"""Libraries whose lower levels quote parameters, paths or bodies."""


def _frames(error: BaseException | None) -> Iterator[str]:
    """Where an exception came from, and its type. Not its message: a driver's quotes addresses, names and hashes."""
    while error is not None:
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__module__}.{type(error).__qualname__}\n"
        error = error.__cause__ or error.__context__


class _Discreet:
    """Formats exceptions without their messages."""

    def formatException(  # noqa: N802 - logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return "".join(_frames(ei[1])).rstrip()


class _Text(_Discreet, logging.Formatter):
    """One line, then the frames of an exception. A second is spelt once."""

    spelt = (0, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        second, text = self.spelt
        if second != int(record.created):
            second, text = self.spelt = int(record.created), time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{text},{int(record.msecs):03d}"


class _Json(_Discreet, JsonFormatter):
    """One object a line; its time as RFC 3339 has it."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Made(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return str(record.line)  # type: ignore[attr-defined]


class Lines(logging.Handler):
    """The console and the file: each line is made once for both."""

    def __init__(self, places: list[logging.Handler]) -> None:
        super().__init__()
        self.places = places
        for place in places:
            place.setFormatter(_Made())

    def handle(self, record: logging.LogRecord) -> bool:
        """Without a lock of its own: each place has one."""
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        record.exc_text = None  # another handler may have left the whole message there
        record.line = self.format(record)
        for place in self.places:
            place.handle(record)
        return True

    def close(self) -> None:
        for place in self.places:
            place.close()
        super().close()


class _File(logging.handlers.WatchedFileHandler):
    """Reopened within a second when somebody moves it; rotating is the system's work."""

    looked = 0.0

    def reopenIfNeeded(self) -> None:  # noqa: N802 - logging's name
        if (now := time.monotonic()) > self.looked + 1:
            self.looked = now
            super().reopenIfNeeded()


def set_up(settings: Settings) -> None:
    """Console always; the file unless its name is empty. A file that cannot be opened costs a warning, not the service."""
    formatter: Any = _Text(TEXT) if settings.log_format == "text" else _Json(FIELDS, rename_fields=NAMES)
    # No format has them, and each call would have them found out. The process gunicorn's own lines have.
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Lines)]:
        root.removeHandler(handler)
        handler.close()
    places, warning = _places(settings.log_file)
    lines = Lines(places)
    lines.setFormatter(formatter)
    root.addHandler(lines)
    root.setLevel(settings.log_level)
    for name in LOUD:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    if warning:
        logging.getLogger(__name__).warning(warning)


def _places(log_file: str) -> tuple[list[logging.Handler], str]:
    console: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if not log_file:
        return console, ""
    try:
        return [*console, _File(Path(ROOT, log_file), encoding="utf-8")], ""
    except OSError:
        return console, "LOG_FILE cannot be opened, so this log goes to the console only"
