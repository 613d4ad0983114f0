"""Node.js with the packages that `tests/node` names, installed there when they are missing."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

from .account import tail
from .missing import Missing

FOLDER = Path(__file__).resolve().parents[1] / "node"
INSTALL = "Install Node.js 20 or newer and npm (on Debian: apt-get install nodejs npm) to test against programs from npm."
CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")


def node() -> str:
    """The program, its packages in place; raises Missing."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        raise Missing(INSTALL)
    folder = os.open(FOLDER, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # two test processes must not install at once
    try:
        if not _is_current():
            _install(npm)
    finally:
        os.close(folder)
    return found


def command(script: str) -> list[str]:
    """How to run a script of tests/node; raises Missing."""
    return [node(), str(FOLDER / script)]


def _is_current() -> bool:
    """npm keeps a lock file of what it has installed."""
    installed = FOLDER / "node_modules" / ".package-lock.json"
    return installed.is_file() and _packages(installed) == _packages(FOLDER / "package-lock.json")


def _packages(lock: Path) -> dict[str, str]:
    """By name, without those that are for other systems only: npm leaves them out, and out of what it has installed."""
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {name: package["integrity"] for name, package in packages.items() if name and package.get("os") is None}


def _install(npm: str) -> None:
    log = FOLDER / "node_modules.log"
    with log.open("wb") as output:
        done = subprocess.call([npm, *CI], cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=240)
    if done:
        raise Missing(f"npm could not install what tests/node/package-lock.json names:\n{tail(log)}")


def script(path: str) -> str:
    """The text of a script among the packages, for a browser; raises Missing."""
    node()
    return (FOLDER / "node_modules" / path).read_text(encoding="utf-8")
