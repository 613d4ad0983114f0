"""What others do with an OpenAPI document: linters, and a typed client (from npm)."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from . import node

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
"""No call leaves the machine."""
STRICT = {
    "strict": True,
    "noEmitOnError": True,
    "noUncheckedIndexedAccess": True,
    "noImplicitReturns": True,
    "noUnusedLocals": True,
    "exactOptionalPropertyTypes": True,
    "skipLibCheck": True,
    "target": "ES2022",
    "module": "NodeNext",
    "lib": ["ES2022", "DOM", "DOM.Iterable"],
    "types": [],
}


def redocly(document: dict[str, Any], folder: Path) -> str:
    """What the linter says; empty where it finds no error. Raises Missing."""
    return _lint("@redocly/cli/bin/cli.js", ["lint", "--config", str(node.FOLDER / "redocly.yaml")], document, folder)


def spectral(document: dict[str, Any], folder: Path) -> str:
    """What the linter says; empty where it finds neither an error nor a warning. Raises Missing."""
    options = ["lint", "--ruleset", str(node.FOLDER / "spectral.yaml"), "--fail-severity", "warn"]
    return _lint("@stoplight/spectral-cli/dist/index.js", options, document, folder)


def compiled(script: str, document: dict[str, Any], folder: Path) -> Path:
    """The script of tests/node as JavaScript, with the document's types in `api.js` beside it. Fails where a type does."""
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "node_modules").symlink_to(node.FOLDER / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    source = Path(shutil.copy(node.FOLDER / script, folder))
    types = _run("openapi-typescript/bin/cli.js", ["openapi.json", "--output", "api.d.ts"], folder)
    assert types.returncode == 0, types.stdout + types.stderr
    project = {"compilerOptions": STRICT, "files": [source.name]}
    (folder / "tsconfig.json").write_text(json.dumps(project), encoding="utf-8")
    checked = _run("typescript/bin/tsc", [], folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return source.with_suffix(".js")


def _lint(program: str, options: list[str], document: dict[str, Any], folder: Path) -> str:
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    done = _run(program, [*options, "openapi.json"], folder)
    return done.stdout + done.stderr if done.returncode else ""


def _run(program: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [node.node(), str(node.FOLDER / "node_modules" / program), *arguments]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)} | QUIET
    # Spectral waits for what else may come on an open standard input.
    return subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
