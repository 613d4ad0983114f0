"""Facts of a sign-in say by which method, and the page on security names every detail and method."""

import ast
import re
from collections.abc import Iterator

from services import attempts, audit
from services.attempts import Factor
from tests.house.sources import ROOT, sources

WITH_METHOD = {"signed_in", "reauthenticated", *audit.OF_REFUSALS}
OF_THE_CALLER = {"request_id", "operator"}
ALWAYS = {"user_id", "session_id"}


def recorded() -> Iterator[tuple[str, str, set[str]]]:
    """Where each fact is recorded, its kind as it is written there, and the names of its details."""
    for source in sources(ROOT):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("audit.record", "audit.record_once"):
                kinds = [one.value for one in node.args if isinstance(one, ast.Constant)]
                names = {str(keyword.arg) for keyword in node.keywords} - ALWAYS
                yield f"{source.path}:{node.lineno}", str(kinds[0]) if kinds else "", names


def test_every_fact_of_a_sign_in_says_by_which_method() -> None:
    places = [(where, kind, names) for where, kind, names in recorded() if kind in WITH_METHOD]
    assert {kind for _, kind, _ in places} == WITH_METHOD
    assert [where for where, _, names in places if "method" not in names] == []


def test_the_page_names_every_detail_and_every_method() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").split("## Audit events")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (`.+?`) \|(.*)\|$", page, re.MULTILINE))
    listed = {name for names in rows for name in re.findall(r"`(\w+)`", names)}
    assert listed == OF_THE_CALLER.union(*(names for _, _, names in recorded()))
    factors = {factor.method for factor in vars(attempts).values() if isinstance(factor, Factor)}
    assert set(re.findall(r"`(\w+)`", rows["`method`"])) == factors | {"fed"}
