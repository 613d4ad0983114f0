"""What a person leaves empty in a form is not given, or empties the field."""

import pyotp

from tests.parts import forms
from tests.parts.images import png
from tests.people import PASSWORD
from tests.resources.conftest import Door
from tests.resources.gallery import Gallery
from tests.resources.problem import code_of, errors_of


def test_an_empty_detail_of_a_sign_up_is_not_given(door: Door) -> None:
    assert door.sign_up(first_name="", last_name="", phone_number="").status_code == 201
    assert [door.user()[name] for name in ("first_name", "last_name", "phone_number")] == [None] * 3


def test_an_empty_text_empties_a_field_of_the_profile(gallery: Gallery) -> None:
    assert gallery.profile()["first_name"] == "Ada"
    assert gallery.door.put("/profile", {"first_name": ""}, gallery.access).get_json()["first_name"] is None
    answer = gallery.send_body(forms.body(forms.text("last_name", ""), forms.text("first_name", "Ada")))
    assert (answer.get_json()["first_name"], answer.get_json()["last_name"]) == ("Ada", None)


def test_user_name_and_address_cannot_be_emptied(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    for name in ("username", "email"):
        assert errors_of(door.put("/profile", {name: ""}, access))
    assert door.user()["email"] == "ada@example.org"


def test_a_file_that_was_not_chosen_leaves_the_picture(gallery: Gallery) -> None:
    assert gallery.send(png()).status_code == 200
    before = gallery.stored()
    assert gallery.send(b"", forms.text("first_name", "Zoë"), filename="").get_json()["first_name"] == "Zoë"
    by_script = forms.body(forms.text("profile_picture", ""), forms.text("first_name", "Ada"))
    assert gallery.send_body(by_script).get_json()["first_name"] == "Ada"
    assert gallery.stored() == before


def test_a_chosen_file_without_bytes_is_no_picture(gallery: Gallery) -> None:
    assert code_of(gallery.send(b"", filename="empty.png")) == "invalid_image"


def test_an_empty_second_factor_is_none(door: Door) -> None:
    door.account()
    body = {"username": "ada", "password": PASSWORD, "mfa_code": ""}
    assert door.post("/login", body).status_code == 200


def test_an_empty_code_begins_no_other_set_up(door: Door) -> None:
    door.account()
    access, _ = door.tokens()
    secret = door.post("/mfa", None, access).get_json()["mfa_secret"]
    assert errors_of(door.post("/mfa", {"mfa_code": ""}, access))
    assert door.post("/mfa", {"mfa_code": pyotp.TOTP(secret).now()}, access).status_code == 200
