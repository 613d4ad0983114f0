"""Passwords: exactly the right one matches, and older hashes are renewed."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from flask import Flask

from services import passwords
from tests.conftest import SECRETS
from tests.resources.conftest import app_with

PEPPER = SECRETS["PASSWORD_PEPPER"]
NEWER = "bmV3ZXItcGVwcGVyLW9mLXRoaXJ0eS10d28tYnl0ZXM="
HUNDRED = "correct-horse-battery-staple-" * 2 + "some-more-words-1234567890-abcdefghijklmno"
GOOD = "correct-horse-battery"


UNUSED = Path("/nowhere/never-opened.db")


@pytest.fixture(scope="module")
def standing() -> Flask:
    return app_with(UNUSED)


@pytest.fixture
def inside(standing: Flask) -> Iterator[None]:
    with standing.app_context():
        yield


@pytest.mark.usefixtures("inside")
def test_only_the_exact_password_matches_past_bcrypts_72_bytes() -> None:
    kept = passwords.hashed(HUNDRED)
    assert len(HUNDRED.encode()) == 100
    assert passwords.matches(kept, HUNDRED)
    for other in (HUNDRED[:-1] + "X", HUNDRED[:72], HUNDRED[:-1], HUNDRED + "x", HUNDRED.upper(), ""):
        assert not passwords.matches(kept, other)


@pytest.mark.usefixtures("inside")
def test_sixty_four_emoji_count_each() -> None:
    password = "".join(chr(0x1F600 + index) for index in range(64))
    kept = passwords.hashed(password)
    assert passwords.matches(kept, password)
    assert not passwords.matches(kept, password[:-1] + "\U0001f680")
    assert not passwords.matches(kept, password[:-1])


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("text", ["Zwölf-Boxkämpfer-é", "\u1e9b\u0323 Ångström", "가나다라마바사아"])
def test_both_spellings_of_an_accent_match(text: str) -> None:
    composed, taken_apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert composed != taken_apart
    assert passwords.matches(passwords.hashed(composed), taken_apart)
    assert passwords.matches(passwords.hashed(taken_apart), composed)


@pytest.mark.usefixtures("inside")
def test_compatible_but_different_signs_do_not_match() -> None:
    assert not passwords.matches(passwords.hashed("\ufb01ne-horse-battery"), "fine-horse-battery")


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("length", [8, 9, 54, 55, 56, 63, 64, 65, 71, 72, 73, 100, 127, 128, 129, 255, 256])
def test_every_length_up_to_the_limit_works(length: int) -> None:
    password = (HUNDRED * 3)[:length]
    passwords.refuse_weak((f"{length}" + password[::-1])[:length])
    kept = passwords.hashed(password)
    assert passwords.matches(kept, password)
    assert not passwords.matches(kept, password[:-1])
    assert not passwords.matches(kept, password[:-1] + "~")


@pytest.mark.usefixtures("inside")
def test_too_long_ones_are_refused_before_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = passwords.hashed(GOOD)
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: pytest.fail("hashed"))
    monkeypatch.setattr(bcrypt, "hashpw", lambda *_: pytest.fail("hashed"))
    for password in ("x" * 257, "x" * 1_000_000, "\U0001f600" * 257):
        assert not passwords.matches(kept, password)
        assert not passwords.matches(None, password)


@pytest.mark.usefixtures("inside")
def test_whoever_is_missing_costs_one_hash_run_and_never_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[bytes] = []
    real = bcrypt.hashpw

    def counted(password: bytes, salt: bytes) -> bytes:
        runs.append(salt)
        return real(password, salt)

    passwords.matches(None, GOOD)
    monkeypatch.setattr(bcrypt, "hashpw", counted)
    for kept in (None, passwords.hashed(GOOD)):
        runs.clear()
        assert not passwords.matches(kept, "wrong-horse-battery")
        assert len(runs) == 1


def test_a_hash_of_a_lower_cost_takes_as_much_work_as_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time of an answer would tell who has an account, once the cost was raised."""
    work: list[int] = []
    real = bcrypt.hashpw

    def counted(password: bytes, salt: bytes) -> bytes:
        work.append(2 ** int(salt[4:6]))
        return real(password, salt)

    kept: dict[str, str | None] = {"nobody": None}
    for rounds in ("4", "5", "7"):
        with app_with(UNUSED, BCRYPT_LOG_ROUNDS=rounds).app_context():
            kept[rounds] = passwords.hashed(GOOD)
    with app_with(UNUSED, BCRYPT_LOG_ROUNDS="7").app_context():
        assert not passwords.matches(None, GOOD), "makes what stands in"
        monkeypatch.setattr(bcrypt, "hashpw", counted)
        for name, digest in kept.items():
            for password in (GOOD, "wrong-horse-battery"):
                work.clear()
                assert passwords.matches(digest, password) == (name != "nobody" and password == GOOD)
                assert sum(work) == 2**7, name


@pytest.mark.usefixtures("inside")
def test_the_kept_form_names_its_pepper_and_cost_and_is_salted() -> None:
    first, second = passwords.hashed(GOOD), passwords.hashed(GOOD)
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{8}:\$2b\$04\$[./A-Za-z0-9]{53}", first)
    assert not bcrypt.checkpw(GOOD.encode(), first.partition(":")[2].encode())


def test_an_older_pepper_verifies_and_is_outdated_and_a_lost_one_does_not_match() -> None:
    with app_with(UNUSED, PASSWORD_PEPPER=PEPPER).app_context():
        old = passwords.hashed(GOOD)
        assert not passwords.is_outdated(old)
    with app_with(UNUSED, PASSWORD_PEPPER=f"{NEWER},{PEPPER}").app_context():
        assert passwords.matches(old, GOOD)
        assert passwords.is_outdated(old)
        assert not passwords.is_outdated(passwords.hashed(GOOD))
    with app_with(UNUSED, PASSWORD_PEPPER=NEWER).app_context():
        assert not passwords.matches(old, GOOD)


def test_a_lower_cost_is_outdated_and_a_higher_one_is_not() -> None:
    with app_with(UNUSED, BCRYPT_LOG_ROUNDS="4").app_context():
        old = passwords.hashed(GOOD)
    with app_with(UNUSED, BCRYPT_LOG_ROUNDS="5").app_context():
        assert passwords.is_outdated(old)
        new = passwords.hashed(GOOD)
    with app_with(UNUSED, BCRYPT_LOG_ROUNDS="4").app_context():
        assert not passwords.is_outdated(new)
