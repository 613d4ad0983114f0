"""Proportions: small functions, small files, names that say something; and no test that chance decides."""

from tests.house import laws
from tests.house.sources import ROOT


def test_functions_have_at_most_40_lines() -> None:
    assert laws.long_functions(ROOT) == []


def test_files_keep_their_cap() -> None:
    assert laws.long_files(ROOT) == []


def test_no_class_has_a_name_that_says_nothing() -> None:
    assert laws.empty_names(ROOT) == []


def test_no_test_is_left_to_chance() -> None:
    assert laws.searches_left_to_chance(ROOT) == []


def test_no_secret_is_compared_at_sight() -> None:
    assert laws.secrets_compared_at_sight(ROOT) == []
