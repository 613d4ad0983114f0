"""Names: what is well-formed, and which spellings are the same."""

import pytest

from services import names
from tests.people import House

SAME_ADDRESS = [
    ("ada@example.org", "ADA@EXAMPLE.ORG"),
    ("ada@example.org", "  Ada@Example.Org  "),
    ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ("ADA@BÜCHER.example", "ada@bücher.example"),
    ("ada@bu\u0308cher.example", "ada@bücher.example"),
    ("ada@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.org", "ada@example.org"),
    ("ada@straße.example", "ada@xn--strae-oqa.example"),
]
OTHER_ADDRESS = [
    ("ada@example.org", "ada+shop@example.org"),
    ("ada@example.org", "a.da@example.org"),
    ("ada@gmail.com", "a.d.a@gmail.com"),
    ("ada@gmail.com", "ada@googlemail.com"),
    ("ada@straße.example", "ada@strasse.example"),
]
NO_ADDRESS = [
    "",
    "ada",
    "@example.org",
    "ada@",
    "ada@localhost",
    "ada@@example.org",
    "ada@example.org.",
    "Ada <ada@example.org>",
    "<ada@example.org>",
    '"Ada" <ada@example.org>',
    '"ada b"@example.org',
    "ada@example.org, eve@example.org",
    "ada@example.org;eve@example.org",
    "ada@example.org\neve@example.org",
    "ada@example.org\r\nBcc: eve@example.org",
    "ada b@example.org",
    ".ada@example.org",
    "ada.@example.org",
    "a..da@example.org",
    "adä@example.org",
    "\uff41da@example.org",
    "ada\uff20example.org",
    "ada@exam ple.org",
    "ada@[127.0.0.1]",
    "ada@-example.org",
    "ada@example_.org",
    "ada@" + "a" * 64 + ".org",
    "ada@" + "a." * 130 + "org",
    "ada%00@example.org\u0000",
]


@pytest.mark.parametrize(("one", "other"), SAME_ADDRESS)
def test_spellings_of_one_address_meet(one: str, other: str) -> None:
    assert names.address_key(names.address(one)) == names.address_key(names.address(other))


@pytest.mark.parametrize(("one", "other"), OTHER_ADDRESS)
def test_tags_and_dots_and_look_alikes_differ(one: str, other: str) -> None:
    assert names.address_key(names.address(one)) != names.address_key(names.address(other))


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(names.Malformed):
        names.address(text)


@pytest.mark.parametrize("text", [spelling for pair in SAME_ADDRESS + OTHER_ADDRESS for spelling in pair])
def test_a_key_is_plain_lower_case_ascii_and_its_own_key(text: str) -> None:
    key = names.address_key(names.address(text))
    assert key.isascii()
    assert key == key.lower() == names.address_key(key)
    assert len(key) <= 254


@pytest.mark.parametrize("text", ["ada", "A.D_a-9", "x" * 32, "123", "_-a", "..9", "a--"])
def test_a_user_name_of_the_allowed_signs_is_kept_as_written(text: str) -> None:
    assert names.username(text) == text
    assert names.username_key(text) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "x" * 33,
        "a b",
        " ada",
        "ada ",
        "ada\n",
        "adä",
        "\u0430da",
        "\uff41\uff44\uff41",
        "ada@x",
        "ada/x",
        "a\u200bda",
        "a'da",
        "ada%",
        "k\u212a9",
        "-ada",
        "---",
        "...",
        "_-_",
    ],
)
def test_any_other_user_name_is_refused(text: str) -> None:
    with pytest.raises(names.Malformed):
        names.username(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+441632960961", "+441632960961"),
        ("+44 1632 960961", "+441632960961"),
        ("+44 (1632) 960-961", "+441632960961"),
        ("+4915123456789", "+4915123456789"),
        ("+12025550123", "+12025550123"),
    ],
)
def test_a_phone_number_is_kept_as_e164(text: str, kept: str) -> None:
    assert names.phone_number(text) == kept


@pytest.mark.parametrize(
    "text", ["", "12", "01632 960961", "+", "+44", "+999123456789", "+44163296096100000", "abc", "0044 1632 960961 12345678"]
)
def test_any_other_phone_number_is_refused(text: str) -> None:
    with pytest.raises(names.Malformed):
        names.phone_number(text)


