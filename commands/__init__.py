"""The operator's commands: `flask doctor`, `flask backup`, `flask restore`, `flask keys …`, `flask users …`, and more."""

import os

import click
from flask import Flask
from flask.cli import AppGroup
from werkzeug.utils import import_string

import schema

COMMANDS = {
    "backup": "commands.backup:backup",
    "restore": "commands.backup:restore",
    "database": "commands.database:database",
    "doctor": "commands.doctor:doctor",
    "keys": "commands.keys:keys",
    "outbox": "commands.outbox:outbox",
    "sessions": "commands.sessions:sessions",
    "users": "commands.users:users",
}


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
    app.cli = _Late("latchkey")


class _Late(AppGroup):
    """A command is imported when it is asked for: the service needs none, and all take 9 MiB of each worker."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(["db", *COMMANDS])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "db":
            found: click.Command = schema.migrations().cli.db
            return found
        return import_string(COMMANDS[name]) if name in COMMANDS else None
