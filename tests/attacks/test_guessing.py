"""Guesses at one account: one counter whatever it is called and wherever it is guessed at, and an end to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from werkzeug.test import TestResponse

from resources.routes import ROUTES
from resources.utils import Resource
from tests.attacks.town import CODE
from tests.people import PASSWORD, House

pytestmark = pytest.mark.timeout(600)
WRONG = "not-the-password"
BURST = 6
"""Five guesses are free, and with the sixth the waits begin."""
SET_ANEW = {("POST", "/signup"), ("POST", "/reset-password/<string:token>")}
"""Calls with a password that is not guessed at but chosen."""
SAME_NAME = ("ada", "ADA", " ada ", "ada@example.org", "Ada@EXAMPLE.org", " ADA@example.org ")
ON_EACH_ENGINE = pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mariadb"], indirect=True, scope="session")
Guess = Callable[[House, str], TestResponse]
BY_LINK = {("POST", "/confirm/<string:token>"), ("POST", "/auth/link")}
"""Only whoever holds a link may guess there; that it is counted with the rest, flows/test_confirmation_proof.py and
test_account_linking.py show."""
SURFACES: dict[tuple[str, str], Guess] = {
    ("POST", "/login"): lambda house, token: house.login("ada", WRONG),
    ("POST", "/verify-otp"): lambda house, token: house.post(
        "/verify-otp", {"email": "ADA@example.org", "otp_code": "000000", "password": WRONG}
    ),
    ("POST", "/reauthenticate"): lambda house, token: house.post("/reauthenticate", {"password": WRONG}, token),
    ("POST", "/change-password"): lambda house, token: house.post(
        "/change-password", {"current_password": WRONG, "new_password": PASSWORD}, token
    ),
    ("DELETE", "/profile"): lambda house, token: house.ask("DELETE", "/profile", {"password": WRONG}, token),
}


def takes_a_password(method: str, resource: type[Resource]) -> bool:
    contract = getattr(getattr(resource, method, None), "contract", None)
    return bool(contract and contract.body and {"password", "current_password"} & set(contract.body.model_fields))


def is_evaluated(answer: TestResponse) -> bool:
    """Whether the secret was looked at; else the guess had to wait."""
    code = answer.get_json().get("code")
    assert code in ("invalid_credentials", "invalid_otp", "invalid_mfa_code", "too_many_attempts"), answer.get_json()
    assert ("Retry-After" in answer.headers) == (code == "too_many_attempts")
    return bool(code != "too_many_attempts")


@contextmanager
def clock() -> Iterator[Callable[[int], None]]:
    """Stands still, and is moved on by so many seconds."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield lambda seconds: traveller.shift(timedelta(seconds=seconds))


def factor_of(house: House) -> tuple[str, list[str]]:
    """Turns a second factor on for ada: its secret, and the recovery codes."""
    token, _ = house.tokens()
    secret = house.post("/mfa", None, token).get_json()["mfa_secret"]
    answer = house.post("/mfa", {"mfa_code": pyotp.TOTP(secret).now()}, token)
    return secret, answer.get_json()["recovery_codes"]


def wrong_code(secret: str) -> str:
    """One that is neither the present nor the previous one."""
    app, now = pyotp.TOTP(secret), datetime.now(UTC)
    right = {app.at(now), app.at(now - timedelta(seconds=30))}
    return next(code for code in ("000000", "111111", "222222") if code not in right)


def test_every_call_that_takes_a_password_is_a_surface() -> None:
    taking = {
        (method.upper(), path)
        for path, resource in ROUTES.items()
        for method in ("get", "post", "put", "delete", "patch")
        if takes_a_password(method, resource)
    }
    assert taking - SET_ANEW - BY_LINK == set(SURFACES), "a new call that takes a password needs its row"


