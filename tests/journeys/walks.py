"""The commands that README and docs show, taken from there; and a terminal to run them in."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "examples/*/README.md")
BLOCK = re.compile(r"^(?P<indent> *)```(?:sh|bash|shell|console)\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- (?P<mark>[^\n]*) -->\s*\Z")
UNTESTED = "not run by a test"


@dataclass(frozen=True)
class Block:
    """Commands of a page, and the comment that stands right above them; empty for none."""

    page: str
    line: int
    mark: str
    text: str

    @property
    def walk(self) -> str:
        """The name of the walk that it is a part of."""
        return self.mark.removeprefix("walk: ") if self.mark.startswith("walk: ") else ""

    @property
    def is_marked(self) -> bool:
        """Whether it says who runs it, or that nobody does."""
        test = re.fullmatch(r"run by (tests/\S+\.py)", self.mark)
        return bool(self.walk) or UNTESTED in self.mark + self.text or bool(test and (ROOT / test[1]).is_file())


def blocks(root: Path = ROOT) -> Iterator[Block]:
    """Every block of commands in the pages of a folder, in their order."""
    for page in (file for pattern in PAGES for file in sorted(root.glob(pattern))):
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            before = text[: found.start()]
            mark = MARK.search(before)
            yield Block(page.relative_to(root).as_posix(), before.count("\n") + 1, mark["mark"] if mark else "", found["text"])


def walk(name: str, port: int) -> str:
    """The blocks of a walk, one after another, for a service at this port."""
    parts = [block.text for block in blocks() if block.walk == name]
    assert parts, f"no page has the walk {name}"
    return "".join(parts).replace(":5000", f":{port}").replace(".venv/bin/python", sys.executable)


def run(script: str, folder: Path | None = None) -> str:
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
            cwd=folder,
            timeout=120,
            check=False,
        )
    finally:
        os.close(parent)
        os.close(child)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
