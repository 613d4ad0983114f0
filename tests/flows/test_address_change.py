"""Changing one's address: wanted, proved, told; outcome, what was written, what survived."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from services import clock, post
from tests import mailed
from tests.mailed import ADA, CONFIRM, NEW, NEWER, NOT_ME, UNDO, code_of
from tests.people import House

ASKED, CHANGED = "a change of address was asked for", "the address of your account was changed"
TAKEN = "you already have an account"


@pytest.fixture
def access(house: House) -> str:
    house.account()
    return house.tokens()[0]


def addresses(house: House, access: str) -> tuple[str, str | None]:
    profile = house.get("/profile", access).get_json()
    return profile["email"], profile["pending_email"]


def test_a_new_address_waits_for_its_link(house: House, access: str) -> None:
    answer = house.put("/profile", {"email": NEW}, access)
    assert (answer.status_code, answer.get_json()["email"], answer.get_json()["pending_email"]) == (200, ADA, NEW)
    assert addresses(house, access) == (ADA, NEW)
    assert house.login(ADA).status_code == 200
    assert code_of(house.login(NEW)) == "invalid_credentials"


def test_the_link_makes_it_the_accounts_own(house: House, access: str) -> None:
    link = mailed.ask_for_change(house, access)
    answer = house.post(link)
    assert (answer.status_code, set(answer.get_json())) == (200, {"message"})
    assert addresses(house, access) == (NEW, None), "and the session lives on"
    assert house.login(NEW).status_code == house.login("ada").status_code == 200
    assert code_of(house.login(ADA)) == "invalid_credentials"
    before = mailed.written()
    assert code_of(house.post(link)) == "invalid_token"
    assert mailed.written() == before


def test_an_api_clients_get_of_the_link_confirms_too(house: House, access: str) -> None:
    assert house.get(mailed.ask_for_change(house, access), headers=mailed.JSON).status_code == 200
    assert addresses(house, access) == (NEW, None)


def test_the_old_address_is_told_at_once_and_again_with_an_undo_link(house: House, access: str) -> None:
    link = mailed.ask_for_change(house, access)
    assert mailed.subjects(house, ADA)[-1] == ASKED
    assert len(mailed.paths(house, ADA, NOT_ME)) == 1
    assert mailed.paths(house, ADA, UNDO) == []
    house.post(link)
    assert mailed.subjects(house, ADA)[-1] == CHANGED
    assert len(mailed.paths(house, ADA, UNDO)) == 1
    assert mailed.subjects(house, NEW) == ["confirm your new address"]
    assert set(mailed.events(house, access)[:3]) == {"email_changed", "email_change_asked", "profile_changed"}


def test_the_old_address_is_told_even_where_the_link_is_used_at_once(
    house: House, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever holds a session and the new mailbox must not get the owner's notice by being quick."""
    hand_over = post.hand_over

    def used_at_once(letter_id: str, to: str, subject: str, text: str, html: str) -> None:
        hand_over(letter_id, to, subject, text, html)
        if to == NEW and "/confirm/" in text:
            house.app.test_client().post(next(line for line in text.split() if "/confirm/" in line))

    monkeypatch.setattr(post, "hand_over", used_at_once)
    house.put("/profile", {"email": NEW}, access)
    house.deliver()
    assert addresses(house, access) == (NEW, None)
    assert ASKED in mailed.subjects(house, ADA)
    assert CHANGED in mailed.subjects(house, ADA)
    assert mailed.subjects(house, NEW) == ["confirm your new address"]


def test_mail_to_the_new_address_carries_no_text_of_the_senders_but_the_user_name(house: House) -> None:
    house.account(first_name="Buy these", last_name="Pills", phone_number="+441632960961")
    access, _ = house.tokens()
    house.put("/profile", {"email": NEW}, access, headers={"User-Agent": "Pills/1 (http://evil.example)"})
    mail = house.mail_to(NEW)[-1]
    assert not [
        word
        for word in ("Buy these", "Pills", "+441632960961", "evil.example", ADA)
        if word in mail.text + mail.html + mail.subject
    ]
    assert " ada " in mail.text


