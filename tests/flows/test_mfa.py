"""A second factor set up, used and turned off: outcome, what was written, what survived."""

from collections.abc import Callable

import time_machine
from sqlalchemy import select
from werkzeug.test import TestResponse

from database import rows
from model import AuditFact, RecoveryCode, User
from tests.factors import (
    ADA,
    STEP,
    Phone,
    amr,
    nothing_changes,
    pending,
    protected,
    renewed,
    said,
    second,
    set_up,
    sign_in,
    step_up_code,
    subjects,
    written,
)
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

OFF = {"mfa_enabled": False, "methods": [], "recovery_codes_left": 0}
ON = {"mfa_enabled": True, "methods": ["totp", "recovery_code"], "recovery_codes_left": 10}


def turn_off(house: House, access: str, code: str) -> TestResponse:
    return house.ask("DELETE", "/mfa", {"mfa_code": code}, access)


def facts() -> list[str]:
    return [row.kind for row in rows(select(AuditFact.kind).order_by(AuditFact.time))]


def test_an_abandoned_set_up_changes_nothing(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    other, _ = house.tokens()
    before = written(house)
    assert house.post("/mfa", token=access).status_code == 200
    after = written(house)
    assert [row | {"totp_offered": None} for row in after["users"]] == before["users"]
    assert {name: after[name] for name in after if name != "users"} == {name: before[name] for name in after if name != "users"}
    for token in (access, other):
        assert house.get("/mfa", token).get_json() == OFF
        assert house.get("/profile", token).get_json()["mfa_enabled"] is False
    assert house.login().status_code == 200
    assert "mfa_enabled" not in facts()


def test_a_code_of_the_app_turns_it_on_and_ends_the_other_sessions(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    other, other_refresh = house.tokens()
    house.account("eve", "eve@example.org")
    eve, _ = house.tokens("eve")
    phone = set_up(house, access)
    assert len(set(phone.recovery_codes)) == 10
    assert house.get("/mfa", access).get_json() == ON
    assert house.get("/profile", access).get_json()["mfa_enabled"] is True
    for method, path, token in (("GET", "/profile", other), ("POST", "/refresh", other_refresh)):
        assert house.ask(method, path, token=token).get_json()["reason"] == "mfa_changed"
    assert house.post("/refresh", token=refresh).status_code == 200
    assert house.get("/mfa", eve).get_json() == OFF
    assert said(house.login()) == (401, "mfa_required")
    assert facts().count("mfa_enabled") == 1
    assert subjects(house)[-1] == "a second factor was turned on"
    assert "second factor" not in " ".join(subjects(house, "eve@example.org"))


def test_the_secret_is_encrypted_for_its_row_and_read_once(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    phone = set_up(house, access)
    row = rows(select(User.totp_secret, User.totp_offered))[0]
    assert phone.secret not in str(row)
    assert row.totp_offered is None
    for path in ("/mfa", "/profile"):
        assert phone.secret not in house.get(path, access).get_data(as_text=True)
    assert all(phone.secret not in mail.text + mail.html for mail in house.mail_to(ADA))


def test_a_set_up_begun_anew_replaces_the_one_before(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    first, newest = (Phone(door.post("/mfa", token=access).get_json()["mfa_secret"]) for _ in range(2))
    assert first.secret != newest.secret
    with nothing_changes(door):
        assert said(door.post("/mfa", {"mfa_code": first.code()}, access)) == (401, "invalid_mfa_code")
    assert door.post("/mfa", {"mfa_code": newest.code()}, access).status_code == 200


def test_a_wrong_code_turns_nothing_on_and_leaves_the_set_up_open(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    with nothing_changes(door):
        assert said(door.post("/mfa", {"mfa_code": "123456"}, access)) == (401, "invalid_mfa_code")
    phone = Phone(door.post("/mfa", token=access).get_json()["mfa_secret"])
    with nothing_changes(door):
        for wrong in (phone.wrong(), phone.code(-2), phone.code(2), "x", phone.code() + "0"):
            assert said(door.post("/mfa", {"mfa_code": wrong}, access)) == (401, "invalid_mfa_code")
    assert door.get("/mfa", access).get_json() == OFF
    assert door.post("/mfa", {"mfa_code": phone.code()}, access).status_code == 200


def test_the_code_that_turned_it_on_is_spent(house: House, standing_clock: time_machine.Traveller) -> None:
    house.account()
    access, _ = house.tokens()
    phone = Phone(house.post("/mfa", token=access).get_json()["mfa_secret"])
    code = phone.code()
    assert house.post("/mfa", {"mfa_code": code}, access).status_code == 200
    with nothing_changes(house):
        assert said(sign_in(house, code)) == (401, "invalid_mfa_code")
    standing_clock.shift(STEP)
    assert sign_in(house, phone.code()).status_code == 200


def test_a_set_up_run_again_leaves_the_active_secret_untouched(house: House) -> None:
    access, phone = protected(house)
    with nothing_changes(house):
        for body in (None, {"mfa_code": phone.code()}, {"mfa_code": phone.wrong()}, {"mfa_code": phone.recovery_codes[0]}):
            assert said(house.post("/mfa", body, access)) == (409, "mfa_already_enabled")
    assert sign_in(house, phone.code()).status_code == 200


def test_a_code_works_once_over_all_endpoints(house: House, standing_clock: time_machine.Traveller) -> None:
    """Each way in spends a code; that one, and the older one beside it, is then good nowhere."""
    access, phone = protected(house)

    def by_mail(code: str) -> TestResponse:
        return house.post("/verify-otp", {"otp_code": step_up_code(house, access), "mfa_code": code}, access)

    ways: dict[str, Callable[[str], TestResponse]] = {
        "one step": lambda code: sign_in(house, code),
        "two steps": lambda code: second(house, pending(house), code),
        "password again": lambda code: house.post("/reauthenticate", {"password": PASSWORD, "mfa_code": code}, access),
        "new recovery codes": lambda code: house.post("/mfa/recovery-codes", {"mfa_code": code}, access),
        "mailed code": by_mail,
    }
    for way in ways.values():
        standing_clock.shift(2 * STEP)
        code, older = phone.code(), phone.code(-1)
        answer = way(code)
        assert answer.status_code == 200
        access = renewed(access, answer)
        refused = [other(code) for name, other in ways.items() if name != "mailed code"]
        assert [said(answer) for answer in refused] == [(401, "invalid_mfa_code")] * 4
        assert said(turn_off(house, access, older)) == (401, "invalid_mfa_code")
    standing_clock.shift(STEP)
    assert turn_off(house, access, phone.code()).status_code == 200


def test_the_codes_of_the_neighboring_steps_are_taken_and_the_steps_only_go_up(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    _, phone = protected(house)
    standing_clock.shift(5 * STEP)
    with nothing_changes(house, told=True):
        for steps in (-3, -2, 2):
            assert said(sign_in(house, phone.code(steps))) == (401, "invalid_mfa_code")
    for steps in (-1, 0, 1):
        assert amr(sign_in(house, phone.code(steps))) == ["pwd", "otp", "mfa"]
    with nothing_changes(house):
        for steps in (-1, 0, 1, 2):
            assert said(sign_in(house, phone.code(steps))) == (401, "invalid_mfa_code")


def test_after_the_next_steps_code_the_present_one_is_refused_over_all_endpoints(
    house: House, standing_clock: time_machine.Traveller
) -> None:
    """A phone whose clock is fast; the present code may have been read over a shoulder meanwhile."""
    access, phone = protected(house)
    mailed = step_up_code(house, access)
    assert sign_in(house, phone.code(1)).status_code == 200
    with nothing_changes(house, told=True):
        for steps in (-1, 0, 1):
            code = {"mfa_code": phone.code(steps)}
            refused = [
                sign_in(house, **code),
                house.post("/reauthenticate", {"password": PASSWORD} | code, access),
                house.post("/verify-otp", {"otp_code": mailed} | code, access),
                house.post("/mfa/recovery-codes", code, access),
                turn_off(house, access, code["mfa_code"]),
            ]
            assert [said(answer) for answer in refused] == [(401, "invalid_mfa_code")] * 5
            house.forget_guesses()


def test_turning_it_off_takes_a_code_and_ends_the_other_sessions(house: House, standing_clock: time_machine.Traveller) -> None:
    access, phone = protected(house)
    other = sign_in(house, phone.code()).get_json()["access_token"]
    with nothing_changes(house):
        for wrong in (phone.wrong(), phone.code(), "0000-0000-0000-0000"):
            assert said(turn_off(house, access, wrong)) == (401, "invalid_mfa_code")
    standing_clock.shift(STEP)
    assert turn_off(house, access, phone.code()).status_code == 200
    assert house.get("/mfa", access).get_json() == OFF
    assert house.get("/profile", other).get_json()["reason"] == "mfa_changed"
    row = rows(select(User.totp_secret, User.totp_offered, User.totp_last_step, User.mfa_enabled_at))[0]
    assert tuple(row) == (None, None, None, None)
    assert rows(select(RecoveryCode.id)) == []
    assert facts().count("mfa_disabled") == 1
    assert subjects(house)[-1] == "the second factor was turned off"
    assert amr(house.login()) == ["pwd"]


def test_a_recovery_code_turns_it_off_too(house: House) -> None:
    access, phone = protected(house)
    assert turn_off(house, access, phone.recovery_codes[3]).status_code == 200
    assert house.get("/mfa", access).get_json() == OFF
    assert subjects(house) == ["a recovery code was used", "the second factor was turned off"]


def test_where_none_is_on_there_is_nothing_to_turn_off_or_renew(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    phone = Phone(door.post("/mfa", token=access).get_json()["mfa_secret"])
    with nothing_changes(door):
        for method, path in (("DELETE", "/mfa"), ("POST", "/mfa/recovery-codes")):
            for code in (phone.code(), "0000-0000-0000-0000"):
                assert said(door.ask(method, path, {"mfa_code": code}, access)) == (409, "mfa_not_enabled")
    assert door.post("/mfa", {"mfa_code": phone.code()}, access).status_code == 200


def test_what_was_good_before_it_was_set_up_again_is_good_no_more(house: House, standing_clock: time_machine.Traveller) -> None:
    access, old = protected(house)
    assert turn_off(house, access, old.code()).status_code == 200
    standing_clock.shift(STEP)
    new = set_up(house, access)
    assert new.secret != old.secret
    with nothing_changes(house):
        for code in (old.code(), old.recovery_codes[0]):
            assert said(sign_in(house, code)) == (401, "invalid_mfa_code")
    assert sign_in(house, new.code()).status_code == 200


def test_another_persons_codes_open_nothing(door: Door) -> None:
    _, eve = protected(door, "eve", "eve@example.org")
    access, _ = protected(door)
    with nothing_changes(door):
        for code in (eve.code(), eve.recovery_codes[0]):
            assert said(sign_in(door, code)) == (401, "invalid_mfa_code")
            assert said(turn_off(door, access, code)) == (401, "invalid_mfa_code")
