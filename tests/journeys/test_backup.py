"""Backup and restore, by the operator's commands, on a house that goes on serving: nothing lost, nothing old let in."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import text

from database import db, unit_of_work
from schema import migrations
from services import clock, outbox, pictures
from tests import factors, mailed
from tests.conftest import ROOMY, SECRETS
from tests.journeys.saved import ADA, BEA, CAL, Before, Place, Settle, fresh_uri, inhabited, load, settle
from tests.parts.images import encoded, plain
from tests.parts.service import Service, copy_of_the_project
from tests.parts.smtp import MailServer
from tests.people import PASSWORD
from tests.resources.conftest import Door, app_with
from tests.resources.gallery import data_uri

__all__ = ["fresh_uri", "settle"]
OTHER_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


def test_a_backup_under_load_brings_everything_back_and_lets_nothing_old_in(
    settle: Settle, mail_server: MailServer, tmp_path: Path
) -> None:
    here = settle("here")
    before = inhabited(here)
    door = here.door
    door.account("dan", "dan@example.org")
    dan, _ = door.tokens("dan")
    assert door.post("/forgot-password", {"email": BEA}).status_code == 202  # its letter waits

    def change_picture(busy: Door, turn: int) -> None:
        colour = (turn % 256, 0, 0)
        answer = busy.put("/profile", {"profile_picture": data_uri(encoded(plain(colour=colour), "PNG"))}, dan)
        assert answer.status_code == 200, answer.get_json()

    backups = tmp_path / "backups"
    backups.mkdir()
    with load(door.app, mail_server, change_picture) as rounds:
        for _ in range(10):  # until a round ended while it was made: one that waits long for the disk may outlast it
            shutil.rmtree(backups)
            backups.mkdir()
            begun = rounds[0]
            status, said = here.run("backup", str(backups))
            if status or rounds[0] > begun:
                break
        during = rounds[0] - begun
    assert (status, "pictures." in said, during > 0) == (0, True, True), said
    (file,) = backups.iterdir()
    assert (file.stat().st_mode & 0o777, file.suffix) == (0o600, ".tar")
    later_code = change_since(door, before)
    sent = len(mail_server.messages)

    there = settle("there", migrated=False)
    status, said = there.run("restore", str(file))
    assert (status, "Nobody is signed in" in said) == (0, True), said
    there_is_nothing_old(there.door, before, later_code)
    there.door.deliver()
    assert len(mail_server.messages) == sent, "what was sent since the backup is not sent again"
    their_accounts_work(there, before)


def change_since(door: Door, before: Before) -> str:
    """What happens after the backup; returns the code of `bea`'s app that was used."""
    code = before.phone.code(1)  # of a phone whose clock is fast: the latest that is taken
    assert factors.second(door, before.mfa_token, code).status_code == 200
    passwords = {"current_password": PASSWORD, "new_password": "other-words-entirely"}
    assert door.post("/change-password", passwords, before.access).status_code == 200
    door.deliver()
    return code


def there_is_nothing_old(door: Door, before: Before, later_code: str) -> None:
    """Accepted: none."""
    answers = [
        door.get("/profile", before.access),
        door.post("/refresh", token=before.refresh),
        door.post(before.reset, {"password": "other-words-entirely"}),
        door.get(before.reset, headers=mailed.JSON),
        door.post(before.confirm),
        factors.second(door, before.mfa_token, before.phone.code()),
        door.post("/verify-otp", {"email": ADA, "otp_code": before.login_code, "password": PASSWORD}),
        factors.sign_in(door, later_code, username="bea"),
        door.get(f"/auth/google/callback?code=c&state={before.state}", headers={"Cookie": "latchkey_provider=browser"}),
    ]
    assert [answer.status_code for answer in answers[:8]] == [401, 401, 400, 400, 400, 401, 401, 401]
    assert answers[0].get_json()["code"] == "session_ended"
    assert all(row["spent_at"] for row in door.rows("provider_visits"))
    assert answers[8].status_code in (400, 404)


