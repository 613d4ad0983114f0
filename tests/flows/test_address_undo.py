"""Undoing a change of address: outcome, what was written, what survived."""

from datetime import timedelta

import pytest
import time_machine

from services import clock
from tests import mailed
from tests.factors import written
from tests.mailed import ADA, CONFIRM, FRESH_PASSWORD, NEW, NEWER, NOT_ME, RESET, UNDO, code_of
from tests.people import PASSWORD, House

UNDONE = "the change of address was undone"


@pytest.fixture
def access(house: House) -> str:
    house.account()
    return house.tokens()[0]


def undo_after(house: House, access: str, email: str = NEW) -> str:
    """The path of the undo link that the present address gets, when the account moves away from it."""
    old = house.get("/profile", access).get_json()["email"]
    mailed.move(house, access, email)
    return mailed.newest(house, old, UNDO)


def recover(house: House, password: str = FRESH_PASSWORD) -> str:
    """The owner, by the reset link that came to the old address; an access token."""
    assert mailed.reset(house, mailed.newest(house, ADA, RESET), password).status_code == 200
    return house.tokens(ADA, password)[0]


def refused(house: House, path: str) -> bool:
    """Whether the link is refused, and nothing changes by it."""
    house.deliver()
    before = mailed.written()
    answer = house.post(path)
    return (answer.status_code, code_of(answer), mailed.written()) == (400, "invalid_token", before)


def test_an_undo_gives_the_address_back(house: House, access: str) -> None:
    answer = house.post(undo_after(house, access))
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    back = recover(house)
    profile = house.get("/profile", back).get_json()
    assert (profile["email"], profile["pending_email"], profile["username"]) == (ADA, None, "ada")
    assert code_of(house.login(NEW, FRESH_PASSWORD)) == "invalid_credentials"


def test_an_undo_ends_every_session_and_nobody_elses(house: House, access: str) -> None:
    house.account("bea", "bea@example.org")
    (other, refresh), (bea, _) = house.tokens(), house.tokens("bea")
    house.post(undo_after(house, access))
    assert [mailed.reason_of(house, token) for token in (access, other)] == ["revoked_by_user"] * 2
    assert house.post("/refresh", token=refresh).get_json()["reason"] == "revoked_by_user"
    assert house.get("/profile", bea).status_code == 200


def test_an_undo_voids_the_password_until_it_is_reset(house: House, access: str) -> None:
    house.post(undo_after(house, access))
    assert [code_of(house.login(name)) for name in ("ada", ADA, NEW)] == ["invalid_credentials"] * 3
    recover(house, PASSWORD)


def test_the_owner_is_told_of_an_undo(house: House, access: str) -> None:
    house.post(undo_after(house, access))
    assert mailed.subjects(house, ADA)[-2:] == [UNDONE, "set a new password"]
    assert mailed.subjects(house, NEW) == ["confirm your new address"]
    assert mailed.events(house, recover(house)).count("email_change_undone") == 1
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200


def test_an_undo_link_works_once(house: House, access: str) -> None:
    link = undo_after(house, access)
    assert house.post(link).status_code == 200
    assert refused(house, link)


def test_an_undo_link_works_for_seven_days(house: House, access: str) -> None:
    link, moved = undo_after(house, access), clock.now()
    with time_machine.travel(moved + timedelta(days=7, seconds=5)):
        assert refused(house, link)
    with time_machine.travel(moved + timedelta(days=7) - timedelta(seconds=10)):
        assert house.post(link).status_code == 200


def test_a_bad_undo_link_changes_nothing(house: House, access: str) -> None:
    mailed.move(house, access)
    for token in ("x", "A" * 43, "%01"):
        assert refused(house, UNDO + token)
    assert house.get("/profile", access).get_json()["email"] == NEW


def test_while_it_can_be_undone_nobody_else_gets_the_old_address(house: House, access: str) -> None:
    for name in ("eve", "dora"):
        house.sign_up(name, ADA)
    confirm = mailed.newest(house, ADA, CONFIRM)
    house.account("bea", "bea@example.org")
    bea, _ = house.tokens("bea")
    undo = undo_after(house, access)
    change, reset = mailed.ask_for_change(house, bea, ADA), mailed.ask_for_reset(house)
    assert refused(house, confirm)
    assert refused(house, change)
    before = mailed.written()
    assert code_of(mailed.reset(house, reset)) == "invalid_token"
    assert mailed.written() == before
    assert house.post(undo).status_code == 200
    assert house.get("/profile", recover(house)).get_json()["email"] == ADA


