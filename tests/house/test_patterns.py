"""No pattern of ours takes more than linear time, whatever text it meets (ASVS 1.3.12).

Texts are made from each pattern's own parts: what leads to a repeat, what it repeats, many times, and an end that fits
nothing. Times are compared within one run, so that the pace of the machine does not matter.
"""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import pytest

from servers import database_faults
from tests.house.sources import ROOT, sources

PARSER: Any = importlib.import_module("re._parser")
METHODS = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
FEW, MANY, TIMES = 1024, 8192, 24
"""Eight times the text takes eight times as long, or 64 times where the time is quadratic."""
SLOW = 0.1
"""Seconds: of 30 repetitions, a sign of exponential time on any machine."""
ENDS = ("", "\0", "!", "\n\0")
NOT_IMPORTED = ("migrations", "deploy", "serve", "servers", "benchmarks")
"""They do something when they are imported; their patterns are read in their text."""
Pattern = re.Pattern[Any]


@dataclass(frozen=True)
class Use:
    where: str
    pattern: Pattern
    methods: frozenset[str]


def in_the_text() -> Iterator[Use]:
    """Patterns that are written as such in a call of `re`."""
    for source in sources(ROOT):
        for node in ast.walk(source.tree):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            module, _, method = called.partition(".")
            if isinstance(node, ast.Call) and module == "re" and method in METHODS and isinstance(node.args[0], ast.Constant):
                text: Any = node.args[0].value
                yield Use(f"{source.path}:{node.lineno}", re.compile(text), frozenset({method}))


