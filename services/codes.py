"""Codes as people type and paste them: brought to the one form that they are compared in."""

import unicodedata

IGNORED = {"Zs", "Zl", "Zp", "Pd", "Cf"}
"""Unicode categories: spaces, dashes, and what cannot be seen, such as the marks that messengers put around a number."""
ALSO_IGNORED = frozenset("\t\n\v\f\r\u2212")
"""White space of ASCII, and the minus sign, which is no dash to Unicode."""
FULL_WIDTH = {letter + 0xFEE0: letter for letter in range(ord("!"), ord("~") + 1)}
"""What keyboards for Chinese, Japanese and Korean write for ASCII."""


def normalized(text: str) -> str:
    """The code without spaces and dashes, full-width characters as ASCII.

    Everything else stays and is refused with the code: superscripts and the digits of other scripts are no digits of ours.
    """
    return "".join(letter for letter in text.translate(FULL_WIDTH) if not _is_ignored(letter))


def _is_ignored(letter: str) -> bool:
    return letter in ALSO_IGNORED or unicodedata.category(letter) in IGNORED