def test_after_seven_days_the_old_address_is_free(house: House, access: str) -> None:
    undo, moved = undo_after(house, access), clock.now()
    with time_machine.travel(moved + timedelta(days=7, seconds=5)):
        house.account("eve", ADA)
        assert house.login(ADA).status_code == house.login("ada").status_code == 200
        assert refused(house, undo)
        assert house.get("/profile", house.tokens("ada")[0]).get_json()["email"] == NEW


@pytest.mark.parametrize("way", ["change of address", "reset of a pending sign-up"])
def test_after_seven_days_the_old_address_is_free_by_any_way(house: House, access: str, way: str) -> None:
    house.account("bea", "bea@example.org")
    mailed.move(house, access)
    with time_machine.travel(clock.now() + timedelta(days=7, seconds=5)):
        if way == "change of address":
            mailed.move(house, house.tokens("bea")[0], ADA)
            assert house.login(ADA).status_code == 200
        else:
            house.sign_up("eve", ADA)
            assert mailed.reset(house, mailed.ask_for_reset(house)).status_code == 200
            assert house.login(ADA, FRESH_PASSWORD).status_code == 200


def test_the_own_way_back_undoes_the_change_too(house: House, access: str) -> None:
    """Did the address between get an undo link, whoever moved the account there would take it away again, for good."""
    undo = undo_after(house, access)
    mailed.move(house, access, ADA)
    profile = house.get("/profile", access).get_json()
    assert (profile["email"], profile["pending_email"]) == (ADA, None)
    assert mailed.paths(house, NEW, UNDO) == []
    assert house.get("/profile", access).status_code == 200
    house.account("eve", NEW)
    assert house.post(undo).status_code == 200, "the mailbox may still shut everybody out"
    assert house.get("/profile", recover(house)).get_json()["email"] == ADA


def test_the_own_way_back_half_of_the_way_leaves_the_first_undo_link(house: House, access: str) -> None:
    first, second = undo_after(house, access, NEW), undo_after(house, access, NEWER)
    mailed.move(house, access, NEW)
    assert mailed.paths(house, NEWER, UNDO) == []
    assert house.get(second, headers=mailed.JSON).status_code == 200, "the account has that address again"
    assert house.post(first).status_code == 200
    assert house.get("/profile", recover(house)).get_json()["email"] == ADA


def test_after_seven_days_the_way_back_is_a_change_like_any_other(house: House, access: str) -> None:
    mailed.move(house, access)
    with time_machine.travel(clock.now() + timedelta(days=7, seconds=5)):
        mailed.move(house, house.tokens()[0], ADA)
        assert house.post(mailed.newest(house, NEW, UNDO)).status_code == 200


def test_an_undo_drops_a_factor_that_was_turned_on_since(house: House, access: str) -> None:
    link = undo_after(house, access)
    mailed.turn_mfa_on(house, access)
    assert house.post(link).status_code == 200
    back = recover(house)
    assert house.get("/mfa", back).get_json() == {"mfa_enabled": False, "methods": [], "recovery_codes_left": 0}
    assert mailed.written()["recovery_codes"] == []


def established(house: House) -> tuple[str, list[str]]:
    """Ada's factor, turned on more than seven days before what comes next; a session by it, and the codes that are left."""
    house.account()
    with time_machine.travel(clock.now() - timedelta(days=7, seconds=5)):
        _, codes = mailed.turn_mfa_on(house, house.tokens()[0])
    body = {"username": "ada", "password": PASSWORD, "mfa_code": codes.pop()}
    return str(house.post("/login", body).get_json()["access_token"]), codes


def recover_with(house: House, mfa_code: str) -> str:
    """The owner, by the reset link and a second factor; an access token."""
    mailed.reset(house, mailed.newest(house, ADA, RESET))
    pending = house.login(ADA, FRESH_PASSWORD).get_json()["mfa_token"]
    return str(house.post("/login", {"mfa_token": pending, "mfa_code": mfa_code}).get_json()["access_token"])


def test_an_undo_keeps_an_established_factor_and_its_codes(house: House) -> None:
    access, codes = established(house)
    assert house.post(undo_after(house, access)).status_code == 200
    back = recover_with(house, codes.pop())
    assert house.get("/mfa", back).get_json()["recovery_codes_left"] == len(codes)


