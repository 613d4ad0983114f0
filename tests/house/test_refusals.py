"""Every refusal says what it is, in one vocabulary: class, page and OpenAPI document."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import errors
from errors import Refusal
from tests.people import response_of

EVERY = list(errors.every_refusal())


def test_no_two_refusals_share_a_code() -> None:
    codes = [refusal.code for refusal in EVERY]
    assert len(codes) == len(set(codes))


def test_only_branches_of_the_family_have_no_code() -> None:
    def leaves(kind: type[Refusal]) -> list[type[Refusal]]:
        return [leaf for child in kind.__subclasses__() for leaf in leaves(child)] or [kind]

    assert [leaf for leaf in leaves(Refusal) if leaf not in EVERY and leaf.__module__ == "errors"] == []


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.code)
def test_a_refusal_says_what_it_is_and_what_to_do(refusal: type[Refusal]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.code)
    assert 400 <= refusal.status <= 599
    assert refusal.title
    assert not refusal.title.endswith(".")
    assert refusal.advice.endswith((".", "…'."))


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.code)
def test_a_refusal_stands_in_the_tree_at_the_top_with_its_status(refusal: type[Refusal]) -> None:
    branches = [kind.__name__ for kind in refusal.mro() if issubclass(kind, Refusal) and kind is not Refusal]
    tree = errors.__doc__ or ""
    assert re.search(rf"\b{refusal.__name__}\b", tree)
    assert any(re.search(rf"\b{name}\b[^\n]* {refusal.status}\b", tree) for name in branches)


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.code)
def test_a_refusal_has_a_page(app: Flask, refusal: type[Refusal]) -> None:
    answer = app.test_client().get(f"/problems/{refusal.code}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert refusal.code in answer.text


def test_an_unknown_problem_has_no_page(app: Flask) -> None:
    assert app.test_client().get("/problems/never_heard_of").status_code == 404


def documented(document: dict[str, Any]) -> set[tuple[int, str]]:
    """Status and code of every problem that some operation declares."""
    found = set()
    for item in document["paths"].values():
        for operation in item.values():
            for status in operation["responses"]:
                problem = response_of(document, operation, status).get("content", {}).get("application/problem+json")
                names = problem["schema"]["allOf"][1]["properties"]["code"]["enum"] if problem else []
                found |= {(int(status), name) for name in names}
    return found


def test_every_refusal_is_documented_with_its_status_and_nothing_else_is(document: dict[str, Any]) -> None:
    unknown_paths = {(404, "not_found")}
    assert documented(document) | unknown_paths == {(refusal.status, refusal.code) for refusal in EVERY}


def test_every_refusal_is_reached_by_a_test() -> None:
    tests = [file for file in Path(__file__).parents[1].rglob("*.py") if "house" not in file.parts]
    text = "".join(file.read_text(encoding="utf-8") for file in tests)
    assert [kind.code for kind in errors.every_refusal() if f'"{kind.code}"' not in text] == []
