"""A sign-in that was judged before a change opens no session after it."""

from collections.abc import Callable

import pytest

from database import unit_of_work
from errors import InvalidCredentials
from services import sessions, sign_ins, tokens, users
from services.client import Client
from services.users import Account
from tests import mailed
from tests.mailed import ADA, FRESH_PASSWORD, NOT_ME
from tests.people import PASSWORD, House

CLIENT = Client("127.0.0.1", "test")
Change = Callable[[House, str], object]


def _password(house: House, access: str) -> None:
    house.post("/change-password", {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}, access)


def _not_me(house: House, access: str) -> None:
    mailed.ask_for_change(house, access)
    house.post(mailed.newest(house, ADA, NOT_ME))


def _demote(house: House, _access: str) -> None:
    answer = house.app.test_cli_runner().invoke(args=["users", "revoke-admin", "ada"])
    assert answer.exit_code == 0, answer.output


CHANGES: dict[str, Change] = {
    "a change of password": _password,
    "a change of address": mailed.move,
    "not me": _not_me,
    "a second factor": mailed.turn_mfa_on,
    "a role taken away": _demote,
}


def _judged(house: House) -> Account:
    account = users.named("ada")
    assert account
    return account


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_sign_in_judged_before_a_change_opens_no_session(house: House, change: Change) -> None:
    house.account()
    house.app.test_cli_runner().invoke(args=["users", "make-admin", "ada"])
    access, _ = house.tokens()
    judged = _judged(house)
    change(house, access)
    before = mailed.written()
    with pytest.raises(InvalidCredentials), unit_of_work():
        sign_ins.proceed(judged, ("pwd",), CLIENT)
    assert mailed.written() == before


def test_a_second_step_judged_before_a_change_opens_no_session(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    secret, _ = mailed.turn_mfa_on(house, access)
    judged = _judged(house)
    _password(house, access)
    before = mailed.written()["sessions"]
    with pytest.raises(InvalidCredentials), unit_of_work():
        sign_ins.proceed(judged, ("pwd",), CLIENT, mailed.code(secret))
    assert mailed.written()["sessions"] == before


def test_what_a_sign_in_is_not_judged_by_may_change(house: House) -> None:
    house.account()
    access, _ = house.tokens()
    judged = _judged(house)
    house.put("/profile", {"first_name": "Ada", "username": "augusta"}, access)
    with unit_of_work():
        sign_ins.proceed(judged, ("pwd",), CLIENT)
    assert len(mailed.written()["sessions"]) == 2


@pytest.mark.parametrize("change", [_password, mailed.move, _not_me])
def test_a_sign_in_judged_before_a_change_wants_no_factor_after_it(house: House, change: Change) -> None:
    """Its ticket would be made after the change has voided all others, and carry the old password on."""
    house.account()
    access, _ = house.tokens()
    mailed.turn_mfa_on(house, access)
    judged = _judged(house)
    change(house, access)
    before = mailed.written()
    with pytest.raises(InvalidCredentials), unit_of_work():
        sign_ins.proceed(judged, ("pwd",), CLIENT)
    assert mailed.written() == before


def test_a_second_step_opens_nothing_once_the_factor_is_gone(house: House) -> None:
    """Else any code would do: the first step's password alone would open the session."""
    house.account()
    access, _ = house.tokens()
    _, codes = mailed.turn_mfa_on(house, access)
    mfa_token = house.login().get_json()["mfa_token"]
    assert house.ask("DELETE", "/mfa", {"mfa_code": codes[0]}, access).status_code == 200
    before = mailed.written()
    answer = house.post("/login", {"mfa_token": mfa_token, "mfa_code": "000000"})
    assert (answer.status_code, mailed.code_of(answer)) == (401, "token_invalid")
    assert mailed.written() == before


@pytest.mark.parametrize("change", [_password, mailed.turn_mfa_on])
def test_a_step_up_judged_before_a_change_proves_nothing_after_it(house: House, change: Change) -> None:
    house.account()
    access, _ = house.tokens()
    signed_in = sessions.check(tokens.read(access, tokens.ACCESS))
    change(house, access)
    before = mailed.written()
    with pytest.raises(InvalidCredentials), unit_of_work():
        sign_ins.step_up(signed_in, ("pwd",), CLIENT)
    assert mailed.written() == before