def test_a_change_of_address_wants_a_recent_sign_in(house: House, access: str) -> None:
    house.deliver()
    before = mailed.written()
    with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=5)):
        answer = house.put("/profile", {"email": NEW, "first_name": "Eve"}, access)
        assert (answer.status_code, code_of(answer)) == (401, "reauthentication_required")
        assert answer.get_json()["methods"] == ["password", "email_otp"]
        assert mailed.written() == before
        assert house.put("/profile", {"first_name": "Augusta"}, access).status_code == 200, "the rest wants none"
    with time_machine.travel(clock.now() + timedelta(minutes=9, seconds=50)):
        assert house.put("/profile", {"email": NEW}, access).status_code == 200


def test_a_newer_wish_voids_the_older(house: House, access: str) -> None:
    older, newer = mailed.ask_for_change(house, access, NEW), mailed.ask_for_change(house, access, NEWER)
    before = mailed.written()
    assert code_of(house.post(older)) == "invalid_token"
    assert mailed.written() == before
    assert house.post(newer).status_code == 200
    assert addresses(house, access) == (NEWER, None)


def test_the_same_wish_again_voids_the_older_link_at_once(house: House, access: str) -> None:
    older = mailed.ask_for_change(house, access)
    house.put("/profile", {"email": NEW}, access)
    assert code_of(house.post(older)) == "invalid_token", "also before the newer one is written"
    assert addresses(house, access) == (ADA, NEW)
    assert house.post(mailed.newest(house, NEW, CONFIRM)).status_code == 200


def test_the_present_address_in_any_spelling_cancels_the_wish(house: House, access: str) -> None:
    for present in (ADA, "ADA@Example.ORG", " ada@example.org "):
        link = mailed.ask_for_change(house, access)
        told = len(house.mail_to(ADA))
        assert house.put("/profile", {"email": present}, access).get_json()["pending_email"] is None
        assert code_of(house.post(link)) == "invalid_token"
        assert addresses(house, access) == (ADA, None)
        assert len(house.mail_to(ADA)) == told


def test_the_notices_button_cancels_the_wish(house: House, access: str) -> None:
    link = mailed.ask_for_change(house, access)
    assert house.post(mailed.newest(house, ADA, NOT_ME)).status_code == 200
    assert mailed.reason_of(house, access) == "revoked_by_user"
    house.deliver()
    before = mailed.written()
    assert code_of(house.post(link)) == "invalid_token"
    assert mailed.written() == before
    assert not [row for row in before["users"] if NEW in row]


def test_a_wish_works_for_24_hours(house: House, access: str) -> None:
    link, asked = mailed.ask_for_change(house, access), clock.now()
    before = mailed.written()
    with time_machine.travel(asked + timedelta(hours=24, seconds=5)):
        assert code_of(house.post(link)) == "invalid_token"
        assert mailed.written() == before
    with time_machine.travel(asked + timedelta(hours=24) - timedelta(seconds=10)):
        assert house.post(link).status_code == 200


def _same(answer: dict[str, Any], email: str) -> dict[str, Any]:
    return answer | {"pending_email": answer["pending_email"] == email, "last_activity": ""}


def test_a_taken_address_answers_like_a_free_one_and_its_owner_is_told(house: House, access: str) -> None:
    house.account("bea", "bea@example.org")
    free = house.put("/profile", {"email": NEW}, access)
    taken = house.put("/profile", {"email": "BEA@Example.org"}, access)
    assert free.status_code == taken.status_code == 200
    kept = taken.get_json()["pending_email"]
    assert _same(free.get_json(), NEW) == _same(taken.get_json(), kept)
    assert addresses(house, access) == (ADA, kept)
    assert mailed.subjects(house, "bea@example.org")[-1] == TAKEN
    assert len(mailed.paths(house, "bea@example.org", CONFIRM)) == 1, "that of the sign-up"
    assert mailed.subjects(house, ADA).count(ASKED) == 2
    assert house.login("bea@example.org").status_code == 200


