"""What a password may not be: one sentence for each rule that it breaks. NIST SP 800-63B-4 §3.1.1.2.

Length in code points, no rule about kinds of characters; not a common one, not one that has leaked, not made of the
person's own words, the service's name or host, and not easy to guess by zxcvbn's estimate.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from zxcvbn import matching, scoring, time_estimates

from extensions import settings
from services import breaches

COMMON = matching.RANKED_DICTIONARIES["passwords"]
"""All of them without case."""
SHORTEST_WORD = 3
"""Shorter words of a person stand in too many good passwords by chance."""
LEET = str.maketrans("0134578@$", "oieastbas")
ZXCVBN_MOST = 72
OVERLAP = 24
"""No good part of a long password is cut by every stretch: 24 characters of anything reach the highest score."""
MOST_READINGS = 8
"""zxcvbn looks a password up once for each way to read its signs as letters; 72 well-chosen ones took it 2.2 s."""
OTHER_SIGNS = str.maketrans("({[<!|$+%@", "¡¿§¶¤¢£¥©®")


def lengths() -> tuple[int, int]:
    """The fewest and the most characters, in code points."""
    return settings().password_min_length, settings().password_max_length


def problems(text: str, context: tuple[str | None, ...]) -> list[str]:
    """What to change, all at once. `text` is in NFC; `context` are the person's own words: names, address."""
    least, most = lengths()
    if len(text) > most:
        return [f"Use at most {most} characters."]  # and nothing else is looked at, so that the work stays bounded
    too_short = [f"Use at least {least} characters."] if len(text) < least else []
    found = too_short + (_guesses(text, _own_words(context)) if text else [])
    return found or _leaks(text)


def _leaks(text: str) -> list[str]:
    """Looked up last, so that no other service is asked about a password that is refused anyway."""
    told = "This password is in a list of leaked ones. Choose another, and change it wherever else you use it."
    return [told] if breaches.lists(text) else []


def _guesses(text: str, words: set[str]) -> list[str]:
    found = []
    if _folded(text) in COMMON:
        found.append("This is one of the most common passwords. Choose another.")
    if _is_made_of(_folded(text), words):
        found.append("Do not make it of your names, your address or the name of this service. Choose other words.")
    if not found and _is_easy_to_guess(text, words):
        found.append("This is easy to guess. Use several unrelated words, or more characters.")
    return found


def _folded(text: str) -> str:
    """Without case, and with full-width letters and the like as plain ones."""
    return unicodedata.normalize("NFKC", text).casefold()


def _own_words(context: tuple[str | None, ...]) -> set[str]:
    """Each whole and in parts: `ada.lovelace@example.org` also gives `ada`, `lovelace`, `example` and `org`.

    The service's own words are its name and the host of BASE_URL.
    """
    own = (settings().service_name, urlsplit(settings().address).hostname)
    whole = [_folded(word) for word in (*context, *own) if word]
    return {part for word in whole for part in (word, *re.split(r"[\W_]+", word)) if part}


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def _letters_and_digits(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _letters_in_disguise(text: str) -> str:
    return _letters(text.translate(LEET))


READINGS: tuple[Callable[[str], str], ...] = (_letters, _letters_and_digits, _letters_in_disguise)


def _is_made_of(text: str, words: set[str]) -> bool:
    """Whether its letters spell nothing but own words, one after another, each forwards or backwards.

    Digits and signs anywhere do not help; nor do `4` for a, `3` for e and the like. A user name of digits counts as well.
    """
    for reading in READINGS:
        read = {part for word in words if len(part := reading(word)) >= SHORTEST_WORD}
        if _is_sequence_of(reading(text), read | {part[::-1] for part in read}):
            return True
    return False


def _is_sequence_of(text: str, words: set[str]) -> bool:
    """Where a word may end is noted; a pattern with alternatives would try all ways, which can be very many."""
    ends = {0}
    for start in range(len(text)):
        if start in ends:
            ends |= {start + len(word) for word in words if text.startswith(word, start)}
    return bool(text) and len(text) in ends


def _is_easy_to_guess(text: str, words: set[str]) -> bool:
    least = settings().password_min_strength
    return all(_score(stretch, words) < least for stretch in _stretches(text))


def _stretches(text: str) -> Iterator[str]:
    """A long password is as good as its best stretch; one that repeats a short piece, as its beginning."""
    yield text[:ZXCVBN_MOST]
    if not any(text.startswith(text[period:]) for period in range(1, ZXCVBN_MOST // 2 + 1)):
        for start in range(ZXCVBN_MOST - OVERLAP, len(text) - OVERLAP, ZXCVBN_MOST - OVERLAP):
            yield text[start : start + ZXCVBN_MOST]


def _score(text: str, words: set[str]) -> int:
    """zxcvbn's, 0 to 4. Not by its own entry, which keeps the words of one person where another thread reads them."""
    readable = text if _count_readings(text) <= MOST_READINGS else text.translate(OTHER_SIGNS)
    dictionaries = matching.RANKED_DICTIONARIES | {"user_inputs": matching.build_ranked_dict(sorted(words))}
    matches = matching.omnimatch(readable, dictionaries)
    guesses = scoring.most_guessable_match_sequence(readable, matches)["guesses"]
    score: int = time_estimates.guesses_to_score(guesses)
    return score


def _count_readings(text: str) -> int:
    return len(matching.enumerate_l33t_subs(matching.relevant_l33t_subtable(text, matching.L33T_TABLE)))
