"""Newman, which runs Postman collections (from npm)."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import node


@dataclass(frozen=True)
class Run:
    """How many requests and assertions there were, and what failed, a line each."""

    requests: int
    assertions: int
    failures: list[str]


def run(collection: dict[str, Any], environment: dict[str, Any], folder: Path, *only: str) -> Run:
    """Run a collection, or some of its folders; raises Missing."""
    for name, document in (("collection", collection), ("environment", environment)):
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    program = [node.node(), str(node.FOLDER / "node_modules" / "newman" / "bin" / "newman.js")]
    told = folder / "report.json"
    options = ["-e", "environment.json", "--reporters", "json", "--reporter-json-export", str(told)]
    options += [part for name in only for part in ("--folder", name)]
    ended = subprocess.run(
        [*program, "run", "collection.json", *options], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert told.exists(), ended.stdout + ended.stderr
    report = json.loads(told.read_text(encoding="utf-8"))["run"]
    failures = [
        f"{one.get('source', {}).get('name')}: {one['error']['test']}, {one['error']['message']}" for one in report["failures"]
    ]
    return Run(report["stats"]["requests"]["total"], report["stats"]["assertions"]["total"], failures)
