"""What the owner is told: one mail for each thing that changes who can come in, with the link of "this was not me"."""

from datetime import timedelta

import time_machine
from sqlalchemy import func, select

from database import rows
from model import AuditFact
from services import clock
from tests.factors import ADA, protected, set_up, sign_in, subjects
from tests.mailed import FRESH_PASSWORD, JSON, NOT_ME, RESET, newest, reset
from tests.people import PASSWORD, House
from tests.resources.conftest import Door

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NEWER_FIREFOX = FIREFOX.replace("140", "151")
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
NEW_DEVICE = "a sign-in from a new device"


def enter(house: House, agent: str, **more: str) -> None:
    body = {"username": "ada", "password": PASSWORD} | more
    assert house.post("/login", body, headers={"User-Agent": agent}).status_code == 200


def counted(kind: str) -> int:
    return int(rows(select(func.count()).where(AuditFact.kind == kind))[0][0])


def news(house: House) -> list[str]:
    """Subjects of the mail since the last call."""
    found = subjects(house)
    house.mail_server.clear()
    return found


def test_the_first_device_is_silent_and_each_further_kind_is_told_once(house: House) -> None:
    house.account()
    news(house)
    enter(house, FIREFOX)
    assert (news(house), counted("new_device")) == ([], 0)
    enter(house, SAFARI)
    mail = house.mail_to(ADA)[-1]
    assert (news(house), counted("new_device")) == ([NEW_DEVICE], 1)
    assert "Mobile Safari on iOS" in mail.text
    assert "127.0.0.1" in mail.text
    assert any("/not-me/" in link for link in mail.links)
    for agent in (FIREFOX, SAFARI, NEWER_FIREFOX):
        enter(house, agent)
    assert (news(house), counted("new_device")) == ([], 1)


def test_a_device_is_new_to_each_account_by_itself(door: Door) -> None:
    door.account()
    door.account("eve", "eve@example.org")
    enter(door, FIREFOX)
    enter(door, SAFARI, username="eve")
    news(door)
    enter(door, SAFARI)
    assert news(door) == [NEW_DEVICE]


def test_a_sign_in_that_was_refused_or_waits_makes_no_device_known(door: Door) -> None:
    access, phone = protected(door)
    wrong = {"username": "ada", "password": "wrong-horse-battery"}
    assert door.post("/login", wrong, headers={"User-Agent": SAFARI}).status_code == 401
    right = {"username": "ada", "password": PASSWORD}
    assert door.post("/login", right, headers={"User-Agent": SAFARI}).get_json()["code"] == "mfa_required"
    assert news(door) == []
    enter(door, SAFARI, mfa_code=phone.code())
    assert news(door) == [NEW_DEVICE]
    assert "new_device" in [event["kind"] for event in door.get("/security-events", access).get_json()["events"]]


def test_each_change_of_the_second_factor_is_one_mail_with_a_way_to_say_it_was_not_me(
    door: Door, standing_clock: time_machine.Traveller
) -> None:
    door.account()
    access, _ = door.tokens()
    news(door)
    phone = set_up(door, access)
    standing_clock.shift(1)
    sign_in(door, phone.recovery_codes[0])
    standing_clock.shift(1)
    door.ask("DELETE", "/mfa", {"mfa_code": phone.code()}, access)
    mails = door.mail_to(ADA)
    assert news(door) == [
        "a second factor was turned on",
        "a recovery code was used",
        "the second factor was turned off",
    ]
    for mail in mails:
        links = [link for link in mail.links if "/not-me/" in link]
        assert len(links) == 1
        assert links[0].startswith("http://127.0.0.1:5000/not-me/")
        assert links[0] in mail.html
        assert f"{clock.now():%Y-%m-%d %H:%M} UTC" in mail.text
        assert door.get(links[0].removeprefix("http://127.0.0.1:5000")).get_json().keys() == {"action"}
    kinds = [event["kind"] for event in door.get("/security-events", access).get_json()["events"]]
    assert {"mfa_enabled", "recovery_code_used", "mfa_disabled"} <= set(kinds)
    assert door.get("/profile", access).status_code == 200


def test_a_reused_token_is_told_once(house: House) -> None:
    house.account()
    access, refresh = house.tokens()
    house.post("/refresh", token=refresh)
    news(house)
    with time_machine.travel(clock.now() + timedelta(seconds=11), tick=False):
        codes = [house.post("/refresh", token=refresh).get_json()["code"] for _ in range(3)]
        assert codes == ["token_reused", "session_ended", "session_ended"]
        assert (news(house), counted("token_reused")) == (["a session was ended"], 1)
    assert house.get("/profile", access).get_json()["reason"] == "token_reused"


def test_a_sign_in_and_a_step_up_are_on_the_record_with_how_they_were_proved(house: House) -> None:
    access, phone = protected(house)
    house.post("/reauthenticate", {"password": PASSWORD, "mfa_code": phone.code()}, access)
    methods = {row.kind: row.details.get("method") for row in rows(select(AuditFact.kind, AuditFact.details))}
    assert (methods["signed_in"], methods["reauthenticated"]) == ("pwd", "pwd otp")


DETAILS = "your account details were changed"
PHONE = "+49301234578"


def test_a_call_that_changes_user_name_and_phone_number_is_told_once(house: House) -> None:
    house.account(phone_number="+12025550143")
    access, _ = house.tokens()
    news(house)
    changed = house.put("/profile", {"username": "ada.l", "phone_number": PHONE, "first_name": "Ada"}, access)
    assert changed.status_code == 200
    mail = house.mail_to(ADA)[-1]
    assert news(house) == [DETAILS]
    said = "Your user name was ada and is now ada.l. Your phone number is now one that ends in 78."
    for text in (mail.text, mail.html):
        assert said in text
        assert PHONE not in text
        assert "1234578" not in text
        assert "5550143" not in text


def test_each_of_them_is_told_by_itself_and_a_removal_too(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    news(door)
    for body, said, not_said in (
        ({"username": "Ada"}, "Your user name was ada and is now Ada.", "phone"),
        ({"phone_number": PHONE}, "ends in 78.", "user name"),
        ({"phone_number": None}, "Your phone number was removed.", "user name"),
    ):
        assert door.put("/profile", body, access).status_code == 200
        mail = door.mail_to(ADA)[-1]
        assert news(door) == [DETAILS]
        assert said in mail.text
        assert not_said not in mail.text


def test_a_profile_that_stays_as_it_is_or_a_refused_change_is_not_told(door: Door) -> None:
    door.account(phone_number=PHONE)
    door.account("bea", "bea@example.org")
    access, _ = door.tokens()
    news(door)
    same = {"username": "ada", "phone_number": PHONE, "first_name": "Ada", "last_name": "Byron"}
    assert door.put("/profile", same, access).status_code == 200
    assert door.put("/profile", {"username": "bea", "phone_number": None}, access).status_code == 409
    assert news(door) == []


def test_who_did_not_change_the_user_name_takes_the_account_back_under_the_new_one(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    assert door.put("/profile", {"username": "mallory"}, access).status_code == 200
    assert door.post(newest(door, ADA, NOT_ME), headers=JSON).status_code == 200
    assert door.get("/profile", access).get_json()["reason"] == "revoked_by_user"
    assert reset(door, newest(door, ADA, RESET)).status_code == 200
    for name in ("mallory", ADA):
        assert door.login(name, FRESH_PASSWORD).status_code == 200
