"""The single files keep the order too: import-linter sees packages only."""

from tests.house import laws
from tests.house.sources import ROOT, sources


def test_nothing_imports_upward() -> None:
    assert laws.upward_imports(ROOT) == []


def test_settings_know_nothing_of_flask() -> None:
    assert laws.flask_in_settings(ROOT) == []


def test_nobody_below_the_resources_touches_the_request() -> None:
    assert laws.request_readers(ROOT) == []


def test_every_storey_of_the_order_exists() -> None:
    """A line for a file that is gone would let its name come back anywhere."""
    assert {source.storey for source in sources(ROOT)} == set(laws.MAY_IMPORT)
