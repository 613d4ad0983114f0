"""The bill of materials is whole and valid, the audit says when it was not done, and what is put off has a last day."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.house.sources import ROOT

LOCK = ROOT / "requirements.lock"
PUT_OFF = ROOT / ".ci" / "advisories.txt"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = script("audit")


@contextmanager
def answering(text: str, status: int = 200) -> Iterator[str]:
    """A server that says this to everybody."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_bill_of_materials_is_valid_and_has_every_package_of_the_lock() -> None:
    made = [subprocess.run([sys.executable, ROOT / "dev", "sbom"], capture_output=True, text=True, check=True) for _ in "ab"]
    assert made[0].stdout == made[1].stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made[0].stdout) is None
    listed = {(one["name"], one["version"]) for one in json.loads(made[0].stdout)["components"]}
    assert listed == set(re.findall(r"^([^\s=]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    assert len(listed) >= 60


@pytest.mark.parametrize(
    ("text", "status"),
    [("<!doctype html>", 200), ('{"vulnerabilities": []}', 200), ('{"info": {}}', 200), ("[]", 200), ("", 404), ("", 503)],
)
def test_where_no_advisories_come_the_audit_says_so_and_fails_nothing(
    capsys: pytest.CaptureFixture[str], text: str, status: int
) -> None:
    with answering(text, status) as address:
        assert audit.main(LOCK, PUT_OFF, address) == 0
    assert capsys.readouterr().out == f"The audit of requirements.lock was NOT done: {address} gives no advisories here.\n"


def test_where_nobody_answers_the_audit_says_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    with answering("") as address:
        pass
    assert audit.main(LOCK, PUT_OFF, address) == 0
    assert "NOT done" in capsys.readouterr().out


def test_a_vulnerable_package_fails_the_audit_and_one_without_advisories_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    clean = {"name": "clean", "version": "1", "vulns": []}
    skipped = {"name": "skipped", "skip_reason": "not found"}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    assert audit.judged(LOCK, [clean, skipped]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "NOT audited, since there are no advisories on them here: skipped."
    assert said[1] == "1 packages of requirements.lock audited, 0 vulnerable."
    assert audit.judged(LOCK, [clean, bad]) == 1
    assert "bad 2 is vulnerable" in capsys.readouterr().out


def test_what_is_put_off_fails_again_after_its_day(tmp_path: Path) -> None:
    file = tmp_path / "advisories.txt"
    file.write_text("# a comment\n\nPYSEC-1 2026-03-01 not reachable\nGHSA-2 2026-01-01 waits for a release\n")
    assert audit.in_force(file, date(2026, 2, 1)) == ["PYSEC-1"]
    assert audit.in_force(file, date(2026, 3, 1)) == ["PYSEC-1"]
    assert audit.in_force(file, date(2026, 3, 2)) == []
    audit.in_force(PUT_OFF, date.max)