@pytest.mark.parametrize("before", [timedelta(0), timedelta(days=6, hours=23)])
def test_an_undo_takes_a_factor_away_that_came_in_the_seven_days_before(house: House, before: timedelta) -> None:
    """A hijacker turns it on first and moves the account then."""
    house.account()
    with time_machine.travel(clock.now() - before):
        _, codes = mailed.turn_mfa_on(house, house.tokens()[0])
    body = {"username": "ada", "password": PASSWORD, "mfa_code": codes.pop()}
    access = str(house.post("/login", body).get_json()["access_token"])
    assert house.post(undo_after(house, access)).status_code == 200
    assert house.get("/mfa", recover(house)).get_json()["mfa_enabled"] is False


def test_an_undo_takes_a_set_up_away_that_waits_for_its_first_code(house: House, access: str) -> None:
    link = undo_after(house, access)
    house.post("/mfa", token=access)
    assert house.post(link).status_code == 200
    assert [user["totp_offered"] for user in written(house)["users"]] == [None]


def test_an_undo_drops_recovery_codes_that_were_made_since(house: House) -> None:
    access, codes = established(house)
    link = undo_after(house, access)
    made = house.post("/mfa/recovery-codes", {"mfa_code": codes.pop()}, access).get_json()["recovery_codes"]
    house.post(link)
    mailed.reset(house, mailed.newest(house, ADA, RESET))
    wanted = house.login(ADA, FRESH_PASSWORD)
    assert (code_of(wanted), wanted.get_json()["methods"]) == ("mfa_required", ["totp"])
    body = {"mfa_token": wanted.get_json()["mfa_token"], "mfa_code": made[0]}
    assert code_of(house.post("/login", body)) == "invalid_mfa_code"


def test_an_undo_voids_what_was_mailed_to_the_new_address(house: House, access: str) -> None:
    link = undo_after(house, access)
    house.post("/change-password", {"current_password": PASSWORD, "new_password": FRESH_PASSWORD}, access)
    not_me, wish = mailed.newest(house, NEW, NOT_ME), mailed.ask_for_change(house, access, NEWER)
    reset = mailed.ask_for_reset(house, NEW)
    assert house.post(link).status_code == 200
    assert refused(house, not_me)
    assert refused(house, wish)
    before = mailed.written()
    assert code_of(mailed.reset(house, reset)) == "invalid_token"
    assert mailed.written() == before
    house.post("/forgot-password", {"email": NEW})
    assert mailed.paths(house, NEW, RESET) == [reset]


def test_an_undo_voids_half_finished_sign_ins_and_codes(house: House, access: str) -> None:
    secret, _ = mailed.turn_mfa_on(house, access)
    link = undo_after(house, access)
    pending = house.login().get_json()["mfa_token"]
    otp = mailed.ask_for_code(house, NEW)
    house.post(link)
    mailed.reset(house, mailed.newest(house, ADA, RESET), PASSWORD)
    before = mailed.written()
    assert code_of(house.post("/login", {"mfa_token": pending, "mfa_code": mailed.code(secret)})) == "token_invalid"
    body = {"email": ADA, "otp_code": otp, "password": PASSWORD}
    assert code_of(house.post("/verify-otp", body)) == "invalid_otp"
    assert mailed.written() == before


def test_of_two_changes_the_later_can_be_undone_first(house: House, access: str) -> None:
    first, second = undo_after(house, access, NEW), undo_after(house, access, NEWER)
    assert house.post(second).status_code == 200
    assert [user[4] for user in mailed.written()["users"]] == [NEW]
    assert house.post(first).status_code == 200
    assert house.get("/profile", recover(house)).get_json()["email"] == ADA


def test_an_undo_of_the_first_change_undoes_all_later_ones(house: House, access: str) -> None:
    first, second = undo_after(house, access, NEW), undo_after(house, access, NEWER)
    assert house.post(first).status_code == 200
    assert refused(house, second)
    back = recover(house)
    assert house.get("/profile", back).get_json()["email"] == ADA
    mailed.move(house, back, NEW)
    mailed.move(house, back, NEWER)
    assert refused(house, second), "also where the account leaves that address once more"


def test_an_undo_frees_the_address_that_was_given_up_by_it(house: House, access: str) -> None:
    first, _ = undo_after(house, access, NEW), undo_after(house, access, NEWER)
    assert house.post(first).status_code == 200
    house.account("eve", NEW)
    house.account("dora", NEWER)
    assert house.login(NEW).status_code == house.login(NEWER).status_code == 200
