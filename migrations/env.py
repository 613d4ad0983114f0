"""Runs the schema history against the app's database."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app

import model  # noqa: F401 - its tables must be known
from database import UtcDateTime, db


def _rendered(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("from database import UtcDateTime")
        return "UtcDateTime()"
    return False


def _run() -> None:
    options = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=db.metadata, render_item=_rendered, **options)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


_run()
