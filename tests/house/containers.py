"""compose.yaml, and what deploy/prepare.sh writes for it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.house.sources import ROOT


def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(ROOT / "compose.yaml")
    return found


def prepared(folder: Path, name: str) -> Path:
    """What deploy/prepare.sh writes, for a copy of deploy/."""
    copy = folder / "deploy"
    copy.mkdir(exist_ok=True)
    for file in ("prepare.sh", "nginx.conf"):
        shutil.copy(ROOT / "deploy" / file, copy / file)
    subprocess.run(["sh", copy / "prepare.sh", name], check=True, capture_output=True)
    return copy / "local"
