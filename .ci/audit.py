"""Looks for known vulnerabilities of the packages in requirements.lock, by pip-audit. `./dev audit` runs this.

Exits with 1 where there are some that .ci/advisories.txt does not put off. Where advisories cannot be reached it says that
nothing was done and exits with 0.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KNOWN_VULNERABLE = "https://pypi.org/pypi/jinja2/2.11.2/json"
"""As pip-audit asks. A mirror may answer without advisories, and pip-audit then finds everything clean."""
PIP_AUDIT = "--disable-pip --progress-spinner off --timeout 15 --format json"


def main(lock: Path, put_off: Path, address: str) -> int:
    """The exit status."""
    if not are_advisories_reachable(address):
        print(f"The audit of {lock.name} was NOT done: {address} gives no advisories here.")
        return 0
    ignored = [part for name in in_force(put_off, datetime.now(UTC).date()) for part in ("--ignore-vuln", name)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *PIP_AUDIT.split(), "--output", str(report)]
        said = subprocess.run([*command, *ignored], capture_output=True, text=True, check=False)
        text = report.read_text(encoding="utf-8") if report.exists() else ""
    if not text:
        print(f"The audit of {lock.name} was NOT done:", *said.stderr.strip().splitlines()[-1:])
        return 0
    return judged(lock, json.loads(text)["dependencies"])


def judged(lock: Path, packages: list[dict[str, object]]) -> int:
    """Says what was found, and what was not looked at."""
    skipped = [str(package["name"]) for package in packages if "skip_reason" in package]
    if skipped:
        print(f"NOT audited, since there are no advisories on them here: {', '.join(skipped)}.")
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        print(f"{package['name']} {package['version']} is vulnerable: {json.dumps(package['vulns'])[:2000]}")
    print(f"{len(packages) - len(skipped)} packages of {lock.name} audited, {len(vulnerable)} vulnerable.")
    return 1 if vulnerable else 0


def are_advisories_reachable(address: str) -> bool:
    """Whether the advisories of a release that has some come back, within seconds."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(json.load(answer)["vulnerabilities"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def in_force(put_off: Path, today: date) -> list[str]:
    """The advisories whose last day has not passed."""
    lines = put_off.read_text(encoding="utf-8").splitlines()
    entries = [line.split(maxsplit=2) for line in lines if line.strip() and not line.startswith("#")]
    return [name for name, until, _reason in entries if today <= date.fromisoformat(until)]


if __name__ == "__main__":
    sys.exit(main(ROOT / "requirements.lock", ROOT / ".ci" / "advisories.txt", KNOWN_VULNERABLE))
