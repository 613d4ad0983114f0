"""What is made by chance: each thing in its alphabet and with its bits."""

import base64
import inspect
import multiprocessing
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from flask import Flask

from services import mint, tokens

BITS_OF_A_UUID = 122
LEAST_BITS_OF_A_SECRET = 128
GENERATORS: dict[str, tuple[Callable[[], str], str, int]] = {
    "an id": (mint.identifier, r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", BITS_OF_A_UUID),
    "a token's id": (mint.token_id, r"[A-Za-z0-9_-]{32}", 192),
    "a link": (mint.secret, r"[A-Za-z0-9_-]{43}", 256),
    "a mailed code": (lambda: mint.digits(6), r"[0-9]{6}", 19),
    "a recovery code": (lambda: mint.readable(24), r"[0-9a-hjkmnp-tv-z]{24}", 120),
    "an app's secret": (lambda: mint.base32(20), r"[A-Z2-7]{32}", 160),
}
"""Each generator with its form, and with the bits of chance in it, rounded down."""
NO_SECRET = {"an id": "names a row; whoever knows it may do nothing by it"}
TYPED_BY_PEOPLE = {
    "a mailed code": "ASVS V6.5.5: lives for minutes, guesses are counted",
    "a recovery code": "ASVS V6.5.3: more than 112 bits, guesses are counted",
}
"""The only ones that may have less than 128 bits, each with its reason."""
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
    least = {"an id": 12, "a token's id": 8, "a link": 8, "a mailed code": 8, "a recovery code": 24, "an app's secret": 24}[
        what
    ]
    assert all(len(letters) >= least for letters in free)
    assert len(free) * (len(set().union(*free)).bit_length() - 1) >= bits - 16


def test_every_secret_has_128_bits_unless_people_type_it() -> None:
    weaker = {what for what, (_, _, bits) in GENERATORS.items() if bits < LEAST_BITS_OF_A_SECRET}
    assert weaker == NO_SECRET.keys() | TYPED_BY_PEOPLE.keys()


def test_every_generator_is_in_the_table() -> None:
    made = {name for name, function in vars(mint).items() if inspect.isfunction(function)}
    listed = {name for make, *_ in GENERATORS.values() for name in (make.__name__, *make.__code__.co_names)}
    assert made - listed == {"octets", "fraction"}, "public nonces, and the spreading of retries"


def test_a_csrf_value_has_all_bits_of_its_token_id(app: Flask) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = []
    with app.app_context():
        for _ in range(SAMPLES):
            ids = mint.identifier(), mint.identifier(), mint.token_id()
            grant = tokens.Grant(*ids, now, now, now, now, ("pwd",), ("user",))
            said += [jwt.decode(tokens.mint_access(grant), options={"verify_signature": False})]
    for claim in ("csrf", "jti"):
        assert len({claims[claim] for claims in said}) == SAMPLES
        assert all(len(base64.urlsafe_b64decode(claims[claim])) * 8 >= LEAST_BITS_OF_A_SECRET for claims in said)
        assert all(len(set(place)) > 48 for place in zip(*(claims[claim] for claims in said), strict=True))


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
