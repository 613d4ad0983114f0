"""`flask doctor` on the database, clocks, jobs, mail on its way and clients' addresses."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import text

import jobs
from database import db, unit_of_work
from schema import migrations
from services import clock, openid
from tests.conftest import start_database
from tests.parts.hostile_provider import hostile_provider
from tests.parts.ports import LOOPBACK, free_port
from tests.people import PASSWORD
from tests.resources.patient import Admit, Patient, admit, migrated
from tests.visitors import settings_of

__all__ = ["admit", "migrated"]
AT = {"BASE_URL": "https://auth.example.org"}


def test_a_database_that_answers_at_the_codes_level(admit: Admit) -> None:
    found = admit().examined()
    found.one("database", "ok", "sqlite 3.")
    found.one("migrations", "ok")


def test_a_database_that_does_not_answer(admit: Admit) -> None:
    uri = f"postgresql://latchkey:a-password-of-the-database@{LOOPBACK}:{free_port()}/latchkey"
    found = admit(SQLALCHEMY_DATABASE_URI=uri).examined()
    found.one("database", "fault", "no answer", "refused")
    assert (found.of("migrations"), found.of("outbox")) == ([], []), "what hangs on it is not asked"
    found.one("mail", "ok")


@pytest.mark.parametrize(
    ("level", "words"), [("base", "no tables yet"), ("-1", "1 behind the code's"), ("9999", "is at 9999, ahead of the code")]
)
def test_a_schema_that_is_not_the_codes(admit: Admit, level: str, words: str) -> None:
    patient = admit()
    with patient.app.app_context():
        if level == "9999":
            with unit_of_work():
                db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        else:
            migrations().downgrade(revision=level)
    patient.examined().one("migrations", "fault", words)


def test_clocks_that_go_apart(admit: Admit, tmp_path: Path) -> None:
    admit().examined().one("clock", "ok", "not compared: SQLite")
    with ExitStack() as stack:
        patient = admit(SQLALCHEMY_DATABASE_URI=start_database(stack, "postgresql", tmp_path))
        with patient.app.app_context():
            migrations().upgrade()
        patient.examined().one("clock", "ok", "the database server")
        for seconds, status in ((10, "warning"), (-60, "fault")):
            with time_machine.travel(clock.now() + timedelta(seconds=seconds)):
                patient.examined().one("clock", status, "NTP")
        with patient.app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def test_a_providers_date_is_compared_too(admit: Admit) -> None:
    openid._kept.clear()
    with hostile_provider() as provider:
        admit(**settings_of(provider.realm().discovery_url)).examined().one("clock", "ok", "the provider google")


def run_jobs(patient: Patient) -> None:
    for job in (jobs.deliver_mail, jobs.catch_up, jobs.end_idle_sessions, jobs.clear_out, jobs.forget):
        job(patient.app)


def test_jobs_that_nobody_runs(admit: Admit) -> None:
    patient = admit()
    patient.examined().one("jobs", "warning", f"never run: {', '.join(jobs.PERIODS)}", "SCHEDULER_ENABLED")
    jobs.deliver_mail(patient.app)
    (delivery, said), (others, rest) = patient.examined().of("jobs")
    assert (delivery, others, "deliver_due" in said, "within 5 minutes of a start" in rest) == ("ok", "warning", True, True)
    run_jobs(patient)
    assert [how for how, _ in patient.examined().of("jobs")] == ["ok"] * len(jobs.PERIODS)
    with time_machine.travel(clock.now() + timedelta(minutes=10)):
        late = {said.split()[0]: how for how, said in patient.examined().of("jobs")}
    assert late == {name: "fault" if seconds <= jobs.IDLE_SECONDS else "ok" for name, seconds in jobs.PERIODS.items()}


def test_a_job_that_fails_says_so_and_is_noted_once_a_minute(admit: Admit, tmp_path: Path) -> None:
    patient = admit()
    run_jobs(patient)
    patient.account()
    patient.change("users", picture="A" * 43 + ".png")
    folder = tmp_path / "uploads" / "profile_pictures"
    (folder / ("B" * 43 + ".png")).mkdir(parents=True)  # no file, so it cannot be removed as one
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        run_jobs(patient)
        found = [said for how, said in patient.examined().of("jobs") if how == "fault"]
        assert [said.split(";")[0] for said in found] in (
            ["sweep fails (IsADirectoryError)"],
            ["sweep fails (PermissionError)"],
        )
        before = patient.rows("job_runs")
        run_jobs(patient)
        assert patient.rows("job_runs") == before, "the second run of a minute writes nothing"


def test_mail_that_does_not_get_away(admit: Admit) -> None:
    patient = admit()
    patient.examined().one("outbox", "ok")
    patient.sign_up()
    patient.examined().one("outbox", "ok", "1 letters wait")
    patient.change("letters", not_before=clock.now() - timedelta(minutes=10))
    patient.examined().one("outbox", "fault", "SCHEDULER_ENABLED")
    patient.change("letters", not_before=clock.now() + timedelta(minutes=10), tries=3)
    patient.examined().one("outbox", "warning", "outbox retry")
    patient.change("letters", state="given_up")
    found = patient.examined()
    assert [how for how, _ in found.of("outbox")] == ["ok", "warning"]
    assert "1 letters were given up" in found.of("outbox")[1][1]


def sign_in_from(patient: Patient, *addresses: str) -> None:
    """A new account for each."""
    for number, address in enumerate(addresses):
        name = f"ada{number}"
        patient.account(name, f"{name}@example.org")
        answer = patient.post("/login", {"username": name, "password": PASSWORD}, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("addresses", "status", "word"),
    [
        ((), "ok", "nobody has signed in lately"),
        (("172.18.0.2",) * 2, "ok", "1 addresses"),
        (("172.18.0.2",) * 3, "warning", "all came from 172.18.0.2"),
        (("172.18.0.2", "172.18.0.2", "198.51.100.7"), "ok", "2 addresses"),
        (("9.9.9.9",) * 3, "ok", "1 addresses"),
        (("gibberish",) * 3, "warning", "something else than addresses"),
    ],
)
def test_a_proxy_that_is_taken_for_every_client(admit: Admit, addresses: tuple[str, ...], status: str, word: str) -> None:
    patient = admit(**AT)
    sign_in_from(patient, *addresses)
    patient.examined().one("clients", status, word)
