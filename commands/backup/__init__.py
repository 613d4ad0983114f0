"""`flask backup` and `flask restore`."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import inspect

import schema
from commands.backup import archive
from commands.backup.stores import Store, let_go, store
from commands.operator import OPERATOR
from database import db, unit_of_work
from services import audit, clock, disk, outbox, pictures, provider_visits, sessions, tickets, totp, users


@click.command()
@click.argument("target", type=click.Path(path_type=Path), metavar="FOLDER|FILE")
@with_appcontext
def backup(target: Path) -> None:
    """Write database and pictures into one private file, while the service runs; into a FOLDER by a name with the moment."""
    if target.is_dir():
        target = target / f"latchkey-{clock.now():%Y%m%dT%H%M%SZ}.tar"
    chosen = store()
    if (revision := _level()) is None:
        raise click.ClickException("The database has no tables yet, so there is nothing to save.")
    try:
        with _workplace(target.parent) as place:
            part = place / "part"
            kept = archive.write(part, chosen.snapshot, {"engine": db.engine.dialect.name, "revision": revision})
            part.chmod(0o600)
            disk.make_durable(part)
            part.replace(target)
            disk.make_durable(target.parent)
    except OSError as error:
        raise click.ClickException(
            f"{target} could not be written: {error.strerror}. An older file of that name is left."
        ) from error
    click.echo(f"{target}: the database at {revision}, and {kept} pictures.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Also over a database that has accounts; what is there is lost.")
@with_appcontext
def restore(file: Path, yes: bool) -> None:
    """Put a backup back, while the service is stopped; then nobody is signed in, and no link or code from before works."""
    chosen = store()
    with archive.opened(file) as found:
        _check_fits(found.manifest)
        if not yes and _has_accounts():
            raise click.ClickException("The database has accounts. Nothing was changed. To lose what is there, say --yes.")
        found.check()
        _check_unused(chosen)
        with _workplace(chosen.folder) as place:
            found.extract_database(place / archive.DATABASE)
            kept = found.put_pictures_back()
            chosen.put(place / archive.DATABASE, _finish)
        click.echo(f"Restored what was saved at {found.manifest['made_at']}, with {kept} pictures. Nobody is signed in.")


def _check_fits(manifest: dict[str, str]) -> None:
    if manifest["engine"] != db.engine.dialect.name:
        raise click.ClickException(f"The backup is of {manifest['engine']}, and the database is {db.engine.dialect.name}.")
    if manifest["revision"] not in schema.of_code():
        message = f"The backup is at {manifest['revision']}, ahead of this code. Nothing was changed."
        raise click.ClickException(f"{message} Install the version that made it, or a newer one.")


def _level() -> str | None:
    with db.engines["reader"].connect() as connection:
        return schema.of_database(connection)


def _has_accounts() -> bool:
    if db.engine.dialect.name == "sqlite" and not Path(db.engine.url.database or "").exists():
        return False
    return inspect(db.engine).has_table("users") and users.are_any()


def _check_unused(chosen: Store) -> None:
    if chosen.is_used():
        raise click.ClickException("Somebody is connected to the database. Nothing was changed. Stop the service first.")


def _finish() -> None:
    """Brings the schema up, and ends what was on its way when the backup was made.

    A letter that waited then may have been sent since, and its links are void: none is sent. A code of an authenticator app
    that was used since must not be good again.
    """
    schema.migrations().upgrade()
    with unit_of_work():
        sessions.end_everybodys("revoked_by_admin")
        tickets.void_everybodys()
        provider_visits.void_everybodys()
        outbox.void_waiting()
        totp.use_up_present_codes()
        pictures.forget_missing()
        audit.record("everybody_signed_out", OPERATOR)
    let_go()


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    """A private folder beside what is to be replaced, so that the last step is a rename."""
    if folder is not None and not folder.is_dir():
        raise click.ClickException(f"{folder} is no folder.")
    place = Path(tempfile.mkdtemp(prefix=".latchkey-", dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
