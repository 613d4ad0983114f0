"""Journeys in a real browser share one; each person in it has a context of their own."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import refuse_or_skip
from tests.parts.browser import browser as running
from tests.parts.missing import Missing

expect.set_options(timeout=60_000)  # a slow machine is no fault of a page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """In CI a missing Chromium fails; elsewhere it skips and says what is missing."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(running())
        except Missing as missing:
            refuse_or_skip(missing)
        yield started
