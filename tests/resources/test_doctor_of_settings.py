"""`flask doctor` on settings, mail and files: a real fault of each kind is found, and nothing else is made of it."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from commands.doctor import mail
from tests.conftest import SECRETS, refuse_or_skip
from tests.parts import http_faults
from tests.parts.images import png
from tests.parts.leaks import service_of_leaks
from tests.parts.missing import Missing
from tests.parts.ports import LOOPBACK, free_port
from tests.parts.redis import redis
from tests.parts.service import copy_of_the_project
from tests.parts.smtp import MailServer
from tests.resources.gallery import data_uri
from tests.resources.patient import Admit, admit, migrated

__all__ = ["admit", "migrated"]
PRODUCTION = {"FLASK_ENV": "production", "BCRYPT_LOG_ROUNDS": "10"}
BEHIND_A_PROXY = PRODUCTION | {"BASE_URL": "https://auth.example.org", "TRUSTED_PROXIES": "1", "FORCE_HTTPS": "true"}
PLAIN = {"PLAINTEXT_HOSTS": "redis.invalid"}
LONG = "s1mXgQ8hTzPqv7Lw"
DIRECT = {"TRUSTED_PROXIES": "0", "FORCE_HTTPS": "false"}
FULLEST = namedtuple("FULLEST", "total used free")
NOBODY = 65534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may enter, as few of pytest's are."""
    folder = Path(tempfile.mkdtemp(prefix="latchkey-open-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def by_command(folder: Path, **settings: str) -> tuple[int, str]:
    """The command as an operator gives it; stdout only."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_FILE": ""}
    command = [sys.executable, "-m", "flask", "--app", "app", "doctor", "--json"]
    done = subprocess.run(command, cwd=folder, env=bare | settings, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_faulty_settings_are_findings_all_of_them(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    status, said = by_command(project, SECRET_KEY="changeme", JWT_SECRET_KEY="x" * 40, PORT="none")
    found = json.loads(said)
    assert (status, {one["check"] for one in found}, {one["status"] for one in found}) == (1, {"settings"}, {"fault"})
    told = {one["message"].partition(":")[0] for one in found}
    assert told >= {"SECRET_KEY", "JWT_SECRET_KEY", "PASSWORD_PEPPER", "FERNET_KEY", "PORT", "BASE_URL", "MAIL_USERNAME"}
    assert all(one["cure"] for one in found)
    assert "x" * 40 not in said


def test_a_key_file_that_holds_none_is_a_finding(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    (tmp_path / "key.pem").write_text("no key")
    keys = {"JWT_ALGORITHM": "EdDSA", "JWT_PRIVATE_KEYS": str(tmp_path / "key.pem")}
    status, said = by_command(project, FLASK_ENV="development", **SECRETS, **keys)
    assert (status, json.loads(said)[0]["message"].partition(":")[0]) == (1, "JWT_PRIVATE_KEYS")


def test_a_service_that_never_started_lacks_only_its_database(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    status, said = by_command(project, FLASK_ENV="development", **SECRETS)
    found = json.loads(said)
    assert (status, [one["check"] for one in found if one["status"] == "fault"]) == (1, ["database"])
    assert not (project / "instance" / "user.db").exists(), "looking makes nothing"


def test_a_good_house_has_no_fault_and_says_so_in_lines(admit: Admit) -> None:
    patient = admit(**BEHIND_A_PROXY)
    found = patient.examined()
    assert found.status == 0
    found.one("settings", "ok")
    lines = patient.lines()
    assert "ok       settings: the secrets are set, and all fits together" in lines
    assert all(line[:9] in ("ok       ", "warning  ", "         ") for line in lines)


@pytest.mark.parametrize(
    ("check", "status", "settings", "word"),
    [
        ("https", "warning", BEHIND_A_PROXY | {"FORCE_HTTPS": "false"}, "answered like others"),
        ("https", "warning", BEHIND_A_PROXY | {"FRONTEND_URL": "http://app.example.org"}, "FRONTEND_URL"),
        ("proxies", "fault", BEHIND_A_PROXY | DIRECT, "all clients count as one"),
        ("cors", "warning", {"CORS_ORIGINS": "*"}, "every page"),
        ("cors", "warning", BEHIND_A_PROXY | {"CORS_ORIGINS": "http://app.example.org"}, "plain http"),
        ("limits", "warning", {"WEB_CONCURRENCY": "2"}, "each of 2 workers"),
        ("servers", "warning", {"RATELIMIT_STORAGE_URI": f"redis://:{LONG}@redis.invalid/0"}, "rediss://"),
        ("servers", "warning", {"RATELIMIT_STORAGE_URI": "rediss://redis.invalid/0"}, "no password"),
        ("servers", "warning", {"SQLALCHEMY_DATABASE_URI": f"postgresql://a:{LONG}@db.invalid/a"}, "sslmode=verify-full"),
        (
            "servers",
            "warning",
            {"SQLALCHEMY_DATABASE_URI": f"postgresql://a:{LONG}@db.invalid/a?sslmode=require"},
            "not checked",
        ),
        (
            "servers",
            "warning",
            {"RATELIMIT_STORAGE_URI": f"rediss://:{LONG}@redis.invalid/0?ssl_cert_reqs=none"},
            "not checked",
        ),
        ("servers", "warning", {"SQLALCHEMY_DATABASE_URI": f"mysql://a:{LONG}@db.invalid/a?ssl_cert=/a"}, "not checked"),
        ("servers", "ok", {"RATELIMIT_STORAGE_URI": f"redis://:{LONG}@redis.invalid/0"} | PLAIN, "as PLAINTEXT_HOSTS says"),
        ("servers", "ok", {"MAIL_SERVER": "redis.invalid", "MAIL_USE_TLS": "false"} | PLAIN, "plain text (MAIL_USE_TLS)"),
        ("servers", "warning", {"SQLALCHEMY_DATABASE_URI": "postgresql://a@db.invalid/a?sslmode=verify-full"}, "no password"),
        ("servers", "warning", {"SQLALCHEMY_DATABASE_URI": f"mysql://a:{LONG}@db.invalid/a"}, "ssl_ca"),
        ("servers", "ok", {"SQLALCHEMY_DATABASE_URI": f"postgresql://a:{LONG}@db.invalid/a?sslmode=verify-full"}, "encrypted"),
        ("servers", "ok", {"SQLALCHEMY_DATABASE_URI": "postgresql:///a?host=/run/postgresql"}, "this machine"),
        ("servers", "ok", {"RATELIMIT_STORAGE_URI": "redis://127.0.0.1:1/0"}, "this machine"),
        ("servers", "ok", {}, "this machine"),
        ("limits", "warning", {"RATELIMIT_ENABLED": "false"}, "nobody is limited"),
    ],
)
def test_settings_that_are_valid_and_not_good(
    admit: Admit, check: str, status: str, settings: dict[str, str], word: str
) -> None:
    admit(**settings).examined().one(check, status, word)


def test_limits_are_counted_where_that_answers(admit: Admit, tmp_path: Path) -> None:
    admit().examined().one("limits", "ok", "in memory")
    with ExitStack() as stack:
        try:
            uri = stack.enter_context(redis(tmp_path / "redis"))
        except Missing as missing:
            refuse_or_skip(missing)
        admit(RATELIMIT_STORAGE_URI=uri, WEB_CONCURRENCY="2").examined().one("limits", "ok", "for all workers")
    gone = f"redis://:a-password-of-the-database@{LOOPBACK}:{free_port()}/0"
    admit(RATELIMIT_STORAGE_URI=gone).examined().one("limits", "fault", "does not count")


def test_a_mail_server_is_asked_and_gets_no_mail(admit: Admit, mail_server: MailServer) -> None:
    admit().examined().one("mail", "ok", "takes mail from door@latchkey.example.org")
    assert (mail_server.messages, mail_server.attempts) == ([], [])


def test_one_mail_is_sent_where_that_is_asked_for(admit: Admit, mail_server: MailServer) -> None:
    found = admit().examined("--mail-to", "ops@example.org")
    assert [how for how, _ in found.of("mail")] == ["ok", "ok"]
    assert [mail.recipients for mail in mail_server.messages] == [("ops@example.org",)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"MAIL_PASSWORD": "another-password"}, "refuses the login"),
        ({"MAIL_CA_FILE": "another"}, "certificate is not trusted"),
        ({"MAIL_CA_FILE": "/nowhere/ca.pem"}, "cannot be reached"),
        ({"MAIL_PORT": "closed"}, "nothing listens there"),
        ({"MAIL_PORT": "plain"}, "does not offer what the settings want (STARTTLS"),
        ({"MAIL_PORT": "silent"}, "no answer within 5 seconds"),
        ({"MAIL_USE_TLS": "false", "MAIL_USE_SSL": "true"}, "speaks no TLS on this port"),
        ({"MAIL_SERVER": "mail.invalid"}, "name is unknown"),
    ],
)
def test_each_fault_of_mail_is_told_apart(
    admit: Admit, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], words: str
) -> None:
    monkeypatch.setattr(mail, "SECONDS", 1)
    with MailServer("plain") as plain, socket.create_server((LOOPBACK, 0)) as silent:
        given = {"closed": free_port(), "plain": plain.port, "silent": silent.getsockname()[1], "another": plain.ca_file}
        changes = {name: str(given.get(value, value)) for name, value in wrong.items()}
        admit(**changes).examined().one("mail", "fault", words)


def test_a_refused_sender_is_a_fault_and_a_missing_login_a_warning(admit: Admit) -> None:
    found = admit(MAIL_USERNAME="").examined()
    assert [how for how, _ in found.of("mail")] == ["warning", "fault"]
    assert "refuses the sender" in found.of("mail")[1][1]
    assert found.status == 1


def test_secrets_that_everybody_may_read(admit: Admit, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = open_folder / "secret"
    secret.write_text(SECRETS["SECRET_KEY"])
    monkeypatch.setenv("SECRET_KEY_FILE", str(secret))
    for mode, status in ((0o600, "ok"), (0o640, "ok"), (0o644, "fault")):
        secret.chmod(mode)
        admit(**BEHIND_A_PROXY).examined().one("files", status, *([] if status == "ok" else ["chmod 600"]))
    open_folder.chmod(0o700)
    admit(**BEHIND_A_PROXY).examined().one("files", "ok")


def test_the_database_file_is_made_private(admit: Admit, open_folder: Path) -> None:
    file = open_folder / "fresh.db"
    patient = admit(SQLALCHEMY_DATABASE_URI=f"sqlite:///{file}")
    patient.open()
    assert [path.stat().st_mode & 0o777 for path in open_folder.glob("fresh.db*")] == [0o600] * len(list(open_folder.glob("*")))
    patient.examined().one("files", "ok")
    file.chmod(0o644)
    patient.examined().one("files", "warning", str(file))


def test_a_folder_that_cannot_be_written(admit: Admit, open_folder: Path) -> None:
    uploads = open_folder / "uploads"
    uploads.mkdir(mode=0o555)
    patient = admit(UPLOAD_FOLDER=str(uploads))
    we = os.geteuid()
    try:
        if we == 0:
            os.seteuid(NOBODY)
        found = patient.examined()
    finally:
        os.seteuid(we)
    assert any(how == "fault" and f"{uploads} cannot be written" in said for how, said in found.of("files"))


@pytest.mark.parametrize(("free", "status"), [(2**40, "ok"), (2**29, "warning"), (2**20, "fault")])
def test_a_disk_that_runs_full(admit: Admit, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    patient = admit()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: FULLEST(2**41, 2**41 - free, free))
    assert {how for how, _ in patient.examined().of("files")} == {status}


def test_a_list_of_leaked_passwords_that_does_not_do_its_work(admit: Admit, tmp_path: Path) -> None:
    hashes = sorted(hashlib.sha1(f"{word}".encode()).hexdigest().upper() for word in ("password", *range(50)))
    file = tmp_path / "leaked"
    file.write_text("\n".join(hashes) + "\n")
    patient = admit(PASSWORD_BREACH_FILE=str(file))
    patient.examined().one("leaked passwords", "ok")
    known = hashlib.sha1(b"password").hexdigest().upper()
    file.write_text("\n".join(line for line in hashes if line != known) + "\n")
    patient.examined().one("leaked passwords", "warning", "not whole")
    file.write_text("\n".join([hashes[0], *["garbage"] * 50, hashes[-1]]) + "\n")
    patient.examined().one("leaked passwords", "fault", "cannot be searched")
    admit().examined().one("leaked passwords", "ok", "no list")
    admit(**BEHIND_A_PROXY).examined().one("leaked passwords", "warning", "PASSWORD_BREACH_FILE is not set")


def test_a_service_of_leaked_passwords_that_does_not_do_its_work(admit: Admit) -> None:
    with service_of_leaks() as leaks:
        patient = admit(PASSWORD_BREACH_URL=leaks.url, **BEHIND_A_PROXY)
        patient.examined().one("leaked passwords", "ok", "answers")
        leaks.words = set()
        patient.examined().one("leaked passwords", "warning", "does not know the word password")
        leaks.fault = http_faults.broken
        patient.examined().one("leaked passwords", "warning", "does not answer", "status 500", "PASSWORD_BREACH_URL")


def test_a_picture_whose_file_is_gone(admit: Admit, tmp_path: Path) -> None:
    patient = admit()
    patient.account()
    access, _ = patient.tokens()
    assert patient.put("/profile", {"profile_picture": data_uri(png())}, access).status_code == 200
    patient.examined().one("pictures", "ok")
    for file in (tmp_path / "uploads" / "profile_pictures").iterdir():
        file.unlink()
    patient.examined().one("pictures", "warning", "1 accounts")
