"""The operator's commands: `flask doctor`, `flask backup`, `flask restore`, `flask keys …`, `flask users …`, and more."""

import os

from flask import Flask

from commands import backup, doctor, keys, outbox, sessions, users


def needs_no_settings(arguments: list[str]) -> bool:
    """`flask keys new` makes what valid settings need, so it cannot ask for them."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "keys" in arguments and "new" in arguments


def tells_of_settings(arguments: list[str]) -> bool:
    """`flask doctor` lists the faults of settings among all else that is wrong."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "doctor" in arguments


def bare_app(faults: list[str] | None = None) -> Flask:
    """An app with nothing but these commands. `faults`: of the settings that it could not be made with."""
    app = Flask("latchkey")
    app.extensions["setting_faults"] = faults
    register(app)
    return app


def register(app: Flask) -> None:
    """Adds every command to the app."""
    made = (backup.backup, backup.restore, doctor.doctor, keys.keys, outbox.outbox, sessions.sessions, users.users)
    for command in made:
        app.cli.add_command(command)
