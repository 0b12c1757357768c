"""Texts as they are compared: case, diacritics and punctuation gone."""

from __future__ import annotations

import unicodedata

_LETTERS = str.maketrans(
    {
        **{"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ĸ": "k"},
        **{"þ": "th", "æ": "ae", "œ": "oe", "ŋ": "ng", "ƶ": "z", "ɨ": "i", "ɐ": "a", "ə": "e"},
        **{"&": " and ", "'": "", "’": "", "ʼ": "", "`": ""},
    }
)
"""Letters that have no decomposition as they are typed without them; apostrophes vanish."""


_ASCII = str.maketrans(
    {
        **{char: " " for char in map(chr, range(128)) if not char.isalnum()},
        **{char: char.lower() for char in map(chr, range(128)) if char.isupper()},
        **{"&": " and ", "'": "", "`": ""},
    }
)
"""The whole rule for texts of ASCII alone, which most are."""


def fold(text: str) -> str:
    """The text as it is compared, its words parted by single blanks.

    Compatibility forms are decomposed (NFKD) and combining marks dropped, so that "Amélie" and
    "AMELIE" are equal; letters that do not decompose become what is typed for them ("Łódź" is
    "lodz", "Straße" is "strasse"); `&` is read as "and", apostrophes vanish, everything else that
    is no letter, vowel sign (of Hindi, Thai, ...) or digit parts words.
    """
    if text.isascii():
        return " ".join(text.translate(_ASCII).split())
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    bare = bare.translate(_LETTERS)
    return " ".join("".join(char if _is_of_a_word(char) else " " for char in bare).split())


def _is_of_a_word(char: str) -> bool:
    """Letters and digits; in the scripts from Devanagari to Khmer vowels that are marks as well."""
    if char.isalnum():
        return True
    return "\u0900" <= char < "\u1800" and unicodedata.category(char) in {"Mc", "Mn"}
