"""The house's own Python files, read and parsed, and what they import."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"instance", "uploads", "__pycache__", "node_modules", "venv"}
OUTSIDE = ("tests", "benchmarks")


@dataclass(frozen=True)
class Source:
    """A Python file of ours, read and parsed."""

    path: str
    text: str
    tree: ast.Module

    @property
    def storey(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` with an empty name."""

    module: str
    name: str
    node: ast.Import | ast.ImportFrom

    @property
    def top(self) -> str:
        return self.module.split(".")[0]


def sources(folder: Path, *, outside: bool = False) -> Iterator[Source]:
    """Every Python file of the folder; `outside`: also the tests, the benchmarks and the command `dev`."""
    for file in files(folder):
        path = file.relative_to(folder).as_posix()
        if outside or path.split("/")[0] not in (*OUTSIDE, "dev"):
            text = file.read_text(encoding="utf-8")
            yield Source(path, text, parsed(text))


def files(folder: Path) -> Iterator[Path]:
    """Those that are ours: hidden folders, which hold the environment, are not even entered."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in ELSEWHERE:
            yield from files(entry)
        elif entry.suffix == ".py" or entry.name == "dev":
            yield entry


@cache
def parsed(text: str) -> ast.Module:
    """Kept, since the planted offences read the same files again and again."""
    return ast.parse(text)


def imports(source: Source) -> Iterator[Import]:
    """Every import, also those inside functions; a relative one counts as one of the own storey."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = source.storey if node.level else node.module or ""
            yield from (Import(module, alias.name, node) for alias in node.names)
