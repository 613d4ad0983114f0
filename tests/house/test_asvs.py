"""The audit against ASVS claims only what a test of the tree shows, and its page is current."""

from tests.house import asvs
from tests.house.asvs import Requirement


def planted(**changes: object) -> Requirement:
    one = {"id": "V0.0.1", "level": 1, "asks": "x", "verdict": "met_test"}
    tests = ["tests/house/test_asvs.py::test_every_claim_names_a_test_that_exists"]
    return {**one, "tests": tests, "note": "", **changes}  # type: ignore[typeddict-item]


def test_every_claim_names_a_test_that_exists() -> None:
    assert asvs.faults(asvs.requirements()) == []


def test_a_wrong_claim_is_noticed() -> None:
    assert asvs.faults([planted()]) == []
    wrong: tuple[dict[str, object], ...] = (
        {"verdict": "fine"},
        {"tests": []},
        {"tests": ["tests/house/test_asvs.py::test_that_is_not_there"]},
        {"tests": ["tests/house/test_gone.py::test_every_claim_names_a_test_that_exists"]},
        {"verdict": "decision"},
        {"verdict": "partly"},
    )
    for changes in wrong:
        assert len(asvs.faults([planted(**changes)])) == 1, changes
    assert len(asvs.faults([planted(), planted()])) == 1


def test_the_page_is_what_the_data_says() -> None:
    written = (asvs.ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
    assert written == asvs.page(asvs.requirements()), "run ./dev asvs > docs/asvs.md"
