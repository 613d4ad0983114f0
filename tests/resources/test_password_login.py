"""Passwords at the door: what signs in, what is renewed, what is said."""

import unicodedata
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

import bcrypt
import pytest

from tests.conftest import SECRETS
from tests.mailed import FRESH_PASSWORD, ask_for_reset, reset
from tests.parts import http_faults
from tests.parts.leaks import service_of_leaks
from tests.people import PASSWORD, House
from tests.resources.conftest import Door, heard_log
from tests.resources.problem import errors_of

PEPPER = SECRETS["PASSWORD_PEPPER"]
NEWER = "bmV3ZXItcGVwcGVyLW9mLXRoaXJ0eS10d28tYnl0ZXM="
LONG = "correct-horse-battery-staple-" * 2 + "some-more-words-1234567890-abcdefghijklmno"
ACCENTED = "Zwölf-Boxkämpfer-jagen"


@pytest.mark.parametrize(
    "password", [LONG, "".join(chr(0x1F600 + index * 37 % 64) for index in range(64)), ACCENTED, f" {PASSWORD} "]
)
def test_only_the_exact_password_signs_in(house: House, password: str) -> None:
    house.account(password=password)
    assert house.login("ada", password).status_code == 200
    for wrong in (password[:-1], password + "x", password[:-1] + "~", password.swapcase()):
        assert house.login("ada", wrong).status_code == (200 if wrong == password else 401)


def test_both_spellings_of_an_accent_sign_in(house: House) -> None:
    house.account(password=unicodedata.normalize("NFD", ACCENTED))
    for form in ("NFC", "NFD"):
        assert house.login("ada", unicodedata.normalize(form, ACCENTED)).status_code == 200


def test_a_refused_password_is_told_why_and_nothing_is_kept(door: Door) -> None:
    for password in ("short", "password", "x" * 257, "ada@example.org", "\u0301" * 300):
        assert set(errors_of(door.sign_up(password=password))) == {"password"}
    assert set(door.counts().values()) == {0}


def test_an_empty_password_is_told_why(door: Door) -> None:
    assert "Use at least 8 characters." in errors_of(door.sign_up(password=""))["password"]


def test_names_given_at_sign_up_are_no_password(door: Door) -> None:
    names = {"first_name": "Augusta", "last_name": "King-Noel"}
    for password in ("King-Noel 1852", "augustaKing!", "ada@example.org"):
        told = errors_of(door.sign_up(password=password, **names))
        assert told == {
            "password": ["Do not make it of your names, your address or the name of this service. Choose other words."]
        }
    assert set(door.counts().values()) == {0}
    assert door.sign_up(password="King-Noel rides a bicycle", **names).status_code == 201


def test_a_leaked_password_is_refused_and_a_list_that_is_gone_says_come_back(
    build: Callable[..., Door], tmp_path: Path
) -> None:
    leaked = tmp_path / "leaked.txt"
    leaked.write_text(sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest() + ":2\n", encoding="ascii")
    door = build(PASSWORD_BREACH_FILE=str(leaked))
    assert "leaked" in errors_of(door.sign_up())["password"][0]
    assert door.sign_up("bea", "bea@example.org", password=f"{PASSWORD}-bea").status_code == 201
    before = door.counts()
    leaked.unlink()
    answer = door.sign_up()
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert door.counts() == before
    assert door.login("bea", f"{PASSWORD}-bea").get_json()["code"] == "email_not_confirmed"


def test_a_password_that_a_service_knows_is_refused_and_an_outage_of_it_keeps_nobody_out(
    build: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    with service_of_leaks() as leaks:
        door = build(PASSWORD_BREACH_URL=leaks.url, LOG_LEVEL="DEBUG")
        leaks.words = {PASSWORD}
        before, log = door.counts(), heard_log(monkeypatch)
        assert "leaked" in errors_of(door.sign_up())["password"][0]
        assert door.counts() == before
        leaks.fault = http_faults.broken
        assert door.sign_up().status_code == 201
        door.post(door.confirm_link())
        assert door.sign_up("bea").status_code == 201
        assert len(leaks.asked) == 3, "an address that is taken costs the same question"
        access, _ = door.tokens()
        body = {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}
        leaks.fault, leaks.words = None, {FRESH_PASSWORD}
        assert "leaked" in errors_of(door.post("/change-password", body, access))["new_password"][0]
        assert "leaked" in errors_of(reset(door, ask_for_reset(door)))["password"][0]
        assert len(leaks.asked) == 5, "signing in asks nothing"
        assert log.getvalue().count("PASSWORD_BREACH_URL: a password was not looked up: status 500") == 2
        assert [path for path in leaks.asked if path.removeprefix("/range/") in log.getvalue()] == []


def test_a_too_long_password_is_refused_before_hashing(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.account()
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: pytest.fail("hashed"))
    monkeypatch.setattr(bcrypt, "hashpw", lambda *_: pytest.fail("hashed"))
    answers = [door.login(name, "x" * 257) for name in ("ada", "nobody", "ada@example.org", "no@example.org")]
    assert {answer.get_json()["code"] for answer in answers} == {"invalid_credentials"}
    assert set(errors_of(door.sign_up("eve", password="x" * 257))) == {"password"}


def test_a_hash_of_an_older_pepper_is_renewed_at_the_next_login(build: Callable[..., Door]) -> None:
    build(PASSWORD_PEPPER=PEPPER).account()
    door = build(PASSWORD_PEPPER=f"{NEWER},{PEPPER}")
    old = door.user()["password_hash"]
    assert door.login("ada", "wrong-horse-battery").status_code == 401
    assert door.user()["password_hash"] == old
    assert door.login().status_code == 200
    renewed = door.user()["password_hash"]
    assert renewed[:8] != old[:8]
    assert build(PASSWORD_PEPPER=NEWER).login().status_code == 200
    assert door.login().status_code == 200
    assert door.user()["password_hash"] == renewed


def test_a_hash_of_a_lower_cost_is_renewed_at_the_next_login(build: Callable[..., Door]) -> None:
    build(BCRYPT_LOG_ROUNDS="4").account()
    door = build(BCRYPT_LOG_ROUNDS="5")
    assert ":$2b$04$" in door.user()["password_hash"]
    assert door.login().status_code == 200
    assert ":$2b$05$" in door.user()["password_hash"]
    assert build(BCRYPT_LOG_ROUNDS="4").login().status_code == 200
    assert ":$2b$05$" in door.user()["password_hash"]