def their_accounts_work(there: Place, before: Before) -> None:
    door = there.door
    with door.app.app_context():
        door.forget_guesses()
        assert door.login().status_code == 200, "ada, with the password of the day of the backup"
        with time_machine.travel(clock.now().timestamp() + 60):
            answer = factors.sign_in(door, before.phone.code(), username="bea")
            assert answer.status_code == 200, answer.get_json()
            assert there.picture_of(answer.get_json()["access_token"]).status_code == 200
        dan, _ = door.tokens("dan")
        assert door.get("/profile", dan).get_json()["profile_picture"] is None or there.picture_of(dan).status_code == 200
        assert pictures.missing() == []
        assert door.post("/resend-confirmation", {"email": CAL}).status_code == 202
        assert door.post(mailed.newest(door, CAL, mailed.CONFIRM)).status_code == 200
        assert factors.sign_in(door, before.phone.recovery_codes[0], username="bea").status_code == 200


def saved(settle: Settle, tmp_path: Path) -> tuple[Place, Path]:
    here, file = settle("here"), tmp_path / "saved.tar"
    inhabited(here)
    status, said = here.run("backup", str(file))
    assert status == 0, said
    return here, file


def test_what_is_there_is_replaced_only_if_told_so_and_while_nobody_uses_it(settle: Settle, tmp_path: Path) -> None:
    here, file = saved(settle, tmp_path)
    here.door.account("eve", "eve@example.org")
    before = here.everything()
    status, said = here.run("restore", str(file))
    assert (status, "--yes" in said, here.everything()) == (1, True, before)
    other = settle("here")
    assert other.door.login().status_code == 200
    before = other.everything()
    with other.door.app.app_context(), db.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.rollback()
        status, said = here.run("restore", "--yes", str(file))
    assert (status, "Stop the service" in said) == (1, True), said
    other.leave()
    assert here.everything() == before
    status, said = here.run("restore", "--yes", str(file))
    assert status == 0, said
    assert {row["username"] for row in here.door.rows("users")} == {"ada", "bea", "cal"}
    assert here.door.login().status_code == 200


@pytest.mark.parametrize("name", ["FERNET_KEY", "PASSWORD_PEPPER"])
def test_another_key_is_refused_and_the_right_one_named(settle: Settle, tmp_path: Path, name: str) -> None:
    here, file = saved(settle, tmp_path)
    right = here.door.app.extensions["settings"].model_dump()[name.lower()][0]
    status, said = settle("wrong", **{name: OTHER_KEY}).run("restore", str(file))
    assert (status, f"{name} lacks the key" in said, "Put that key back" in said) == (1, True, True)
    assert right not in said
    empty = settle("wrong").everything()
    assert (empty[0]["users"], empty[1]) == (0, [])
    assert settle("wrong", **{name: f"{OTHER_KEY},{right}"}).run("restore", str(file))[0] == 0


