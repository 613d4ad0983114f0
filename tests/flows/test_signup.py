"""Signing up and confirming: outcome, what was written, what survived."""

import pytest

from tests.people import PASSWORD, House


def test_a_person_signs_up_confirms_and_signs_in(house: House) -> None:
    assert house.sign_up().get_json()["username"] == "ada"
    assert house.login().get_json()["code"] == "email_not_confirmed"
    assert house.login("ada@example.org").get_json()["code"] == "invalid_credentials"
    assert house.post(house.confirm_link()).status_code == 200
    access, _ = house.tokens("ADA@Example.ORG")
    profile = house.get("/profile", access).get_json()
    assert (profile["username"], profile["email_confirmed"], profile["has_password"]) == ("ada", True, True)


def test_a_taken_address_answers_like_a_free_one_and_its_owner_is_told(house: House) -> None:
    free = house.sign_up("ada", "ada@example.org")
    house.post(house.confirm_link())
    taken = house.sign_up("eve", "ADA@example.org")
    assert taken.status_code == free.status_code == 201
    tokens = [answer.get_json()["signup_token"] for answer in (free, taken)]
    texts = [answer.get_data(as_text=True).replace(token, "token") for answer, token in zip((free, taken), tokens, strict=True)]
    assert texts[0].replace("ada", "x") == texts[1].replace("eve", "x").replace("ADA", "x")
    assert len(tokens[0]) == len(tokens[1])
    notice = house.mail_to("ada@example.org")[-1]
    assert "already have an account" in notice.subject
    assert "/confirm/" not in notice.text
    assert house.login("eve").get_json()["code"] == "email_not_confirmed"


def test_only_one_of_several_sign_ups_for_an_address_becomes_its_account(house: House) -> None:
    for name in ("ada", "bea", "cleo"):
        house.sign_up(name, "ada@example.org", password=f"{PASSWORD}-{name}")
    links = [mail.links[0].removeprefix("http://127.0.0.1:5000") for mail in house.mail_to("ada@example.org")]
    assert [house.post(link).status_code for link in links] == [200, 400, 400]
    assert house.login("ada@example.org", f"{PASSWORD}-bea").get_json()["code"] == "invalid_credentials"
    assert sum(house.login("ada@example.org", f"{PASSWORD}-{n}").status_code == 200 for n in ("ada", "bea", "cleo")) == 1


def test_a_confirmation_link_works_once(house: House) -> None:
    house.sign_up()
    link = house.confirm_link()
    assert house.post(link).status_code == 200
    assert house.post(link).get_json()["code"] == "invalid_token"


def test_resend_mails_a_link_for_each_pending_sign_up_beside_its_name(house: House) -> None:
    house.sign_up("ada")
    house.sign_up("bea", "ada@example.org")
    assert house.post("/resend-confirmation", {"email": "ADA@example.org"}).status_code == 202
    mail = house.mail_to("ada@example.org")[-1]
    assert len(mail.links) == 2 * 1
    assert "ada" in mail.text
    assert "bea" in mail.text


def test_resend_answers_alike_for_nobody_and_sends_nothing(house: House) -> None:
    house.sign_up()
    known = house.post("/resend-confirmation", {"email": "ada@example.org"})
    unknown = house.post("/resend-confirmation", {"email": "nobody@example.org"})
    assert known.get_data() == unknown.get_data()
    assert house.mail_to("nobody@example.org") == []


@pytest.mark.parametrize("name", ["ada", "ADA"])
def test_a_user_name_is_reserved_by_a_pending_sign_up(house: House, name: str) -> None:
    house.sign_up()
    answer = house.sign_up(name, "other@example.org")
    assert answer.get_json()["code"] == "username_taken"
    assert house.mail_to("other@example.org") == []
