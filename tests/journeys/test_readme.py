"""The walks of README and docs, copied from there and run against the running service; no other command is unmarked."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOMY, SECRETS
from tests.journeys.walks import blocks, run, walk
from tests.parts.service import Service
from tests.parts.smtp import MailServer

LINK_LINE = re.compile(r"^link=.*$", re.MULTILINE)
WALKS = {"curl", "httpie", "walkthrough curl", "walkthrough httpie"}


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


@pytest.mark.parametrize("tool", ["curl", "httpie"])
def test_the_walk_through_everything_works(service: Service, tool: str, tmp_path: Path) -> None:
    lines = walk(f"walkthrough {tool}", service.port).splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "totp $secret -1" in line)
    lines.insert(at, "while (( $(date +%s) % 30 > 20 )); do sleep 1; done\n")  # else it may be two steps old on arrival
    shown = run("".join(lines), tmp_path)
    print(shown)
    name = {"curl": "grace", "httpie": "hedy"}[tool]
    for told in (
        "Signed out.",
        "The second factor is off.",
        "Your account is back.",
        "Your password is set",
        f"{name}@new.example.org",
    ):
        assert told in shown, told
    if tool == "curl":
        assert {"mfa_required", "session_ended", "account_deleted"} <= set(re.findall(r'"(?:code|reason)":"(\w+)"', shown))
        assert "Give your account this email address back." in shown
    assert list(tmp_path.glob("*.png")) == []


def test_every_command_that_a_page_shows_is_run_or_says_that_it_is_not() -> None:
    unmarked = [f"{block.page}:{block.line}" for block in blocks() if not block.is_marked]
    assert unmarked == [], "put a comment above: walk, run by tests/…, or not run by a test"


def test_every_walk_is_run() -> None:
    assert {block.walk for block in blocks() if block.walk} == WALKS


def test_an_unmarked_command_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page = (
        "<!-- walk: a -->\n```sh\ntrue\n```\n\n1. x\n\n   ```bash\n   false\n   ```\n\n```sh\nrm x  # not run by a test\n```\n"
    )
    page += "<!-- run by tests/nowhere.py -->\n```console\n$ x\n```\n```js\nx\n```\n"
    (tmp_path / "docs" / "page.md").write_text(page, encoding="utf-8")
    assert [(block.line, block.is_marked) for block in blocks(tmp_path)] == [(2, True), (8, False), (12, True), (16, False)]
