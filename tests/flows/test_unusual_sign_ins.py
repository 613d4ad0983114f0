"""What the owner hears of sign-ins that were unusual: stopped at the second factor, or reached after many failures."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from werkzeug.test import TestResponse

from services import clock, failed_sign_ins, openid
from tests.factors import ADA, STEP, WRONG_PASSWORD, Phone, login_code, pending, protected, said, second, sign_in, verify
from tests.factors import set_up as turn_on
from tests.mailed import JSON, NOT_ME, newest
from tests.parts.hostile_provider import Realm, hostile_provider
from tests.people import PASSWORD, House
from tests.resources.conftest import Door
from tests.visitors import Visitor, ada, set_up

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}
STOPPED, AFTER, NEW_DEVICE = (
    "a sign-in stopped at your second factor",
    "a sign-in after failed attempts",
    "a sign-in from a new device",
)
UNUSUAL = (STOPPED, AFTER, NEW_DEVICE)
UNFINISHED = timedelta(minutes=10, seconds=1)


def told(house: House) -> list[str]:
    """Subjects of the notices about sign-ins that have come by now."""
    found = [mail.subject.partition(": ")[2] for mail in house.mail_to(ADA)]
    return [subject for subject in found if subject in UNUSUAL]


def first_step(house: House, agent: str = SAFARI) -> TestResponse:
    answer = house.post("/login", {"username": "ada", "password": PASSWORD}, headers={"User-Agent": agent})
    assert said(answer) == (401, "mfa_required")
    return answer


def forget_guesses(house: House) -> None:
    with house.app.app_context():
        house.forget_guesses()


def wrong_codes(house: House, phone: Phone, times: int) -> None:
    for _ in range(times):
        assert said(sign_in(house, phone.wrong())) == (401, "invalid_mfa_code")


def fail(house: House, times: int, agent: str = SAFARI, **place: str) -> None:
    """Wrong passwords for ada, without a wait before or between."""
    forget_guesses(house)
    body = {"username": "ada", "password": WRONG_PASSWORD}
    for _ in range(times):
        answer = house.post("/login", body, headers={"User-Agent": agent}, environ_overrides=place)
        assert said(answer) == (401, "invalid_credentials")


def test_the_third_wrong_second_factor_is_told_once_a_day(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    wrong_codes(house, phone, 2)
    assert told(house) == []
    assert said(second(house, pending(house), phone.wrong())) == (401, "invalid_mfa_code")
    assert told(house) == [STOPPED]
    mail = house.mail_to(ADA)[-1]
    sentence = "Somebody tried to sign in with your password, but did not have your second factor. They were not let in."
    assert sentence in mail.text
    assert sentence in mail.html
    assert f"{clock.now():%Y-%m-%d %H:%M} UTC" in mail.text
    assert "127.0.0.1" in mail.text
    for hours, expected in ((2, 1), (20, 1), (25, 2)):
        with time_machine.travel(clock.now() + timedelta(hours=hours), tick=False):
            forget_guesses(house)
            wrong_codes(house, phone, 3)
            assert told(house) == [STOPPED] * expected, hours


def test_wrong_codes_that_lie_more_than_an_hour_apart_are_slips(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    for _ in range(4):
        wrong_codes(house, phone, 1)
        standing_clock.shift(1801)
    assert told(house) == []


def test_wrong_recovery_codes_count_too_and_wrong_codes_of_a_session_do_not(
    door: Door, standing_clock: time_machine.Traveller
) -> None:
    access, phone = protected(door)
    body = {"password": PASSWORD, "mfa_code": phone.wrong()}
    for _ in range(2):
        assert said(door.post("/reauthenticate", body, access)) == (401, "invalid_mfa_code")
        assert said(door.ask("DELETE", "/mfa", {"mfa_code": phone.wrong()}, access)) == (401, "invalid_mfa_code")
    forget_guesses(door)
    wrong_codes(door, phone, 2)
    assert told(door) == []
    assert said(sign_in(door, "ABCD-EFGH-JKLM-NPQR-STUV-WXYZ")) == (401, "invalid_mfa_code")
    assert told(door) == [STOPPED]


def test_somebody_without_the_password_causes_no_mail(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    body = {"username": "ada", "password": WRONG_PASSWORD, "mfa_code": phone.wrong()}
    for _ in range(3):
        for _ in range(5):
            house.post("/login", body, headers={"User-Agent": SAFARI})
        forget_guesses(house)
    standing_clock.shift(3600)
    assert told(house) == []


def test_a_first_step_by_a_new_device_that_is_not_finished_is_told(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    protected(house)
    for _ in range(3):
        first_step(house)
    standing_clock.shift(599)
    assert told(house) == []
    standing_clock.shift(2)
    assert told(house) == [STOPPED]
    assert "Mobile Safari on iOS" in house.mail_to(ADA)[-1].text
    assert house.post(newest(house, ADA, NOT_ME), headers=JSON).status_code == 200
    assert said(house.login()) == (401, "invalid_credentials")


def test_a_first_step_that_is_finished_or_by_a_known_device_is_not_told(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    _, phone = protected(house)
    pending(house)  # by the device of the account
    mfa_token = first_step(house).get_json()["mfa_token"]
    standing_clock.shift(120)
    body = {"mfa_token": mfa_token, "mfa_code": phone.code()}
    assert house.post("/login", body, headers={"User-Agent": SAFARI}).status_code == 200
    assert told(house) == [NEW_DEVICE]
    standing_clock.shift(UNFINISHED)
    assert told(house) == [NEW_DEVICE]


def test_before_any_device_is_known_none_is_new(door: Door, standing_clock: time_machine.Traveller) -> None:
    door.account()
    turn_on(door, door.tokens()[0])
    first_step(door)
    standing_clock.shift(UNFINISHED)
    assert told(door) == []


def test_an_owner_without_a_second_factor_gets_none_of_this(door: Door) -> None:
    door.account()
    assert door.tokens()
    fail(door, 4)
    assert told(door) == []


def test_the_notice_names_the_first_step(door: Door, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(door)
    code = login_code(door)
    for _ in range(3):
        assert said(verify(door, code, mfa_code=phone.wrong())) == (401, "invalid_mfa_code")
    assert told(door) == [STOPPED]
    assert "sign in with your password and a code from your mailbox, but did" in door.mail_to(ADA)[-1].text


@pytest.fixture(scope="module")
def google() -> Iterator[Realm]:
    with hostile_provider() as provider:
        yield provider.realm()


def test_a_provider_is_a_first_step_too(door: Door, google: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    openid._kept.clear()
    set_up(door, monkeypatch, google)
    _, phone = protected(door)
    visitor = Visitor(door)
    mfa_token = visitor.prove(visitor.sign_in(google, **ada())).get_json()["mfa_token"]
    for _ in range(3):
        assert said(second(door, mfa_token, phone.wrong())) == (401, "invalid_mfa_code")
    assert told(door) == [STOPPED]
    assert "sign in with your account at Google and your password, but did" in door.mail_to(ADA)[-1].text


def test_a_sign_in_after_five_failures_elsewhere_is_told_once_a_day(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    house.tokens()
    house.deliver()
    fail(house, failed_sign_ins.MANY)
    assert told(house) == []
    house.tokens()
    assert told(house) == [AFTER]
    mail = house.mail_to(ADA)[-1]
    sentence = "In the 24 hours before, 5 attempts to sign in from other devices or networks failed."
    assert f"Somebody signed in to your account. {sentence}" in mail.text
    assert sentence in mail.html
    house.tokens()
    standing_clock.shift(timedelta(hours=23))
    fail(house, 4)
    house.tokens()
    assert told(house) == [AFTER]
    standing_clock.shift(timedelta(hours=2))
    fail(house, 1)
    house.tokens()
    assert told(house) == [AFTER] * 2


def test_failures_of_another_network_count_and_those_of_the_same_place_do_not(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    house.tokens()
    mine = {"User-Agent": "Werkzeug/3.1"}
    body = {"username": "ada", "password": PASSWORD}
    fail(house, 5, mine["User-Agent"])
    assert house.post("/login", body, headers=mine).status_code == 200
    assert told(house) == []
    fail(house, 5, mine["User-Agent"], **ELSEWHERE)
    assert house.post("/login", body, headers=mine).status_code == 200
    assert told(house) == [AFTER]


def test_failures_older_than_a_day_and_those_of_somebody_else_do_not_count(
    door: Door, standing_clock: time_machine.Traveller
) -> None:
    door.account()
    door.account("eve", "eve@example.org")
    door.tokens()
    fail(door, 4)
    standing_clock.shift(timedelta(hours=24, seconds=1))
    fail(door, 4)
    for _ in range(3):
        door.post("/login", {"username": "eve", "password": WRONG_PASSWORD}, headers={"User-Agent": SAFARI})
    door.tokens()
    assert told(door) == []


def test_the_notice_of_a_new_device_tells_of_the_failures_before_it(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    house.tokens()
    house.deliver()
    fail(house, 5, "curl/8.5")
    body = {"username": "ada", "password": PASSWORD}
    assert house.post("/login", body, headers={"User-Agent": SAFARI}).status_code == 200
    assert told(house) == [NEW_DEVICE]
    assert "In the 24 hours before, 5 attempts to sign in" in house.mail_to(ADA)[-1].text


def test_wrong_second_factors_elsewhere_are_failures_before_a_sign_in(
    door: Door, standing_clock: time_machine.Traveller
) -> None:
    _, phone = protected(door)
    fail(door, 3)
    body = {"username": "ada", "password": PASSWORD, "mfa_code": phone.wrong()}
    for _ in range(2):
        door.post("/login", body, headers={"User-Agent": SAFARI})
    standing_clock.shift(STEP)
    assert sign_in(door, phone.code()).status_code == 200
    assert told(door) == [AFTER]