@pytest.mark.parametrize("text", ["+44 1632 960961 ext. 5", "+441632960961;ext=5", "tel:+441632960961", "+1 800 FLOWERS"])
def test_an_odd_phone_number_is_refused_or_made_e164(text: str) -> None:
    try:
        kept = names.phone_number(text)
    except names.Malformed:
        return
    assert kept.startswith("+")
    assert kept[1:].isascii()
    assert kept[1:].isdigit()
    assert len(kept) <= 16


@pytest.mark.parametrize(("one", "other"), SAME_ADDRESS)
def test_every_spelling_signs_in_and_only_one_spelling_becomes_an_account(house: House, one: str, other: str) -> None:
    house.sign_up("ada", one)
    house.sign_up("eve", other)
    house.deliver()
    links = [link for mail in house.mail_server.messages for link in mail.links if "/confirm/" in link]
    base = house.app.extensions["settings"].address
    assert sorted(house.post(link.removeprefix(base)).status_code for link in dict.fromkeys(links)) == [200, 400]
    assert {house.login(one).status_code, house.login(other).status_code} == {200}


def test_another_spelling_of_a_tag_is_another_account(house: House) -> None:
    house.account("ada", "ada@example.org")
    house.account("eve", "ada+shop@example.org")
    assert house.login("ADA+SHOP@example.org").status_code == 200


@pytest.mark.parametrize("spelling", ["ADA", "Ada", " ada ", "ada@EXAMPLE.org", " ADA@example.org "])
def test_a_login_takes_every_spelling_of_the_name(house: House, spelling: str) -> None:
    house.account()
    assert house.login(spelling).status_code == 200


@pytest.mark.parametrize(
    "spelling", ["ada@", "a@da", "Ada <ada@example.org>", "ada+x@example.org", "ad a", "áda", "ada%", "_da", "ada\u200b"]
)
def test_a_login_takes_nothing_else(house: House, spelling: str) -> None:
    house.account()
    assert house.login(spelling).get_json()["code"] == "invalid_credentials"


GOOD_NAMES = {
    "Ada": "Ada",
    "  Ada  ": "Ada",
    "\u00a0Ada Maria\u00a0": "Ada Maria",
    "Jean\u00a0Luc": "Jean\u00a0Luc",
    "O\u2019Neill-Müller": "O\u2019Neill-Müller",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627": "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "क्\u200dष": "क्\u200dष",
    "李": "李",
    "Zoë 👩\u200d👩\u200d👧": "Zoë 👩\u200d👩\u200d👧",
    "❤\ufe0f": "❤\ufe0f",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f": (
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
    ),
    "x" * 100: "x" * 100,
}
BAD_NAMES = [
    "",
    "   ",
    "\u00a0\u2003",
    "x" * 101,
    *("Ada\x00", "A\nda", "A\tda", "\x1b[31mAda", "Ada\x7f", "A\x85da", "A\u2028da", "A\u2029da", "\ud800"),
    *(f"{mark}Ada" for mark in "\u061c\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068"),
    *(f"Ada{mark}" for mark in "\u202c\u2069"),
    *("\u200d", "\u200b", "\u200c\u2060", "\ufeff", "\u00ad", "\u0301", "\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\ufe0f"),
]


@pytest.mark.parametrize("text", GOOD_NAMES, ids=ascii)
def test_a_persons_name_keeps_what_belongs_to_it(text: str) -> None:
    assert names.person_name(text) == GOOD_NAMES[text]


@pytest.mark.parametrize("text", BAD_NAMES, ids=lambda text: ascii(text)[:30])
def test_a_name_that_hides_or_reorders_text_is_refused(text: str) -> None:
    with pytest.raises(names.Malformed):
        names.person_name(text)


@pytest.mark.parametrize("text", ["\u202eadA", "A\tda", "\u3164"], ids=ascii)
def test_the_api_refuses_it_with_a_sentence_beside_the_field(house: House, text: str) -> None:
    answer = house.sign_up(first_name=text, last_name=text)
    assert answer.status_code == 422
    errors = answer.get_json()["errors"]
    assert set(errors) == {"first_name", "last_name"}
    assert errors["first_name"][0].startswith(("Leave out", "Use at least"))