def test_a_pending_sign_up_does_not_keep_an_address_from_an_account(house: House, access: str) -> None:
    house.sign_up("eve", NEW)
    signed_up = mailed.newest(house, NEW, CONFIRM)
    mailed.move(house, access)
    before = mailed.written()
    assert code_of(house.post(signed_up)) == "invalid_token"
    assert mailed.written() == before
    assert house.login(NEW).status_code == 200


def test_the_link_comes_too_late_where_the_address_has_an_account_by_then(house: House, access: str) -> None:
    link = mailed.ask_for_change(house, access)
    house.account("bea", NEW)
    house.deliver()
    before = mailed.written()
    assert code_of(house.post(link)) == "invalid_token"
    assert mailed.written() == before
    assert addresses(house, access) == (ADA, NEW)
    assert house.get("/profile", house.tokens("bea")[0]).get_json()["email"] == NEW


def test_of_two_who_want_one_address_the_first_to_prove_it_gets_it(house: House, access: str) -> None:
    house.account("bea", "bea@example.org")
    bea, _ = house.tokens("bea")
    first, second = mailed.ask_for_change(house, access), mailed.ask_for_change(house, bea)
    assert house.post(second).status_code == 200
    assert code_of(house.post(first)) == "invalid_token"
    assert (addresses(house, access)[0], addresses(house, bea)[0]) == (ADA, NEW)


def test_a_refused_field_beside_it_keeps_the_address_from_being_asked(house: House, access: str) -> None:
    house.account("bea", "bea@example.org")
    mailed.ask_for_change(house, access, NEWER)
    before = mailed.written()
    for body in ({"email": NEW, "username": "bea"}, {"email": NEW, "phone_number": "1"}, {"email": None}, {"email": "x"}):
        assert house.put("/profile", body, access).status_code in (409, 422)
    assert mailed.written() == before
    assert house.mail_to(NEW) == []
    assert mailed.events(house, access).count("email_change_asked") == 1, "what was refused did not happen"


def test_codes_and_half_finished_sign_ins_of_the_old_address_are_void(house: House, access: str) -> None:
    secret, _ = mailed.turn_mfa_on(house, access)
    link = mailed.ask_for_change(house, access)
    pending = house.login().get_json()["mfa_token"]
    otp = mailed.ask_for_code(house, ADA)
    assert house.post(link).status_code == 200
    house.deliver()
    before = mailed.written()
    assert code_of(house.post("/login", {"mfa_token": pending, "mfa_code": mailed.code(secret)})) == "token_invalid"
    body = {"email": NEW, "otp_code": otp, "password": "correct-horse-battery"}
    assert code_of(house.post("/verify-otp", body)) == "invalid_otp"
    assert mailed.written() == before


def test_an_account_mails_ten_strangers_at_most_before_an_hour_has_passed(house: House, access: str) -> None:
    """One free account must not become a way to send mail to anybody, nor fill the queue for everybody."""
    answers = [house.put("/profile", {"email": f"stranger{number}@example.org"}, access) for number in range(13)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 3
    assert code_of(answers[-1]) == "too_many_attempts"
    assert int(answers[-1].headers["Retry-After"]) > 3000
    house.deliver()
    assert len({mail.recipients for mail in house.mail_server.messages if "stranger" in mail.recipients[0]}) <= 10
    assert house.put("/profile", {"email": ADA}, access).status_code == 200, "one's own address cancels all the same"
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=5)):
        again, _ = house.tokens()
        assert house.put("/profile", {"email": "stranger@example.org"}, again).status_code == 200
