"""The audit against OWASP ASVS 5.0 (docs/asvs.json) as a page: `./dev asvs > docs/asvs.md`."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[2]
VERDICTS = {
    "met_test": "met, shown by the named tests",
    "met_no_test": "met, seen by review only",
    "partly": "partly met; the note says what is missing",
    "not_met": "not met; the note says what is missing",
    "decision": "not done on purpose; the note says why",
    "not_applicable": "about something that this service does not have",
}
HEAD = """# ASVS

Latchkey against the OWASP Application Security Verification Standard 5.0, requirement by requirement, in our own words. Made by
`./dev asvs > docs/asvs.md` from `docs/asvs.json`; a test checks that the named tests exist and that this page is current.
"""


class Requirement(TypedDict):
    id: str
    level: int
    asks: str
    verdict: str
    tests: list[str]
    note: str


def requirements() -> list[Requirement]:
    found: list[Requirement] = json.loads((ROOT / "docs" / "asvs.json").read_text(encoding="utf-8"))
    return found


def faults(found: list[Requirement], root: Path = ROOT) -> list[str]:
    """What is wrong with the audit: an unknown verdict, a claim without a test, a test that is not there, a missing reason."""
    said = []
    for one in found:
        missing = [test for test in one["tests"] if not _exists(root, test)]
        said += [f"{one['id']}: no test {test}" for test in missing]
        if one["verdict"] not in VERDICTS:
            said.append(f"{one['id']}: no verdict {one['verdict']}")
        if one["verdict"] == "met_test" and not one["tests"]:
            said.append(f"{one['id']}: names no test")
        if one["verdict"] in ("partly", "not_met", "decision") and not one["note"]:
            said.append(f"{one['id']}: says no reason")
    counted = Counter(one["id"] for one in found)
    return said + [f"{name}: stands here {times} times" for name, times in counted.items() if times > 1]


def _exists(root: Path, test: str) -> bool:
    path, _, name = test.partition("::")
    file = root / path
    return (
        file.is_file() and re.search(rf"^\s*(async )?def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE) is not None
    )


def page(found: list[Requirement]) -> str:
    counted = Counter((one["verdict"], one["level"]) for one in found)
    lines = [HEAD, "| verdict | L1 | L2 | L3 | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| {verdict} | {' | '.join(str(counted[verdict, level]) for level in (1, 2, 3))} | {meaning} |"
        for verdict, meaning in VERDICTS.items()
    ]
    for verdict, heading in (("decision", "Decisions"), ("partly", "Partly met"), ("not_met", "Not met")):
        lines += ["", f"## {heading}", ""]
        lines += [
            f"- **{one['id']}** (level {one['level']}): {one['asks']}. {one['note']}"
            for one in found
            if one["verdict"] == verdict
        ]
    lines += ["", "## All requirements", "", "| requirement | level | asks for | verdict | tests |", "|---|---|---|---|---|"]
    lines += [
        f"| {one['id']} | {one['level']} | {one['asks'].replace('|', '/')} | {one['verdict']} | {_cell(one['tests'])} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


def _cell(tests: list[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests) or "none"


if __name__ == "__main__":
    print(page(requirements()), end="")
