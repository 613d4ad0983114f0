"""Changing one's profile: any of the fields, all or nothing."""

import pytest

from tests.people import House

FIELDS = ("username", "first_name", "last_name", "phone_number")


def shown(house: House, access: str) -> tuple[object, ...]:
    profile = house.get("/profile", access).get_json()
    return tuple(profile[field] for field in FIELDS)


@pytest.fixture
def access(house: House) -> str:
    house.account(first_name="Ada", last_name="Lovelace", phone_number="+441632960961")
    return house.tokens()[0]


def test_only_the_given_fields_change(house: House, access: str) -> None:
    answer = house.put("/profile", {"first_name": "Augusta"}, access)
    assert answer.status_code == 200
    assert answer.get_json()["first_name"] == "Augusta"
    assert shown(house, access) == ("ada", "Augusta", "Lovelace", "+441632960961")


def test_the_answer_is_the_profile_as_it_is_read_afterwards(house: House, access: str) -> None:
    answer = house.put("/profile", {"last_name": "King", "phone_number": "+44 1632 960 962"}, access).get_json()
    read = house.get("/profile", access).get_json()
    assert answer | {"last_activity": ""} == read | {"last_activity": ""}
    assert read["phone_number"] == "+441632960962"


def test_null_empties_a_detail(house: House, access: str) -> None:
    assert house.put("/profile", {"first_name": None, "phone_number": None}, access).status_code == 200
    assert shown(house, access) == ("ada", None, "Lovelace", None)


def test_an_empty_change_changes_nothing(house: House, access: str) -> None:
    before = shown(house, access)
    assert house.put("/profile", {}, access).status_code == 200
    assert house.ask("PUT", "/profile", token=access).status_code == 200
    assert shown(house, access) == before


def test_the_user_name_cannot_be_removed(house: House, access: str) -> None:
    answer = house.put("/profile", {"username": None, "first_name": "Eve"}, access)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "validation_failed")
    assert shown(house, access)[:2] == ("ada", "Ada")


@pytest.mark.parametrize("name", ["bea", "BEA", "cleo"])
def test_a_taken_user_name_is_refused_and_nothing_else_changes(house: House, access: str, name: str) -> None:
    house.account("bea", "bea@example.org")
    house.sign_up("cleo", "cleo@example.org")
    before = shown(house, access)
    answer = house.put("/profile", {"first_name": "Eve", "username": name, "last_name": None}, access)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "username_taken")
    assert shown(house, access) == before
    assert house.login("bea").status_code == 200


def test_one_wrong_field_keeps_all_from_changing(house: House, access: str) -> None:
    before = shown(house, access)
    answer = house.put("/profile", {"first_name": "Eve", "phone_number": "12"}, access)
    assert set(answer.get_json()["errors"]) == {"phone_number"}
    assert shown(house, access) == before


@pytest.mark.parametrize("name", ["ADA", "Ada", "ada"])
def test_the_own_user_name_may_change_its_case(house: House, access: str, name: str) -> None:
    assert house.put("/profile", {"username": name}, access).get_json()["username"] == name
    assert house.login("ada").status_code == house.login("ADA").status_code == 200


def test_a_new_user_name_signs_in_and_frees_the_old_one(house: House, access: str) -> None:
    assert house.put("/profile", {"username": "augusta"}, access).status_code == 200
    assert house.login("augusta").status_code == 200
    assert house.login("ada").get_json()["code"] == "invalid_credentials"
    assert house.sign_up("ada", "other@example.org").status_code == 201


def test_the_profile_shows_ids_but_no_secret(house: House, access: str) -> None:
    profile = house.get("/profile", access).get_json()
    assert len(profile["id"]) == 36
    assert profile["created_at"].endswith("Z")
    assert not {"password_hash", "email_key", "username_key", "owned_email_key", "is_active"} & set(profile)
