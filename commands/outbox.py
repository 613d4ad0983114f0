"""`flask outbox …`."""

import click
from flask.cli import AppGroup

from database import unit_of_work
from services import outbox as letters

outbox = AppGroup("outbox", help="Mail on its way.")


@outbox.command("list")
@click.option("--all", "everything", is_flag=True, help="Also letters that are sent, void or given up.")
def list_(everything: bool) -> None:
    """One letter a line: id, kind, state, tries, and when it is tried next; nothing of what it says, or to whom."""
    for letter in letters.listed(everything):
        click.echo("\t".join([letter.id, letter.kind, letter.state, str(letter.tries), letter.not_before.isoformat()]))


@outbox.command()
def retry() -> None:
    """Try every waiting letter now, as after a mended mail setting."""
    with unit_of_work():
        click.echo(f"{letters.hurry()} letters are due now.")
