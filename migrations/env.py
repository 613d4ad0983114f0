"""Runs the schema history against the app's database."""

import logging
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app

import model  # noqa: F401 - its tables must be known
import schema
from database import UtcDateTime, db

log = logging.getLogger("latchkey")


def _rendered(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("from database import UtcDateTime")
        return "UtcDateTime()"
    return False


def _tell(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
    log.info("the database is now at revision %s", ", ".join(step.destination_revision_ids) or "none")


def _run() -> None:
    options = current_app.extensions["migrate"].configure_args
    with schema.alone() as connection:
        context.configure(
            connection=connection, target_metadata=db.metadata, render_item=_rendered, on_version_apply=_tell, **options
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


_run()
