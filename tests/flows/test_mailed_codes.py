"""Mailed codes to sign in with: beside the password, newest only, counted, and spent once code and password were right."""

import hashlib

import bcrypt
import pytest
import time_machine
from sqlalchemy import func, select, update

from database import db, rows, unit_of_work
from model import Session, Ticket, User
from tests.factors import (
    ADA,
    STEP,
    WRONG_PASSWORD,
    amr,
    another,
    login_code,
    newest_code,
    nothing_changes,
    protected,
    said,
    second,
    step_up_code,
    verify,
)
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

WRONG = (401, "invalid_otp")
NEWER = "staple-battery-horse-correct"


def test_code_and_password_sign_in_once(house: House) -> None:
    house.account()
    code = login_code(house)
    assert len(code) == 6
    answer = verify(house, code)
    assert amr(answer) == ["pwd", "email"]
    assert house.get("/profile", answer.get_json()["access_token"]).get_json()["username"] == "ada"
    with nothing_changes(house):
        assert said(verify(house, code)) == WRONG


def test_the_address_may_be_spelled_otherwise(door: Door) -> None:
    door.account()
    door.post("/send-otp", {"email": " ADA@Example.ORG "})
    assert verify(door, newest_code(door), email="Ada@EXAMPLE.org").status_code == 200


def test_the_code_alone_is_only_a_keyed_hash_at_rest_and_not_in_the_subject(house: House) -> None:
    house.account()
    code = login_code(house)
    mail = house.mail_to(ADA)[-1]
    assert code not in mail.subject
    assert "/not-me/" not in mail.text
    kept = rows(select(Ticket.id, Ticket.digest).where(Ticket.purpose == "login_code"))[0]
    assert len(kept.digest) == 64
    assert kept.digest != hashlib.sha256(f"{kept.id}:{code}".encode()).hexdigest(), "whoever has the rows cannot try codes"


def test_every_wrong_part_is_refused_alike_with_one_hash_run_each(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.account()
    door.sign_up("bea", "bea@example.org")
    code, runs = login_code(door), []
    hashpw = bcrypt.hashpw

    def counted(password: bytes, salt: bytes) -> bytes:
        runs.append(1)
        return hashpw(password, salt)

    wrong = [
        {"code": another(code)},
        {"code": code, "password": WRONG_PASSWORD},
        {"code": another(code), "password": WRONG_PASSWORD},
        {"code": code, "email": "nobody@example.org"},
        {"code": code, "email": "bea@example.org"},
    ]
    with nothing_changes(door):
        verify(door, code, email="nobody2@example.org")  # The stand-in hash is made once in a process.
        monkeypatch.setattr(bcrypt, "hashpw", counted)
        answers = [verify(door, **parts) for parts in wrong]
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    assert len(runs) == len(wrong)
    first = answers[0].get_json() | {"request_id": ""}
    assert [answer.get_json() | {"request_id": ""} for answer in answers] == [first] * len(wrong)
    assert said(answers[0]) == WRONG
    assert verify(door, code).status_code == 200


def test_a_newer_code_voids_the_older(house: House) -> None:
    house.account()
    older, newer = login_code(house), login_code(house)
    if older != newer:
        with nothing_changes(house):
            assert said(verify(house, older)) == WRONG
    assert verify(house, newer).status_code == 200
    assert said(verify(house, older)) == WRONG, "and it does not come back"


@pytest.mark.parametrize(("seconds", "expected"), [(599, (200, "ok")), (600, WRONG)])
def test_a_code_lasts_ten_minutes(
    house: House, standing_clock: time_machine.Traveller, seconds: int, expected: tuple[int, str]
) -> None:
    house.account()
    code = login_code(house)
    standing_clock.shift(seconds)
    assert said(verify(house, code)) == expected


def test_a_code_is_void_after_a_change_of_password(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    code, own = login_code(house), step_up_code(house, access)
    assert house.post("/change-password", {"current_password": PASSWORD, "new_password": NEWER}, access).status_code == 200
    with nothing_changes(house):
        assert said(verify(house, code, NEWER)) == WRONG
        assert said(house.post("/verify-otp", {"otp_code": own}, access)) == WRONG


def test_another_persons_code_is_refused(door: Door) -> None:
    door.account("eve", "eve@example.org")
    door.account()
    mine = login_code(door)
    hers = login_code(door, "eve@example.org")
    if hers != mine:
        with nothing_changes(door):
            assert said(verify(door, hers)) == WRONG
    assert verify(door, hers, email="eve@example.org").status_code == 200


def test_nobody_gets_a_code_but_a_confirmed_address(door: Door) -> None:
    door.account()
    door.sign_up("bea", "bea@example.org")
    door.mail_to("bea@example.org")
    door.mail_server.clear()
    answers = [door.post("/send-otp", {"email": email}) for email in (ADA, "bea@example.org", "nobody@example.org")]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_data() for answer in answers}) == 1
    door.deliver()
    assert [mail.recipients for mail in door.mail_server.messages] == [(ADA,)]


