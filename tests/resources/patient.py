"""A house to be examined by `flask doctor`: on SQLite, its schema made by the migrations."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from database import overwrite_log
from schema import migrations
from tests.conftest import SECRETS
from tests.parts.smtp import MailServer
from tests.resources.conftest import Door, app_with

NEVER_PRINTED = (*SECRETS.values(), "mail-password", "secret-of-latchkey", "a-password-of-the-database")


@dataclass
class Examined:
    """Exit status and findings of one run."""

    status: int
    findings: list[dict[str, str]]

    def of(self, check: str) -> list[tuple[str, str]]:
        """Status, and message with cure, of each finding of one check."""
        return [(one["status"], f"{one['message']}. {one['cure']}") for one in self.findings if one["check"] == check]

    def one(self, check: str, status: str, *words: str) -> None:
        """Exactly one finding of this check, of this status, with these words; a fault decides the exit status."""
        found = self.of(check)
        assert [how for how, _ in found] == [status], found
        assert all(word in found[0][1] for word in words), found
        assert (found[0][1].rpartition(". ")[2] != "") == (status != "ok"), "what is not ok has a cure"
        assert self.status == (1 if any(one["status"] == "fault" for one in self.findings) else 0)


class Patient(Door):
    """A door with a doctor."""

    def examined(self, *words: str) -> Examined:
        result = self.app.test_cli_runner().invoke(args=["doctor", "--json", *words])
        assert not any(secret in result.output for secret in NEVER_PRINTED)
        return Examined(result.exit_code, json.loads(result.stdout))

    def lines(self) -> list[str]:
        result = self.app.test_cli_runner().invoke(args=["doctor"])
        return str(result.stdout).splitlines()


Admit = Callable[..., Patient]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file as the migrations make it."""
    file = tmp_path_factory.mktemp("migrated") / "door.db"
    app = app_with(file)
    with app.app_context():
        migrations().upgrade()
        overwrite_log()  # else it would stand in a file beside
    return file


@pytest.fixture
def admit(migrated: Path, tmp_path: Path, mail_server: MailServer, smtp: dict[str, str]) -> Admit:
    """Makes a patient with these settings."""
    mail_server.clear()

    def make(**changes: Any) -> Patient:
        file = tmp_path / "door.db"
        if not file.exists():
            shutil.copy(migrated, file)
            file.chmod(0o600)
        own = {"UPLOAD_FOLDER": str(tmp_path / "uploads")}
        return Patient(app_with(file, **smtp | own | changes), mail_server)

    return make
