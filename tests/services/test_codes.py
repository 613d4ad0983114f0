"""Codes as people paste them."""

import pytest

from services import codes


def digits_from(zero: str) -> str:
    """1 to 6 in the digits of which this is the first."""
    return "".join(chr(ord(zero) + value) for value in range(1, 7))


WIDE = digits_from("\uff10")
PASTED = {
    "as it is": "123456",
    "in two groups": "123 456",
    "with a line break": "123456\n",
    "from a Windows mail": "\t123456\r\n",
    "no-break spaces": "123\u00a0456\u202f",
    "thin space": "123\u2009456",
    "ideographic space": "123\u3000456",
    "hyphen": "123-456",
    "no-break hyphen": "123\u2011456",
    "en dash": "123\u2013456",
    "em dash": "123\u2014456",
    "minus": "123\u2212456",
    "full width": WIDE,
    "full width and its hyphen": f"{WIDE[:3]}\uff0d{WIDE[3:]}",
    "zero-width space": "\u200b123456\ufeff",
    "in marks of direction": "\u2068123456\u2069\u200e",
    "soft hyphen": "123\u00ad456",
}
OTHERS = {
    "superscripts": "¹²³⁴⁵⁶",
    "Arabic": digits_from("\u0660"),
    "Devanagari": digits_from("\u0966"),
    "circled": "①②③④⑤⑥",
    "mathematical": digits_from("\U0001d7ce"),
    "a plus": "+123456",
    "a dot": "123.456",
    "an underscore": "123_456",
    "a combining mark": "123456\u0301",
    "NUL": "123456\x00",
}


@pytest.mark.parametrize("text", PASTED.values(), ids=PASTED.keys())
def test_what_stands_between_the_digits_does_not_matter(text: str) -> None:
    assert codes.normalized(text) == "123456"


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS.keys())
def test_nothing_else_becomes_the_code(text: str) -> None:
    assert codes.normalized(text) == text


def test_letters_keep_their_case() -> None:
    assert codes.normalized("4T8k\u20139qZM") == "4T8k9qZM"
