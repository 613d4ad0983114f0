"""The operator's commands: `flask doctor`, `flask keys …`, `flask users …`, `flask outbox …`, `flask sessions …`."""

import os

from flask import Flask

from commands import doctor, keys, outbox, sessions, users


def needs_no_settings(arguments: list[str]) -> bool:
    """`flask keys new` makes what valid settings need, so it cannot ask for them."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "keys" in arguments and "new" in arguments


def bare_app() -> Flask:
    """An app with nothing but these commands."""
    app = Flask("latchkey")
    register(app)
    return app


def register(app: Flask) -> None:
    """Adds every command to the app."""
    for command in (doctor.doctor, keys.keys, outbox.outbox, sessions.sessions, users.users):
        app.cli.add_command(command)
