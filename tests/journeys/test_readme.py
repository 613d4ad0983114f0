"""The README's walk, copied from the README and run against the running service."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOMY, SECRETS
from tests.parts.service import Service
from tests.parts.smtp import MailServer

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
LINK_LINE = re.compile(r"^link=.*$", re.MULTILINE)


def walk(kind: str, port: int) -> str:
    found = re.search(rf"<!-- walk: {kind} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no walk for {kind}"
    return found[1].replace(":5000", f":{port}")


def run(script: str) -> str:
    """What a terminal shows; HTTPie behaves there as it does for a person."""
    # What pytest adds to the environment of a worker does not matter; HTTPie lies beside the interpreter.
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")}
    parent, child = pty.openpty()
    try:
        done = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            stdin=child,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
    finally:
        os.close(parent)
        os.close(child)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def database(tmp_path: Path) -> dict[str, str]:
    return SECRETS | ROOMY | {"FLASK_ENV": "development", "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'walk.db'}"}


@pytest.fixture
def service(database: dict[str, str]) -> Iterator[Service]:
    with Service(database) as running:
        yield running


@pytest.mark.parametrize("kind", ["curl", "httpie"])
def test_the_walk_works_with_the_development_mailbox(service: Service, kind: str) -> None:
    shown = run(walk(kind, service.port))
    name = {"curl": "Ada", "httpie": "Bea"}[kind]
    assert '"email_confirmed"' in shown
    assert re.search(rf'"first_name": ?"{name}"', shown)
    assert "Signed out." in shown
    if kind == "curl":
        assert '"code":"session_ended"' in shown


def test_the_walk_works_over_real_smtp(database: dict[str, str], mail_server: MailServer, smtp: dict[str, str]) -> None:
    mail_server.clear()
    with Service(database | smtp) as running:
        script = walk("curl", running.port)
        before, after = LINK_LINE.split(script)
        run(before)
        link = mail_server.wait_to("ada@example.org")[0].links[0]
        settings = "\n".join(line for line in before.splitlines() if line.startswith(("api=", "json=")))
        shown = run(f"{settings}\nlink={link}\n{after}")
    assert "Signed out." in shown
    assert '"code":"session_ended"' in shown
