"""What a newcomer does: a fresh folder, an empty HOME, `./dev run`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.journeys.walks import run, walk
from tests.parts.ports import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, as they are now."""
    folder = tmp_path_factory.mktemp("clone") / "latchkey"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@contextmanager
def dev_run(clone: Path, port: int) -> Iterator[Path]:
    """`./dev run` from another folder, until it answers; yields what it printed."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    said = clone.parent / "said"
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    environment = kept | {"PATH": os.environ["PATH"], "HOME": str(home), "PORT": str(port), "LOG_FILE": ""}
    base = Path(sys.base_prefix, "bin", "python3")
    with said.open("w") as output:
        process = subprocess.Popen([base, clone / "dev", "run"], cwd="/", env=environment, stdout=output, stderr=output)
    try:
        _wait(port, process, said)
        yield said
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait(port: int, process: "subprocess.Popen[bytes]", said: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, said.read_text()
        try:
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"no answer: {said.read_text()}")


@pytest.mark.timeout(600)
def test_a_newcomer_has_a_working_account_after_one_command(clone: Path) -> None:
    port = free_port()
    with dev_run(clone, port) as said:
        assert "Signed out." in run(walk("curl", port))
        first = said.read_text()
    for line in (f"http://127.0.0.1:{port}/docs", "/dev/mailbox", "/app", "Fresh secrets", "roomier"):
        assert line in first
    assert (clone / ".env").stat().st_mode & 0o077 == 0
    secrets = (clone / ".env").read_text()
    began = time.monotonic()
    with dev_run(clone, port) as said:
        print(f"second start: {time.monotonic() - began:.1f} s to the first answer")
        again = said.read_text()
    assert "Installing" not in again
    assert "Fresh secrets" not in again
    assert (clone / ".env").read_text() == secrets
