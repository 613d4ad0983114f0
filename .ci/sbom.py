"""Prints a bill of materials of requirements.lock: CycloneDX 1.6, JSON. The same lock gives the same text.

By hand, since the lock is all that it says; the maintained generators also read what is installed. `./dev sbom` runs this.
"""

import json
import re
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKED = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
RELEASE = re.compile(r'^VERSION = "(.+)"$', re.MULTILINE)


def document(lock: str, release: str) -> dict[str, object]:
    """The bill of a lock file's text."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, lock)}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "latchkey", "name": "latchkey", "version": release}},
        "components": [component(*found) for found in LOCKED.findall(lock)],
    }


def component(name: str, version: str, marker: str) -> dict[str, object]:
    """A package; `marker`: on which machines it is installed."""
    address = f"pkg:pypi/{name}@{version}"
    found: dict[str, object] = {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address}
    return found | ({"properties": [{"name": "environment marker", "value": marker}]} if marker else {})


if __name__ == "__main__":
    found = RELEASE.findall((ROOT / "resources" / "openapi.py").read_text(encoding="utf-8"))
    print(json.dumps(document((ROOT / "requirements.lock").read_text(encoding="utf-8"), found[0]), indent=2))