def test_five_mails_an_hour_then_silence_with_the_older_code_still_good(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    house.account()
    access, _ = house.tokens()
    codes = [login_code(house) for _ in range(5)]
    before = len(house.mail_to(ADA))
    assert house.post("/send-otp", {"email": ADA}).status_code == 202
    assert len(house.mail_to(ADA)) == before
    assert step_up_code(house, access)
    assert verify(house, codes[-1]).status_code == 200
    standing_clock.shift(3601)
    assert verify(house, login_code(house)).status_code == 200


def test_five_tries_an_hour_over_all_codes(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    for _ in range(5):
        assert said(verify(house, another(login_code(house)))) == WRONG
    code = newest_code(house)
    standing_clock.shift(60)
    with nothing_changes(house):
        for email in (ADA, "Ada@Example.org"):
            refused = verify(house, code, email=email)
            assert (said(refused), refused.headers["Retry-After"]) == ((429, "too_many_attempts"), "3540")
    assert house.login().status_code == 200, "the password alone has a count of its own"
    standing_clock.shift(3539)
    assert verify(house, code).status_code == 429
    standing_clock.shift(1)
    assert verify(house, login_code(house)).status_code == 200


def test_the_tries_are_counted_alike_for_an_address_without_account(house: House) -> None:
    house.account()
    code = login_code(house)
    answers: dict[str, list[tuple[int, dict[str, str], str | None]]] = {ADA: [], "nobody@example.org": []}
    for email, told in answers.items():
        for _ in range(7):
            answer = verify(house, another(code), email=email)
            told.append((answer.status_code, answer.get_json() | {"request_id": ""}, answer.headers.get("Retry-After")))
    assert [status for status, _, _ in answers[ADA]] == [401] * 5 + [429] * 2
    assert [told[:2] for told in answers[ADA]] == [told[:2] for told in answers["nobody@example.org"]]


def test_a_success_begins_the_tries_anew(house: House) -> None:
    house.account()
    for _ in range(3):
        code = login_code(house)
        for _ in range(2):
            assert said(verify(house, another(code))) == WRONG
        assert verify(house, code).status_code == 200


def test_code_and_password_right_spend_the_code_before_an_inactive_account_is_refused(house: House) -> None:
    house.account()
    code = login_code(house)
    with unit_of_work():
        db.session.execute(update(User).values(is_active=False))
    assert said(verify(house, another(code))) == WRONG
    assert said(verify(house, code)) == (403, "account_inactive")
    assert said(verify(house, code)) == WRONG
    assert rows(select(func.count()).select_from(Session))[0][0] == 0


def test_code_and_password_right_spend_the_code_and_lead_to_the_second_factor(house: House) -> None:
    _, phone = protected(house)
    code = login_code(house)
    answer = verify(house, code)
    assert said(answer) == (401, "mfa_required")
    assert answer.get_json()["methods"] == ["totp", "recovery_code"]
    with nothing_changes(house):
        assert said(verify(house, code, mfa_code=phone.code())) == WRONG
    assert amr(second(house, answer.get_json()["mfa_token"], phone.code())) == ["pwd", "email", "otp", "mfa"]


def test_a_wrong_second_factor_does_not_spend_the_code(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    code = login_code(house)
    with nothing_changes(house):
        for wrong in (phone.wrong(), "0000-0000-0000-0000"):
            assert said(verify(house, code, mfa_code=wrong)) == (401, "invalid_mfa_code")
    assert amr(verify(house, code, mfa_code=phone.code())) == ["pwd", "email", "otp", "mfa"]
    standing_clock.shift(STEP)
    with nothing_changes(house):
        assert said(verify(house, code, mfa_code=phone.code())) == WRONG


def test_a_step_up_code_does_not_sign_in(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    code = step_up_code(house, access)
    with nothing_changes(house):
        assert said(verify(house, code)) == WRONG
    assert house.post("/verify-otp", {"otp_code": code}, access).status_code == 200
