"""`flask doctor`: what is wrong, before users find out."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from threading import Thread

import click
from flask import current_app
from flask.cli import with_appcontext

from commands.doctor import certificate, clients, clocks, files, kept, limits, mail, providers, servers, store, web, work
from commands.doctor.findings import Check, Finding, fault

CHECK_SECONDS = 20
"""How long one check may take with all its questions."""
STORED: tuple[Check, ...] = (
    clocks.examined,
    work.jobs_examined,
    work.outbox_examined,
    clients.examined,
    files.pictures_examined,
    kept.examined,
)
"""What can be looked at only in a database that answers and is at the code's level."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A list of {check, status, message, cure} instead of lines.")
@click.option("--mail-to", metavar="ADDRESS", help="Send one mail there, besides asking the mail server.")
@with_appcontext
def doctor(as_json: bool, mail_to: str | None) -> None:
    """Tell what is wrong before users do. Exits with 1 where a fault was found; warnings alone leave 0."""
    found = []
    for finding in _examined(mail_to):
        found.append(finding)
        if not as_json:
            _tell(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    if any(finding.status == "fault" for finding in found):
        raise SystemExit(1)


def _tell(finding: Finding) -> None:
    label = "FAULT" if finding.status == "fault" else finding.status
    click.echo(f"{label:8} {finding.check}: {finding.message}")
    if finding.cure:
        click.echo(f"{'':8} {finding.cure}")


def _examined(mail_to: str | None) -> Iterator[Finding]:
    """Every finding, as it is made. No check stops the others; with faulty settings there is nothing else to look at."""
    if (faults := current_app.extensions.get("setting_faults")) is not None:
        yield from web.refused(faults)
        return
    asked: list[Check] = [
        web.examined,
        certificate.examined,
        files.examined,
        *providers.checks(),
        partial(mail.examined, mail_to),
        limits.examined,
        servers.examined,
    ]
    for check in asked:
        yield from _bounded(check)
    stored = list(_bounded(store.examined))
    yield from stored
    if all(finding.status == "ok" for finding in stored):
        for check in STORED:
            yield from _bounded(check)


def _bounded(check: Check) -> list[Finding]:
    """What a check found, in a thread of its own: one that hangs is left behind."""
    found: list[Finding] = []
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def run() -> None:
        with app.app_context():
            try:
                found.extend(check())
            except Exception as error:
                found.append(fault(_name(check), f"could not be examined: {type(error).__name__}", "See the log."))

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(CHECK_SECONDS)
    if thread.is_alive():
        return [*found, fault(_name(check), f"no answer within {CHECK_SECONDS} seconds", "Is what it asks overloaded?")]
    return found


def _name(check: Check) -> str:
    plain = check.func if isinstance(check, partial) else check
    return str(plain.__module__.rpartition(".")[2])
