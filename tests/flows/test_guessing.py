"""Guessing: counted before it is checked, over all spellings and ways in; growing waits, an end, and who lifts it."""

from collections.abc import Callable

import bcrypt
import pytest
import time_machine
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from database import db, rows, unit_of_work
from model import Attempt, AuditFact
from tests.factors import (
    ADA,
    STEP,
    WRONG_PASSWORD,
    login_code,
    nothing_changes,
    pending,
    protected,
    said,
    second,
    sign_in,
    verify,
)
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

MANY = (429, "too_many_attempts")
SPELLINGS = ["ada", "ADA", " ada ", ADA, "ADA@example.ORG", f"  {ADA} "]
NEWER = "staple-battery-horse-correct"


def shape(answer: TestResponse) -> tuple[int, dict[str, str], str | None]:
    return answer.status_code, answer.get_json() | {"request_id": ""}, answer.headers.get("Retry-After")


def guess(house: House, times: int, name: str = "ada") -> list[tuple[int, str]]:
    return [said(house.login(name, WRONG_PASSWORD)) for _ in range(times)]


def failures() -> list[int]:
    return sorted(row.failures for row in rows(select(Attempt.failures)))


def guessed_before(times: int) -> None:
    """As if everything that was guessed at had been guessed at so often, and the wait were over."""
    with unit_of_work():
        guessed = update(Attempt).where(Attempt.failures > 0)
        db.session.execute(guessed.values(failures=times, blocked_until=Attempt.last_at))


