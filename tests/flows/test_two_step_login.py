"""Signing in where a second factor is on: in one step by `mfa_code`, in two by `mfa_token`."""

import pytest
import time_machine
from sqlalchemy import func, select, update

from database import db, rows, unit_of_work
from model import AuditFact, Session, Ticket, User
from services import clock
from tests.factors import (
    STEP,
    WRONG_PASSWORD,
    amr,
    claims,
    nothing_changes,
    pending,
    protected,
    said,
    second,
    sign_in,
)
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

FINISHED = (401, "token_invalid")
NEWER = "staple-battery-horse-correct"


def sessions() -> int:
    return int(rows(select(func.count()).select_from(Session))[0][0])


def test_the_right_password_alone_opens_nothing_and_says_what_is_wanted(house: House) -> None:
    protected(house)
    before = sessions()
    answer = house.login()
    assert said(answer) == (401, "mfa_required")
    assert answer.get_json()["methods"] == ["totp", "recovery_code"]
    assert "access_token" not in answer.get_json()
    assert sessions() == before
    kinds = [row.kind for row in rows(select(AuditFact.kind))]
    assert kinds.count("sign_in_wants_factor") == 1


def test_a_wrong_password_does_not_tell_that_a_second_factor_is_on(door: Door) -> None:
    _, phone = protected(door)
    unknown = door.login("nobody").get_json()
    with nothing_changes(door):
        for code in (None, phone.code(), phone.wrong(), phone.recovery_codes[0]):
            answer = sign_in(door, code, password=WRONG_PASSWORD)
            assert answer.get_json() | {"request_id": ""} == unknown | {"request_id": ""}
    assert sign_in(door, phone.code()).status_code == 200


def test_both_ways_give_the_same_kind_of_session(door: Door, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(door)
    one = sign_in(door, phone.code())
    standing_clock.shift(STEP)
    two = second(door, pending(door), phone.code())
    assert amr(one) == amr(two) == ["pwd", "otp", "mfa"]
    assert set(one.get_json()) == set(two.get_json())
    assert len({claims(answer.get_json()["access_token"])["sid"] for answer in (one, two)}) == 2
    for answer in (one, two):
        assert door.get("/profile", answer.get_json()["access_token"]).status_code == 200


def test_the_session_is_as_recent_as_its_second_step(door: Door, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(door)
    mfa_token = pending(door)
    standing_clock.shift(240)
    token = claims(second(door, mfa_token, phone.code()).get_json()["access_token"])
    assert token["auth_time"] == token["iat"] == int(clock.now().timestamp())


def test_an_mfa_token_works_once(house: House, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(house)
    mfa_token = pending(house)
    assert second(house, mfa_token, phone.code()).status_code == 200
    standing_clock.shift(STEP)
    with nothing_changes(house):
        assert said(second(house, mfa_token, phone.code())) == FINISHED
        assert said(second(house, mfa_token, phone.recovery_codes[0])) == FINISHED
    assert sign_in(house, phone.code()).status_code == 200


def test_a_wrong_code_does_not_spend_the_mfa_token(house: House) -> None:
    _, phone = protected(house)
    mfa_token = pending(house)
    with nothing_changes(house, told=True):
        for wrong in (phone.wrong(), "0000-0000-0000-0000", phone.code(-3)):
            assert said(second(house, mfa_token, wrong)) == (401, "invalid_mfa_code")
    assert second(house, mfa_token, phone.code()).status_code == 200


@pytest.mark.parametrize(("seconds", "expected"), [(299, (200, "ok")), (300, FINISHED)])
def test_an_mfa_token_lasts_five_minutes(
    house: House, standing_clock: time_machine.Traveller, seconds: int, expected: tuple[int, str]
) -> None:
    _, phone = protected(house)
    mfa_token = pending(house)
    standing_clock.shift(seconds)
    assert said(second(house, mfa_token, phone.code())) == expected


def test_an_mfa_token_is_void_after_a_change_of_password(house: House, standing_clock: time_machine.Traveller) -> None:
    access, phone = protected(house)
    mfa_token = pending(house)
    changed = house.post("/change-password", {"current_password": PASSWORD, "new_password": NEWER}, access)
    assert changed.status_code == 200
    with nothing_changes(house):
        assert said(second(house, mfa_token, phone.code())) == FINISHED
    standing_clock.shift(STEP)
    assert sign_in(house, phone.code(), password=NEWER).status_code == 200


def test_an_mfa_token_carries_on_only_its_own_sign_in(house: House) -> None:
    """Eve knows Ada's password but holds only her own phone; and the other way round."""
    _, eve = protected(house, "eve", "eve@example.org")
    _, ada = protected(house)
    of_ada, of_eve = pending(house), pending(house, "eve")
    with nothing_changes(house):
        for code in (eve.code(), eve.recovery_codes[0]):
            assert said(second(house, of_ada, code)) == (401, "invalid_mfa_code")
    signed_in = second(house, of_eve, eve.code()).get_json()["access_token"]
    assert house.get("/profile", signed_in).get_json()["username"] == "eve"
    assert second(house, of_ada, ada.code()).status_code == 200


def test_what_is_no_mfa_token_is_refused_and_spends_no_code(door: Door) -> None:
    _, phone = protected(door)
    mfa_token = pending(door)
    with nothing_changes(door):
        for text in ("", "x", "x" * 200, mfa_token[:-1], mfa_token + "=", mfa_token.swapcase(), phone.code()):
            assert said(second(door, text, phone.code())) == FINISHED
    assert second(door, mfa_token, phone.code()).status_code == 200


def test_several_sign_ins_may_wait_side_by_side(door: Door, standing_clock: time_machine.Traveller) -> None:
    _, phone = protected(door)
    tokens = [pending(door) for _ in range(2)]
    assert len(set(tokens)) == 2
    for mfa_token in tokens:
        assert second(door, mfa_token, phone.code()).status_code == 200
        standing_clock.shift(STEP)


@pytest.mark.parametrize("two_steps", [True, False])
def test_an_account_that_became_inactive_does_not_get_in_by_its_second_factor(house: House, two_steps: bool) -> None:
    _, phone = protected(house)
    mfa_token = pending(house)
    with unit_of_work():
        db.session.execute(update(User).values(is_active=False))
    with nothing_changes(house):
        answer = second(house, mfa_token, phone.code()) if two_steps else sign_in(house, phone.code())
        assert said(answer) == (403, "account_inactive")


def test_the_mfa_token_is_kept_as_a_hash_only(house: House) -> None:
    protected(house)
    mfa_token = pending(house)
    kept = rows(select(Ticket.digest, Ticket.about).where(Ticket.purpose == "sign_in"))
    assert len(kept) == 1
    assert mfa_token not in str(kept)
    assert '"pwd' not in str(kept)
