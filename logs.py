"""Logs: time, level, module, message, request id; as text, or one JSON object a line. Never a secret or a person's data."""

import logging
import logging.handlers
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import g, has_request_context
from pythonjsonlogger.json import JsonFormatter

from config import ROOT, Settings

TEXT = "%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s"
FIELDS = "%(asctime)s %(levelname)s %(name)s %(request_id)s %(message)s"
NAMES = {"asctime": "time", "levelname": "level", "name": "logger"}
LOUD = ("sqlalchemy", "apscheduler", "werkzeug", "flask-limiter", "flask_cors", "gunicorn", "alembic", "mail", "PIL", "urllib3")
"""Libraries whose lower levels quote parameters, paths or bodies."""


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = g.get("request_id", "-") if has_request_context() else "-"
        return True


def _frames(error: BaseException | None) -> Iterator[str]:
    """Where an exception came from, and its type. Not its message: a driver's quotes addresses, names and hashes."""
    while error is not None:
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__module__}.{type(error).__qualname__}\n"
        error = error.__cause__ or error.__context__


class _Discreet(logging.Formatter):
    """One line, then the frames of an exception; made once for console and file."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """RFC 3339 in UTC, whatever the machine's time zone."""
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def format(self, record: logging.LogRecord) -> str:
        if "line" not in record.__dict__:
            record.exc_text = None  # another handler may have left the whole message there
            record.line = super().format(record)
        return str(record.__dict__["line"])

    def formatException(  # noqa: N802 - logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return "".join(_frames(ei[1])).rstrip()


class _Json(_Discreet, JsonFormatter):
    """One object a line."""


class _PrivateFile(logging.handlers.WatchedFileHandler):
    """Reopened when somebody moves it; rotating is the system's work. A file that is made is readable by its owner only."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=lambda path, flags: os.open(path, flags, 0o600))


def set_up(settings: Settings) -> None:
    """Console always; the file unless its name is empty. A file that cannot be opened costs a warning, not the service."""
    formatter: Any = _Discreet(TEXT) if settings.log_format == "text" else _Json(FIELDS, rename_fields=NAMES)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "is_latchkey", False)]:
        root.removeHandler(handler)
        handler.close()
    handlers, warning = _handlers(settings.log_file)
    for handler in handlers:
        handler.setFormatter(formatter)
        handler.addFilter(_RequestId())
        handler.is_latchkey = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name in LOUD:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    if warning:
        logging.getLogger(__name__).warning(warning)


def _handlers(log_file: str) -> tuple[list[logging.Handler], str]:
    console: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if not log_file:
        return console, ""
    try:
        return [*console, _PrivateFile(Path(ROOT, log_file), encoding="utf-8")], ""
    except OSError:
        return console, "LOG_FILE cannot be opened, so this log goes to the console only"
