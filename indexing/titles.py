"""A title as written to the titles people would type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.articles import article_first
from shortlist.bundle.folding import fold
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import title_index
from shortlist.bundle.segments import described

MOST_NAMED = 10
"""How many titles in parentheses are taken from one title, the last ones."""

_YEAR = re.compile(r"\((\d{4})(?:\s*[-–]\s*\d{0,4})?\)")
_ALSO_KNOWN_AS = re.compile(r"(?:a\.?k\.?a\.?|also known as)\s+", re.IGNORECASE)
_LEADING_ARTICLE = re.compile(r"(?:the|a|an) (?=\S)", re.IGNORECASE)
_SUBTITLE = re.compile(r"(?:(?<=.: )|(?<=. [-–] ))(?=\S+ \S)", re.DOTALL)


def without_year(title: str) -> str:
    """The title without a trailing year in parentheses, as "Heat (1995)" has one."""
    return _year_apart(title)[0] or title.strip()


def _year_apart(title: str) -> tuple[str, str | None]:
    """The title and its trailing year; no pattern looks for the end, which takes time squared."""
    whole = title.strip()
    begin = max(0, whole.rfind("("))
    year = _YEAR.fullmatch(whole, begin)
    return (whole[:begin].strip(), year[1]) if year else (whole, None)


def main_title(title: str) -> str:
    """What a person would type: no year, no parentheses at the end, article first."""
    return article_first(_parentheses_apart(without_year(title))[0])


def _parentheses_apart(title: str) -> tuple[str, list[str]]:
    """The title without the parentheses at its end, and what stands in the last ten of them.

    A title of nothing but parentheses keeps the first.
    """
    named: list[str] = []
    end = len(title)
    while title.endswith(")", 0, end):
        begin = title.rfind("(", 0, end)
        before = _end_of_text(title, begin)
        if before <= 0 or title.find(")", begin, end - 1) >= 0:
            break
        if len(named) < MOST_NAMED:
            named.append(title[begin + 1 : end - 1])
        end = before
    return title[:end], named[::-1]


def _end_of_text(title: str, end: int) -> int:
    """Where the blanks before `end` begin."""
    while end > 0 and title[end - 1].isspace():
        end -= 1
    return end


def title_variants(title: str, alternatives: Iterable[str] = ()) -> list[str]:
    """The titles an item goes by, the main one first, no two that read alike.

    These are the main title, also without its article and with its year, a subtitle of two words
    or more ("Star Wars: Episode V - The Empire Strikes Back"), what stands in parentheses at the
    end ("Seven (a.k.a. Se7en)"), and the `alternatives` that the catalogue names.
    """
    main, (bare, year) = main_title(title), _year_apart(title)
    article, subtitle = _LEADING_ARTICLE.match(main), _last_subtitle(main)
    written = [
        main,
        *([main[article.end() :]] if article else []),
        *([f"{main} {year}"] if year and bare else []),
        *([subtitle] if subtitle else []),
        *(
            article_first(text[_behind(_ALSO_KNOWN_AS, text) :])
            for text in map(str.strip, _parentheses_apart(bare)[1])
        ),
        *(article_first(text) for text in alternatives),
    ]
    distinct = {fold(text): text for text in reversed(written)}
    return [text for text in dict.fromkeys(written) if text and distinct[fold(text)] == text]


def _last_subtitle(main: str) -> str | None:
    """What stands behind the last colon or dash, if it is two words or more and not all."""
    begins = [begin.start() for begin in _SUBTITLE.finditer(main)]
    return main[begins[-1] :] if begins else None


def _behind(start: re.Pattern[str], text: str) -> int:
    """Where the text goes on behind this start, 0 without it."""
    found = start.match(text)
    return found.end() if found else 0


def all_variants(
    titles: Sequence[str], alternatives: Sequence[Sequence[str]] | None = None
) -> tuple[list[str], RowArray]:
    """Every title of every item, and the row (int64, rising) each belongs to."""
    others = alternatives or [()] * len(titles)
    of_each = [title_variants(one, more) for one, more in zip(titles, others, strict=True)]
    counts = [len(variants) for variants in of_each]
    rows = np.repeat(np.arange(len(titles), dtype=np.int64), counts)
    return [text for variants in of_each for text in variants], rows


def write_titles(
    folder: Path, titles: Sequence[str], alternatives: Sequence[Sequence[str]] | None
) -> dict[str, Section]:
    """The title section of a segment, of the titles of its entries; by its name."""
    shown, rows = all_variants(titles, alternatives)
    title_index.write_titles(folder, shown, rows)
    return {title_index.SECTION: described(title_index)}
