"""Recovery codes: each stands in for the app once, wherever the app's code is taken, and the owner is told."""

import hashlib
from collections.abc import Callable

import time_machine
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from database import rows
from model import AuditFact, RecoveryCode
from tests.factors import (
    STEP,
    WRONG_PASSWORD,
    amr,
    login_code,
    nothing_changes,
    pending,
    protected,
    renewed,
    said,
    second,
    sign_in,
    step_up_code,
    subjects,
    verify,
)
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

WRONG = (401, "invalid_mfa_code")
USED, FEW = "a recovery code was used", "few recovery codes are left"


def left(house: House, access: str) -> int:
    return int(house.get("/mfa", access).get_json()["recovery_codes_left"])


def renew(house: House, access: str, code: str) -> TestResponse:
    return house.post("/mfa/recovery-codes", {"mfa_code": code}, access)


def test_a_recovery_code_is_taken_once_wherever_a_code_of_the_app_is(house: House) -> None:
    access, phone = protected(house)
    step_up = {"otp_code": step_up_code(house, access)}
    with_mail = login_code(house)
    ways: list[Callable[[str], TestResponse]] = [
        lambda code: sign_in(house, code),
        lambda code: second(house, pending(house), code),
        lambda code: house.post("/reauthenticate", {"password": PASSWORD, "mfa_code": code}, access),
        lambda code: house.post("/verify-otp", step_up | {"mfa_code": code}, access),
        lambda code: verify(house, with_mail, mfa_code=code),
    ]
    expected = [["pwd", "mfa"], ["pwd", "mfa"], ["pwd", "mfa"], ["email", "mfa"], ["pwd", "email", "mfa"]]
    told = []
    for way, code in zip(ways, phone.recovery_codes, strict=False):
        answer = way(code)
        told.append(amr(answer))
        access = renewed(access, answer)
    assert told == expected
    assert left(house, access) == 5
    with nothing_changes(house, told=True):
        for code in phone.recovery_codes[:5]:
            assert said(sign_in(house, code)) == WRONG
    assert sign_in(house, phone.recovery_codes[5]).status_code == 200


def test_the_owner_is_told_of_each_use_and_when_three_are_left(house: House) -> None:
    access, phone = protected(house)
    told = {}
    for code in phone.recovery_codes:
        assert sign_in(house, code).status_code == 200
        told[left(house, access)] = subjects(house)
        house.mail_server.clear()
    assert [told[count] for count in (9, 8, 7, 6)] == [[USED]] * 4
    assert told[3] == [FEW]
    assert house.get("/mfa", access).get_json() == {"mfa_enabled": True, "methods": ["totp"], "recovery_codes_left": 0}
    assert rows(select(func.count()).where(AuditFact.kind == "recovery_code_used"))[0][0] == 10
    assert house.login().get_json()["methods"] == ["totp"]


def test_the_mail_says_how_many_are_left(door: Door) -> None:
    _, phone = protected(door)
    sign_in(door, phone.recovery_codes[0])
    text = door.mail_to("ada@example.org")[-1].text
    assert "Codes left: 9." in text
    assert "/not-me/" in text
    assert all(code not in text for code in phone.recovery_codes)


def test_renewing_voids_the_old_set(house: House, standing_clock: time_machine.Traveller) -> None:
    access, phone = protected(house)
    assert sign_in(house, phone.recovery_codes[0]).status_code == 200
    answer = renew(house, access, phone.code())
    new = answer.get_json()["recovery_codes"]
    assert set(answer.get_json()) == {"recovery_codes"}
    assert len(set(new) | set(phone.recovery_codes)) == 20
    assert left(house, access) == 10
    with nothing_changes(house, told=True):
        for code in phone.recovery_codes[:5]:
            assert said(sign_in(house, code)) == WRONG
    standing_clock.shift(STEP)
    assert sign_in(house, new[0]).status_code == 200
    assert [row.kind for row in rows(select(AuditFact.kind))].count("recovery_codes_renewed") == 1


def test_a_wrong_code_renews_nothing(door: Door, standing_clock: time_machine.Traveller) -> None:
    access, phone = protected(door)
    with nothing_changes(door):
        for wrong in (phone.wrong(), phone.code(-1), "0000-0000-0000-0000"):
            assert said(renew(door, access, wrong)) == WRONG
    assert sign_in(door, phone.recovery_codes[0]).status_code == 200


def test_the_last_code_may_make_a_new_set(door: Door) -> None:
    access, phone = protected(door)
    for code in phone.recovery_codes[:-1]:
        assert sign_in(door, code).status_code == 200
    assert len(renew(door, access, phone.recovery_codes[-1]).get_json()["recovery_codes"]) == 10
    assert left(door, access) == 10


def test_another_persons_recovery_code_is_refused_and_stays_good(door: Door) -> None:
    _, eve = protected(door, "eve", "eve@example.org")
    protected(door)
    with nothing_changes(door):
        assert said(sign_in(door, eve.recovery_codes[0])) == WRONG
    assert sign_in(door, eve.recovery_codes[0], username="eve").status_code == 200


def test_they_are_kept_as_keyed_hashes_and_never_told_again(house: House) -> None:
    access, phone = protected(house)
    kept = [row.digest for row in rows(select(RecoveryCode.digest))]
    assert len(set(kept)) == 10
    plain = [text for code in phone.recovery_codes for text in (code, code.replace("-", ""), code.upper())]
    assert not set(kept) & {hashlib.sha256(text.encode()).hexdigest() for text in plain}
    assert not set(kept) & set(plain)
    for path in ("/mfa", "/profile", "/security-events"):
        answer = house.get(path, access).get_data(as_text=True)
        assert all(code not in answer for code in phone.recovery_codes)


def test_a_recovery_code_beside_a_wrong_password_is_not_spent(door: Door) -> None:
    access, phone = protected(door)
    mailed = login_code(door)
    with nothing_changes(door):
        wrong = sign_in(door, phone.recovery_codes[0], password=WRONG_PASSWORD)
        assert said(wrong) == (401, "invalid_credentials")
        wrong = verify(door, mailed, WRONG_PASSWORD, mfa_code=phone.recovery_codes[0])
        assert said(wrong) == (401, "invalid_otp")
        body = {"password": WRONG_PASSWORD, "mfa_code": phone.recovery_codes[0]}
        assert said(door.post("/reauthenticate", body, access)) == (401, "invalid_credentials")
    assert sign_in(door, phone.recovery_codes[0]).status_code == 200
