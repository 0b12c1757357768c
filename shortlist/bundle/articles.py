"""Titles that a catalogue sorts by their first word, "Matrix, The", as people write them."""

from __future__ import annotations

import re

ARTICLES = frozenset(
    (
        *("the", "a", "an"),
        *("le", "la", "les", "l'", "un", "une", "des"),
        *("der", "die", "das", "ein", "eine"),
        *("el", "los", "las", "una", "unos", "unas"),
        *("il", "lo", "gli", "i", "uno"),
        *("o", "os", "as", "um", "uma"),
        *("de", "het", "een", "den", "det", "en", "et"),
    )
)

_TRAILING = re.compile(r"(^|\()([^()]*), ([^\W\d_]+'?)(?=\)|\s*(?:\(|$))")


def article_first(title: str) -> str:
    """The title with a trailing article moved to the front: "Matrix, The" is "The Matrix"."""
    whole = title.strip()
    rest, _, article = (part.strip() for part in whole.rpartition(","))
    return _joined(article, rest) if rest and article.lower() in ARTICLES else whole


def written(title: str) -> str:
    """The title, and those in its parentheses, with the article first.

    Only a capital letter begins an article here, as "Wild Robot, The (2024)" has one: "vitamin, a"
    stays. The scripts of the pages have the same rule.
    """
    return _TRAILING.sub(_article_moved, title)


def _article_moved(found: re.Match[str]) -> str:
    begin, rest, article = found.groups()
    if article.lower() not in ARTICLES or not article[0].isupper():
        return found[0]
    return f"{begin}{_joined(article, rest)}"


def _joined(article: str, rest: str) -> str:
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{rest}"
