"""Whether this process can do its work: the database answers, and so does Redis where the limits are counted there.

Anybody may ask at any rate, so each part is asked by one thread at a time, and an answer is good for a second.
"""

import time
from collections.abc import Callable
from functools import partial
from threading import Condition, Thread

from flask import Flask, current_app
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from database import db
from extensions import settings
from model import User

PATIENCE_SECONDS = 2.0
GOOD_FOR_SECONDS = 1.0


class Part:
    """Something that this process needs. `answers` may hang: whoever asks waits two seconds for it, and takes that for a no."""

    def __init__(self, name: str, answers: Callable[[], bool]) -> None:
        self.name = name
        self.answers = answers
        self.well = False
        self.asked = self.told = float("-inf")
        self.changed = Condition()

    def is_well(self) -> bool:
        with self.changed:
            now = time.monotonic()
            if self.told < self.asked:  # still being asked
                deadline = self.asked + PATIENCE_SECONDS
            elif now - self.told < GOOD_FOR_SECONDS:
                return self.well
            else:
                self.asked, deadline = now, now + PATIENCE_SECONDS
                Thread(target=self._ask, name=f"is {self.name} well", daemon=True).start()
            asked = self.asked
            answered = self.changed.wait_for(lambda: self.told >= asked, max(0, deadline - now))
            return answered and self.well

    def _ask(self) -> None:
        well = self.answers()
        with self.changed:
            self.well, self.told = well, time.monotonic()
            self.changed.notify_all()


def parts() -> dict[str, bool]:
    """Whether each part answers: `database`, and `redis` where it is used."""
    found: list[Part] = current_app.extensions.get("parts") or current_app.extensions.setdefault("parts", _made())
    return {part.name: part.is_well() for part in found}


def _made() -> list[Part]:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    parts = [Part("database", partial(_database_answers, app))]
    if settings().ratelimit_enabled and not settings().counts_limits_in_memory:
        parts.append(Part("redis", next(iter(app.extensions["limiter"])).storage.check))
    return parts


def _database_answers(app: Flask) -> bool:
    with app.app_context():
        try:
            with _engine().connect() as connection:
                connection.execute(select(User.id).limit(1))
        except SQLAlchemyError:
            return False
        return True


def _engine() -> Engine:
    """A connection of its own on a server, with short time-outs: one of the pool may hang on a server that is gone."""
    reader = db.engines["reader"]
    if reader.dialect.name == "sqlite":
        return reader
    return create_engine(reader.url, poolclass=NullPool, connect_args={"connect_timeout": int(PATIENCE_SECONDS)})