def in_the_modules() -> Iterator[Use]:
    """Patterns that modules keep; with the methods that any code calls on something of this name."""
    texts = [source.text for source in sources(ROOT)]
    for source in sources(ROOT):
        if source.storey in NOT_IMPORTED or source.path.startswith("."):
            continue
        module = importlib.import_module(source.path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                used = {method for text in texts for method in re.findall(rf"\b{name}\.(\w+)\(", text)} & METHODS
                yield Use(f"{source.path} {name}", value, frozenset(used or METHODS))


def of_the_database_faults() -> Iterator[Use]:
    """They stand in tables."""
    for text in (database_faults.TLS, *database_faults.AWAY, *database_faults.POSTGRESQL):
        yield Use(f"servers/database_faults.py {text[:30]}", re.compile(text), frozenset({"search"}))


@cache
def uses() -> dict[str, Use]:
    return {use.where: use for use in (*in_the_text(), *in_the_modules(), *of_the_database_faults())}


def sample(tree: Any, pick: int = 0) -> str:
    """A short text that fits; `pick` chooses among alternatives."""
    return "".join(_one(str(op), value, pick) for op, value in tree)


def _one(op: str, value: Any, pick: int) -> str:
    if op == "LITERAL":
        return chr(value)
    if op in ("ANY", "NOT_LITERAL"):
        return next(letter for letter in "a0" if value != ord(letter))
    if op == "IN":
        letters = _letters(value)
        return letters[pick % len(letters)]
    if op.endswith("_REPEAT"):
        times: int = max(1, min(value[0], 8))
        return sample(value[2], pick) * times
    if op in ("SUBPATTERN", "ATOMIC_GROUP"):
        return sample(value[-1] if op == "SUBPATTERN" else value, pick)
    return sample(value[1][pick % len(value[1])], pick) if op == "BRANCH" else ""


def _letters(members: Any) -> list[str]:
    named = {str(op): value for op, value in members}
    if "NEGATE" in named:
        out = {chr(value) for op, value in members if str(op) == "LITERAL"}
        return [letter for letter in "a0 .-\x01" if letter not in out]
    inside = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
    ends = [value for op, pair in members if str(op) == "RANGE" for value in pair]
    ends += [value for op, value in members if str(op) == "LITERAL"]
    return [chr(value) for value in ends] + [inside.get(str(value), "\xe9") for op, value in members if str(op) == "CATEGORY"]


def inner(op: str, value: Any) -> list[Any]:
    """The trees inside a node."""
    if op.endswith("_REPEAT"):
        return [value[2]]
    if op == "BRANCH":
        return list(value[1])
    if op in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
        return [value[-1]]
    return [value] if op == "ATOMIC_GROUP" else []


def pumps(tree: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """What leads to each repeat, and what it repeats."""
    for op, value in tree:
        for part in inner(str(op), value):
            if str(op).endswith("_REPEAT") and value[1] > 8:
                yield from ((before, text) for pick in range(4) if (text := sample(part, pick)))
            yield from pumps(part, before)
        before += _one(str(op), value, 0)


def attacks(pattern: Pattern) -> set[tuple[str, str, str]]:
    """Beginning, what comes many times, end."""
    text = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    tree = PARSER.parse(text, pattern.flags & ~re.UNICODE)
    found = set(pumps(tree)) | {("", sample(tree, pick) or "a") for pick in range(4)}
    starts, units = {start for start, _ in found} | {""}, {unit for _, unit in found}
    units |= {letter for unit in units for letter in unit}
    pairs = found | {(start, unit) for start in sorted(starts)[:6] for unit in sorted(units)[:12]}
    return {(start, unit, end) for start, unit in pairs for end in ENDS}


def seconds(use: Use, method: str, text: str, rounds: int) -> float:
    given = text.encode("latin-1", "replace") if isinstance(use.pattern.pattern, bytes) else text
    best = float("inf")
    for _ in range(rounds):
        began = perf_counter()
        if method in ("match", "fullmatch", "search"):
            getattr(use.pattern, method)(given)
        else:
            sum(1 for _ in use.pattern.finditer(given))
        best = min(best, perf_counter() - began)
    return best


def fault(use: Use, method: str, attack: tuple[str, str, str]) -> str:
    """What is wrong with the time this takes; empty where nothing is."""
    start, unit, end = attack
    for count in range(2, 31):
        text = start + unit * count + end
        if seconds(use, method, text, 1) > SLOW and seconds(use, method, text, 3) > SLOW:
            return f"{use.where}, {method}: {count} times {unit!r} take longer than {SLOW} s"

    def grown(rounds: int) -> float:
        few = seconds(use, method, start + unit * (FEW // len(unit)) + end, rounds)
        if few > SLOW:  # the many would take minutes
            return few / seconds(use, method, start + unit * (FEW // 8 // len(unit)) + end, rounds)
        return seconds(use, method, start + unit * (MANY // len(unit)) + end, rounds) / few

    if grown(2) > TIMES and (ratio := grown(7)) > TIMES:
        return f"{use.where}, {method}: eight times {unit!r} after {start!r} take {ratio:.0f} times as long"
    return ""


def faults(use: Use) -> list[str]:
    """The first fault of each method."""
    tried = {method: (fault(use, method, one) for one in sorted(attacks(use.pattern))) for method in sorted(use.methods)}
    return list(filter(None, (next(filter(None, said), "") for said in tried.values())))


@pytest.mark.parametrize("where", sorted(uses()))
def test_no_pattern_takes_more_than_linear_time(where: str) -> None:
    assert faults(uses()[where]) == []


def test_every_pattern_is_looked_at() -> None:
    found = uses()
    assert len(found) > 40
    compiled = {
        f"{source.path} {target.id}"
        for source in sources(ROOT)
        if source.storey not in NOT_IMPORTED
        for node in source.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("re.compile(")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert compiled <= found.keys()
    assert sys.version_info >= (3, 11)


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(a+)+$", "match"),
        (r"(?:a|a)*b", "fullmatch"),
        (r"x(?:[0-9]+)+y", "search"),
        (r"\s+$", "search"),
        (r"a*a*b", "fullmatch"),
        (rb"[A-Za-z]+://", "search"),
    ],
)
def test_a_planted_pattern_that_backtracks_is_found(pattern: str | bytes, method: str) -> None:
    assert faults(Use("planted", re.compile(pattern), frozenset({method})))
