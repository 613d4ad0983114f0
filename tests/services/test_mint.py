"""What is made by chance: each thing in its alphabet and with its bits."""

import multiprocessing
import re
from collections.abc import Callable
from typing import Any

import pytest

from services import mint

BITS_OF_A_UUID = 122
GENERATORS: dict[str, tuple[Callable[[], str], str, int]] = {
    "an id": (mint.identifier, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", BITS_OF_A_UUID),
    "a link": (mint.secret, r"[A-Za-z0-9_-]{43}", 256),
    "a mailed code": (lambda: mint.digits(6), r"[0-9]{6}", 19),
    "a recovery code": (lambda: mint.readable(24), r"[0-9a-hjkmnp-tv-z]{24}", 120),
    "an app's secret": (lambda: mint.base32(20), r"[A-Z2-7]{32}", 160),
}
"""Each generator with its form, and with the bits of chance in it, rounded down."""
SAMPLES = 400


@pytest.mark.parametrize("what", GENERATORS)
def test_each_generator_keeps_its_form_and_uses_its_whole_alphabet(what: str) -> None:
    make, form, bits = GENERATORS[what]
    made = [make() for _ in range(SAMPLES)]
    assert all(re.fullmatch(form, text) for text in made)
    if bits > 64:  # two equal ones are less likely than 1 in 2^47
        assert len(set(made)) == SAMPLES
    places = list(zip(*made, strict=True))
    free = [set(place) for place in places if len(set(place)) > 4]
    # A letter of 64 is missing at one place in a few of 400 samples; half of an alphabet never is.
    least = {"an id": 12, "a link": 8, "a mailed code": 8, "a recovery code": 24, "an app's secret": 24}[what]
    assert all(len(letters) >= least for letters in free)
    assert len(free) * (len(set().union(*free)).bit_length() - 1) >= bits - 16


def test_a_fraction_lies_between_0_and_1() -> None:
    assert all(0 <= mint.fraction() < 1 for _ in range(SAMPLES))


def test_processes_that_were_forked_together_make_different_secrets() -> None:
    context = multiprocessing.get_context("fork")
    made = context.SimpleQueue()
    processes = [context.Process(target=_tell, args=(made,)) for _ in range(4)]
    for process in processes:
        process.start()
    told = [made.get() for _ in processes]
    for process in processes:
        process.join()
    assert len({secret for some in told for secret in some}) == 4 * 20


def _tell(made: Any) -> None:
    made.put([mint.secret() for _ in range(20)])