def test_one_counter_over_all_names_and_all_surfaces(house: House) -> None:
    house.account()
    seen = []
    for last in SURFACES:
        token, _ = house.tokens()  # the right password begins the count anew
        others = [guess for surface, guess in SURFACES.items() if surface != last]
        answers = [guess(house, token) for guess in (*others, *[SURFACES["POST", "/login"]] * (BURST - len(others)))]
        seen.append([is_evaluated(answer) for answer in answers])
        blocked = [is_evaluated(guess(house, token)) for guess in SURFACES.values()]
        assert (seen[-1], blocked) == ([True] * BURST, [False] * len(SURFACES))
        assert [house.login(name).status_code for name in SAME_NAME] == [429] * len(SAME_NAME)
        house.forget_guesses()
    print(f"\nguesses over {len(SURFACES)} surfaces and {len(SAME_NAME)} names: {BURST} evaluated, {len(seen)} orders")


def test_one_counter_over_all_spellings(house: House) -> None:
    house.account()
    evaluated = [is_evaluated(house.login(name, WRONG)) for name in SAME_NAME * 2]
    print(f"\n{len(evaluated)} guesses by {len(SAME_NAME)} spellings: evaluated {sum(evaluated)}")
    assert evaluated == [True] * BURST + [False] * (len(evaluated) - BURST)


@ON_EACH_ENGINE
def test_an_unknown_account_behaves_like_a_known_one(house: House) -> None:
    """The same answers and the same waits, by name and by address."""
    house.account()
    for known, unknown in (("ada", "eve"), ("ada@example.org", "eve@example.org")):
        told = [_told(house, name, 40) for name in (known, unknown)]
        assert told[0] == told[1]
        house.forget_guesses()
    waits = [wait for _, _, wait in told[0] if wait]
    print(f"\nknown and unknown, 40 guesses each: equal answers; waits {waits[:9]} …")
    assert waits[:9] == ["30", "60", "120", "240", "480", "960", "1920", "3600", "3600"]


def _told(house: House, name: str, count: int) -> list[tuple[int, str, str | None]]:
    """What each guess is answered where one waits as long as one is told to."""
    told = []
    with clock() as move:
        for _ in range(count):
            answer = house.login(name, WRONG)
            told.append((answer.status_code, answer.get_json()["code"], answer.headers.get("Retry-After")))
            move(int(answer.headers.get("Retry-After", 0)))
    return told


def _evaluated(move: Callable[[int], None], count: int, guess: Callable[[], TestResponse]) -> int:
    """How many of so many guesses were looked at, an hour after each other: the longest wait."""
    found = 0
    for _ in range(count):
        found += is_evaluated(guess())
        move(3600)
    return found


@ON_EACH_ENGINE
def test_wrong_passwords_end_at_a_hundred_until_a_reset(house: House) -> None:
    house.account()
    with clock() as move:
        evaluated = _evaluated(move, 110, lambda: house.login("ada", WRONG))
        print(f"\n110 wrong passwords, each after the longest wait: {evaluated} evaluated")
        assert evaluated == 100
        assert [house.login(name).status_code for name in SAME_NAME] == [429] * len(SAME_NAME)
        move(10 * 86400)
        assert house.login("ada").status_code == 429, "the stop does not pass by itself"
        house.post("/forgot-password", {"email": "ada@example.org"})
        link = next(link for mail in house.mail_to("ada@example.org") for link in mail.links if "/reset-password/" in link)
        assert house.post("/" + link.split("/", 3)[3], {"password": f"{PASSWORD}-2"}).status_code == 200
        assert house.login("ada", f"{PASSWORD}-2").status_code == 200


