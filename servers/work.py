"""What a worker does whichever server it belongs to. Only workers import this: it is the code of the moment they are made."""

import ctypes
import json
import logging
import os
import sys
import time
from contextlib import suppress
from http import HTTPStatus

from flask import Flask, g

import jobs
import schema
from app import create_app
from database import db, was_lost
from errors import InternalError, MalformedJson
from resources import problems
from servers import database_faults
from services import mint

M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 256 * 1024
"""glibc's mallopt(3). Left to itself it raises the bound, and keeps in each thread what large bodies have left."""
DATABASE_SECONDS = 30
"""How long a start waits for the database."""
MIGRATE = "run `flask --app app db upgrade` with the migrating role in SQLALCHEMY_DATABASE_URI, then start again"
log = logging.getLogger("latchkey")


class Work:
    """The app, and its scheduled work, which begins with it."""

    def __init__(self, app: Flask) -> None:
        with suppress(OSError, AttributeError):  # another libc
            ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        settings = app.extensions["settings"]
        if settings.workers > 1 and settings.counts_limits_in_memory:
            log.warning("rate limits are counted in each of %d workers by itself", settings.workers)
        self.app = app
        self.scheduler = jobs.start(app)

    def end(self) -> None:
        """Activity first: a job in the middle of a slow letter may be given no time to end."""
        self.flush()
        jobs.stop(self.app, self.scheduler)

    def problem(self, status: int) -> bytes:
        """The whole answer to a request that the server refuses by itself."""
        kind = InternalError() if status >= 500 else MalformedJson("The request line, a header or the body cannot be read.")
        with self.app.app_context():
            g.request_id = mint.identifier()
            body = json.dumps(problems.document(kind) | {"status": status}).encode()
            head = {
                "Content-Type": "application/problem+json",
                "Content-Length": str(len(body)),
                "Cache-Control": "no-store",
                "X-Request-ID": g.request_id,
                "Connection": "close",
            }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in head.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def flush(self) -> None:
        jobs.flush_activity(self.app)


def app(*, with_schema: bool) -> Flask:
    """The app of now. `with_schema`: the database is brought up too. Exits with a status of sysexits.h where that fails."""
    made = create_app()
    if with_schema:
        bring_up(made)
    return made


def bring_up(made: Flask) -> None:
    """The migrations that are missing; waits for the database. Exits where it does not come or cannot be used."""
    deadline = time.monotonic() + DATABASE_SECONDS
    while True:
        try:
            with made.app_context():
                return schema.bring_up()
        except schema.DatabaseIsNewer as newer:
            log.critical("the database is at revision %s, which a later release made: run that one", newer)
            sys.exit(os.EX_CONFIG)
        except schema.MayNotMigrate as refused:
            log.critical("%s, and its role may not change tables: %s", refused, MIGRATE)
            sys.exit(os.EX_CONFIG)
        except Exception as error:
            with made.app_context():
                url = db.engine.url
            if reason := database_faults.refusal(error, url):
                log.critical(reason)
                sys.exit(os.EX_CONFIG)
            if not was_lost(error):
                raise
            if time.monotonic() > deadline:
                log.critical(database_faults.absence(error, url))
                sys.exit(os.EX_UNAVAILABLE)
            log.warning("the database does not answer yet")
            time.sleep(1)