def test_from_the_sixth_failure_on_there_are_growing_waits(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    assert guess(house, 6) == [(401, "invalid_credentials")] * 6
    for wait in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        refused = house.login()
        assert (said(refused), refused.headers["Retry-After"]) == (MANY, str(wait))
        standing_clock.shift(wait - 1)
        assert (said(house.login()), house.login().headers["Retry-After"]) == (MANY, "1")
        standing_clock.shift(1)
        assert guess(house, 1) == [(401, "invalid_credentials")]
    standing_clock.shift(3600)
    assert house.login().status_code == 200
    assert guess(house, 5) == [(401, "invalid_credentials")] * 5, "the count began anew"


def test_the_wait_is_the_same_for_right_and_wrong_and_unknown_and_costs_no_hash(
    door: Door, monkeypatch: pytest.MonkeyPatch, standing_clock: time_machine.Traveller
) -> None:
    door.account()
    door.sign_up("bea", "bea@example.org")
    names = ["ada", "bea", "nobody", "nobody@example.org"]
    for name in names:
        assert guess(door, 6, name) == [(401, "invalid_credentials")] * 6
    monkeypatch.setattr(bcrypt, "hashpw", lambda *_: pytest.fail("the password was looked at"))
    with nothing_changes(door):
        answers = [shape(door.login(name, password)) for name in names for password in (PASSWORD, WRONG_PASSWORD)]
    assert answers[0][0] == 429
    seconds = [int(answer[2] or 0) for answer in answers]
    assert seconds == [30] * len(answers)
    assert len({repr(answer[:2]) for answer in answers}) == 1


def test_one_count_over_all_spellings_and_ways_in(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    change = {"current_password": WRONG_PASSWORD, "new_password": NEWER}
    ways: list[Callable[[], TestResponse]] = [
        lambda: house.login("ADA", WRONG_PASSWORD),
        lambda: house.login(f" {ADA.upper()} ", WRONG_PASSWORD),
        lambda: verify(house, "000000", WRONG_PASSWORD),
        lambda: house.post("/reauthenticate", {"password": WRONG_PASSWORD}, access),
        lambda: house.post("/change-password", change, access),
        lambda: house.login("ada", WRONG_PASSWORD),
    ]
    assert [way().status_code for way in ways] == [401] * 6
    with nothing_changes(house):
        assert [said(way()) for way in ways] == [MANY] * 6
        assert [said(house.login(name)) for name in SPELLINGS] == [MANY] * len(SPELLINGS)
        assert said(house.post("/reauthenticate", {"password": PASSWORD}, access)) == MANY
    assert house.get("/profile", access).status_code == 200, "who is signed in stays signed in"


def test_a_guess_is_kept_though_its_request_was_rolled_back(house: House) -> None:
    house.account()
    guess(house, 2)
    assert failures() == [2, 2]
    house.login()
    assert failures() == [0, 0]


def test_a_success_clears_the_count_of_the_own_account_over_all_its_names(house: House) -> None:
    house.account()
    house.account("eve", "eve@example.org")
    guess(house, 3, "ada")
    guess(house, 2, ADA)
    for name in ("eve", "nobody"):
        guess(house, 5, name)
    assert house.login().status_code == 200
    assert guess(house, 6, ADA) == [(401, "invalid_credentials")] * 6
    for name in ("eve", "nobody"):
        assert guess(house, 2, name) == [(401, "invalid_credentials"), MANY]


def test_a_sign_up_with_anothers_address_clears_nothing_of_it(house: House) -> None:
    """Eve's own pending sign-up names Ada's address, or one that nobody has; her right password is no proof of it."""
    house.account()
    for email in (ADA, "nobody@example.org"):
        assert house.sign_up(f"eve-{email[:3]}", email).status_code == 201
        assert guess(house, 6, email) == [(401, "invalid_credentials")] * 6
        assert house.login(f"eve-{email[:3]}").get_json()["code"] == "email_not_confirmed"
        assert guess(house, 1, email) == [MANY]
    assert failures() == [0] * 4 + [6] * 4


def test_the_right_password_does_not_clear_the_count_of_the_second_factor(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    _, phone = protected(house)
    mfa_token = pending(house)
    with nothing_changes(house, told=True):
        for _ in range(3):
            assert said(sign_in(house, phone.wrong())) == (401, "invalid_mfa_code")
            assert said(second(house, mfa_token, phone.wrong())) == (401, "invalid_mfa_code")
        for answer in (sign_in(house, phone.code()), second(house, mfa_token, phone.code())):
            assert (said(answer), answer.headers["Retry-After"]) == (MANY, "30")
        assert said(sign_in(house, phone.code(), password=WRONG_PASSWORD)) == (401, "invalid_credentials")
    standing_clock.shift(30)
    assert second(house, mfa_token, phone.code()).status_code == 200, "the wait did not spend the token"
    standing_clock.shift(STEP)
    assert sign_in(house, phone.code()).status_code == 200


def test_a_second_factors_wait_does_not_spend_the_mailed_code(door: Door, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(door)
    code = login_code(door)
    for _ in range(6):
        sign_in(door, phone.wrong())
    with nothing_changes(door):
        assert said(verify(door, code, mfa_code=phone.code())) == MANY
    standing_clock.shift(30)
    assert verify(door, code, mfa_code=phone.code()).status_code == 200


def test_a_hundred_wrong_codes_are_the_end_until_a_recovery_code(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    assert said(sign_in(house, phone.wrong())) == (401, "invalid_mfa_code")
    guessed_before(99)
    assert said(sign_in(house, phone.wrong())) == (401, "invalid_mfa_code")
    for seconds in (0, 3601, 86400):
        standing_clock.shift(seconds)
        with nothing_changes(house):
            refused = sign_in(house, phone.code())
            assert (said(refused), refused.headers["Retry-After"]) == (MANY, "3600")
    assert sign_in(house, phone.recovery_codes[0]).status_code == 200
    assert sign_in(house, phone.code()).status_code == 200


def test_recovery_codes_have_waits_but_no_end(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    for _ in range(6):
        assert said(sign_in(house, "0000-0000-0000-0000")) == (401, "invalid_mfa_code")
    assert said(sign_in(house, phone.recovery_codes[0])) == MANY
    assert sign_in(house, phone.code()).status_code == 200, "the app's codes have a count of their own"
    guessed_before(1000)
    assert said(sign_in(house, "0000-0000-0000-0000")) == (401, "invalid_mfa_code")
    standing_clock.shift(3599)
    with nothing_changes(house):
        assert said(sign_in(house, phone.recovery_codes[0])) == MANY
    standing_clock.shift(1)
    assert sign_in(house, phone.recovery_codes[0]).status_code == 200


def test_a_hundred_wrong_passwords_are_the_end_until_a_reset(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    guess(house, 1)
    guess(house, 1, ADA)
    guessed_before(99)
    assert guess(house, 1) == [(401, "invalid_credentials")]
    standing_clock.shift(86400)
    with nothing_changes(house):
        for name in ("ada", ADA):
            refused = house.login(name)
            assert (said(refused), refused.headers["Retry-After"]) == (MANY, "3600")
    house.post("/forgot-password", {"email": ADA})
    assert house.post(path_in_newest_mail(house), {"password": NEWER}).status_code == 200
    for name in ("ada", ADA):
        assert house.login(name, NEWER).status_code == 200


def test_a_reset_lifts_the_end_of_a_sign_up_that_it_confirms(house: House) -> None:
    house.sign_up()
    guess(house, 1)
    guess(house, 1, ADA)
    guessed_before(100)
    assert said(house.login()) == said(house.login(ADA)) == MANY
    house.post("/forgot-password", {"email": ADA})
    assert house.post(path_in_newest_mail(house), {"password": NEWER}).status_code == 200
    for name in ("ada", ADA):
        assert house.login(name, NEWER).status_code == 200


def path_in_newest_mail(house: House) -> str:
    return house.mail_to(ADA)[-1].links[0].removeprefix(house.app.extensions["settings"].address)


def test_the_end_is_the_same_for_a_name_without_account(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    names = ["ada", "nobody", ADA, "nobody@example.org"]
    for name in names:
        guess(house, 1, name)
    guessed_before(100)
    standing_clock.shift(86400)
    assert len({repr(shape(house.login(name))) for name in names}) == 1
    assert said(house.login()) == MANY


def test_wrong_guesses_are_on_the_record(house: House) -> None:
    access, phone = protected(house)
    house.login(password=WRONG_PASSWORD)
    sign_in(house, phone.wrong())
    house.post("/verify-otp", {"otp_code": "000000", "mfa_code": phone.code()}, access)
    kinds = [row.kind for row in rows(select(AuditFact.kind))]
    assert (kinds.count("sign_in_failed"), kinds.count("code_failed")) == (1, 2)
    assert {"sign_in_failed", "code_failed"} <= {
        event["kind"] for event in house.get("/security-events", access).get_json()["events"]
    }