@ON_EACH_ENGINE
def test_two_hundred_wrong_codes_with_the_right_password_end_at_a_hundred(house: House) -> None:
    house.account()
    secret, recovery_codes = factor_of(house)

    def guess(code: str | None = None) -> TestResponse:
        return house.post("/login", {"username": "ada", "password": PASSWORD, "mfa_code": code or wrong_code(secret)})

    with clock() as move:
        evaluated = _evaluated(move, 200, guess)
        print(f"\n200 wrong TOTP codes with the right password, each after the longest wait: {evaluated} evaluated")
        assert evaluated == 100
        move(10 * 86400)
        assert guess(pyotp.TOTP(secret).now()).status_code == 429, "the stop does not pass by itself"
        assert guess(recovery_codes[0]).status_code == 200
        assert guess(pyotp.TOTP(secret).now()).status_code == 200, "a recovery code lifts it"


@ON_EACH_ENGINE
def test_wrong_recovery_codes_wait_but_never_stop(house: House) -> None:
    house.account()
    _, recovery_codes = factor_of(house)

    def guess(code: str) -> TestResponse:
        return house.post("/login", {"username": "ada", "password": PASSWORD, "mfa_code": code})

    with clock() as move:
        evaluated = _evaluated(move, 110, lambda: guess("0000-0000-0000-0000"))
        print(f"\n110 wrong recovery codes, each after the longest wait: {evaluated} evaluated")
        assert evaluated == 110
        assert guess(recovery_codes[0]).status_code == 200


@pytest.mark.parametrize("path", ["/forgot-password", "/resend-confirmation", "/send-otp"])
def test_mail_between_guesses_does_not_begin_the_count_anew(house: House, path: str) -> None:
    house.account()
    seen = []
    for _ in range(BURST + 2):
        seen.append(is_evaluated(house.login("ada", WRONG)))
        assert house.post(path, {"email": "ada@example.org"}).status_code == 202
        house.deliver()
    print(f"\n{path} between guesses: evaluated {sum(seen)} of {len(seen)}")
    assert seen == [True] * BURST + [False] * 2


def test_five_tries_an_hour_over_all_mailed_codes(house: House) -> None:
    house.account()

    def ask() -> None:
        assert house.post("/send-otp", {"email": "ada@example.org"}).status_code == 202

    def guess(code: str) -> TestResponse:
        return house.post("/verify-otp", {"email": "ada@example.org", "otp_code": code, "password": PASSWORD})

    with clock() as move:
        seen = []
        for _ in range(7):
            ask()
            right = _mailed_code(house)
            seen.append(is_evaluated(guess(f"{(int(right) + 1) % 10**6:06}")))
        assert guess(right).status_code == 429
        move(3601)
        ask()
        assert guess(_mailed_code(house)).status_code == 200
    print(f"\na new code before each guess: evaluated {sum(seen)} of 7, and again after an hour")
    assert seen == [True] * 5 + [False] * 2


def _mailed_code(house: House) -> str:
    found: list[str] = [code for mail in house.mail_to("ada@example.org") for code in CODE.findall(mail.text)]
    return found[-1]


def test_a_success_clears_the_account_and_factor_that_it_proves_and_nothing_else(house: House) -> None:
    house.account()
    house.account("bob", "bob@example.org")
    secret, _ = factor_of(house)

    def by_code(code: str) -> TestResponse:
        return house.post("/login", {"username": "ada", "password": PASSWORD, "mfa_code": code})

    def evaluated(count: int, guess: Callable[[], Any]) -> int:
        return sum(is_evaluated(guess()) for _ in range(count))

    with clock():
        assert evaluated(4, lambda: house.login("bob", WRONG)) == 4
        assert evaluated(4, lambda: by_code(wrong_code(secret))) == 4
        assert evaluated(4, lambda: house.login("ada", WRONG)) == 4
        assert house.login("ada").get_json()["code"] == "mfa_required"  # the password is right
        rest = {"bob's password": evaluated(4, lambda: house.login("bob", WRONG))}
        rest["ada's codes"] = evaluated(4, lambda: by_code(wrong_code(secret)))
        rest["ada's password"] = evaluated(8, lambda: house.login("ada", WRONG))
    print(f"\nafter four of each and ada's right password, still free: {rest}")
    assert rest == {"ada's password": 6, "ada's codes": 2, "bob's password": 2}
