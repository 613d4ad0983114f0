"""`flask sessions …`."""

import click
from flask.cli import AppGroup

from commands.operator import OPERATOR
from database import unit_of_work
from services import audit, provider_visits, tickets
from services import sessions as sign_ins

sessions = AppGroup("sessions", help="Who is signed in.")


@sessions.command("end-all")
@click.confirmation_option(prompt="End every session of everybody, and void every link and code?")
def end_all() -> None:
    """End every session and void every one-time secret, as after restoring a backup."""
    with unit_of_work():
        ended, voided = sign_ins.end_everybodys("revoked_by_admin"), tickets.void_everybodys()
        provider_visits.void_everybodys()
        audit.record("everybody_signed_out", OPERATOR)
    click.echo(f"{ended} sessions have ended; {voided} links and codes are void.")