def test_a_damaged_or_altered_file_changes_nothing(settle: Settle, tmp_path: Path) -> None:
    here, file = saved(settle, tmp_path)
    before, whole, wrong = here.everything(), file.read_bytes(), tmp_path / "wrong.tar"
    with tarfile.open(file) as archive:
        spots = {member.name: member.offset_data for member in archive.getmembers()}
        sizes = {member.name: member.size for member in archive.getmembers()}
    end = spots["manifest.json"] + sizes["manifest.json"]
    damaged = [whole[: end * part // 8] for part in range(8)] + [b"no archive at all" * 100]
    for name, spot in spots.items():
        at = spot + sizes[name] // 2
        damaged.append(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    for content in damaged:
        wrong.write_bytes(content)
        status, said = here.run("restore", "--yes", str(wrong))
        assert status == 1, said
        assert "Nothing was changed" in said
    assert here.everything() == before
    assert here.run("restore", "--yes", str(tmp_path / "nowhere.tar"))[0] == 1


def test_a_file_that_the_disk_cannot_hold_leaves_the_last_backup(
    settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, file = saved(settle, tmp_path)
    before = file.read_bytes()

    def full(*given: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "add", full)
    status, said = here.run("backup", str(file))
    assert (status, "No space left" in said) == (1, True), said
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.glob(".*")] == [], "nothing is left beside"


def test_an_older_level_is_brought_up_and_a_newer_one_refused(settle: Settle, tmp_path: Path) -> None:
    here, file = settle("here"), tmp_path / "saved.tar"
    inhabited(here)
    with here.door.app.app_context():
        migrations().downgrade(revision="0005")
    assert here.run("backup", str(file))[0] == 0
    there = settle("there")
    assert there.run("restore", str(file))[0] == 0
    assert there.door.login().status_code == 200
    with here.door.app.app_context(), unit_of_work():
        db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert here.run("backup", str(file))[0] == 0
    before = there.everything()
    status, said = there.run("restore", "--yes", str(file))
    assert (status, "ahead of this code" in said, there.everything()) == (1, True, before)


def test_what_fails_half_way_leaves_what_was_there_or_says_what_to_do(
    settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, file = saved(settle, tmp_path)
    here.door.account("eve", "eve@example.org")
    before = here.everything()

    def broken() -> int:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "void_waiting", broken)
        status, said = here.run("restore", "--yes", str(file))
    assert status == 1
    if "sqlite" in here.uri:
        assert here.everything() == before
    else:
        assert "Run this again" in said, "psql has committed by then"
        assert here.run("restore", "--yes", str(file))[0] == 0


@pytest.mark.parametrize("fresh_uri", ["postgresql"], indirect=True, scope="module")
def test_a_load_that_postgresql_refuses_leaves_what_was_there(settle: Settle, tmp_path: Path) -> None:
    here, file = saved(settle, tmp_path)
    here.door.account("eve", "eve@example.org")
    with here.door.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER INDEX ix_users_email_key RENAME TO another"))
        connection.execute(text("CREATE TABLE ix_users_email_key (theirs int)"))  # of somebody else, in the way
    before = here.everything()
    status, said = here.run("restore", "--yes", str(file))
    assert (status, "already exists" in said, here.everything()) == (1, True, before)


def test_mariadb_is_told_so(tmp_path: Path, mail_server: MailServer, smtp: dict[str, str]) -> None:
    app = app_with(tmp_path / "unused", **smtp, SQLALCHEMY_DATABASE_URI="mysql://root@127.0.0.1:1/latchkey")
    result = app.test_cli_runner().invoke(args=["backup", str(tmp_path)])
    assert (result.exit_code, "docs/backup.md" in result.output) == (1, True)


@pytest.mark.parametrize("fresh_uri", ["postgresql"], indirect=True, scope="module")
def test_a_missing_program_is_named(settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = settle("here")
    monkeypatch.setenv("PATH", str(tmp_path))
    status, said = here.run("backup", str(tmp_path))
    assert (status, "pg_dump is not installed" in said) == (1, True)
    assert shutil.which("pg_dump") is None


@pytest.mark.parametrize("fresh_uri", ["postgresql"], indirect=True, scope="module")
def test_the_password_of_the_database_stands_on_no_command_line(
    settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settle("here")
    spy = tmp_path / "pg_dump"
    spy.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/words\necho "$PGPASSWORD" > {tmp_path}/told\necho top-secret >&2\nexit 1\n'
    )
    spy.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    uri = here.uri.replace("latchkey@", "latchkey:top-secret@")
    status, said = settle("here", SQLALCHEMY_DATABASE_URI=uri).run("backup", str(tmp_path))
    assert (status, said) == (1, "Error: pg_dump failed: …")
    assert (tmp_path / "told").read_text() == "top-secret\n"
    assert "secret" not in (tmp_path / "words").read_text()


def test_as_an_operator_does_it_with_the_service_running_and_stopped(tmp_path: Path) -> None:
    project, file = copy_of_the_project(tmp_path / "project"), tmp_path / "saved.tar"
    env = SECRETS | ROOMY | {"FLASK_ENV": "development", "LOG_FILE": ""}

    def by_command(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "flask", "--app", "app", *words]
        run = {"cwd": project, "env": env | {"PATH": os.environ["PATH"]}, "timeout": 60}
        done = subprocess.run(command, capture_output=True, text=True, check=False, **run)  # type: ignore[call-overload]
        return done.returncode, done.stdout + done.stderr

    with Service(env, project) as service:
        assert by_command("users", "create", "ada", ADA)[0] == 0
        assert by_command("backup", str(file))[0] == 0
        assert by_command("users", "create", "eve", "eve@example.org")[0] == 0
        status, said = by_command("restore", "--yes", str(file))
        assert (status, "Stop the service" in said) == (1, True), said
        service.stop()
        status, said = by_command("restore", "--yes", str(file))
        assert (status, "Nobody is signed in" in said) == (0, True), said
        database = project / "instance" / "user.db"
        assert database.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in database.parent.iterdir() if "restore" in path.name or "latchkey" in path.name] == []
        service.start()
        people = by_command("users", "list")[1]
        assert ("ada" in people, "eve" in people) == (True, False)
