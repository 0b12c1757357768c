"""A title as written to the titles people would type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute

from indexing.memory import give_back
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.articles import ARTICLES, article_first
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

_NOT_PLAIN = (
    r"\t-\r\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}"
    r"\x{3000}\x{17f}\x{212a}"
)
"""Blanks but the usual one; letters that RE2 takes for an s or a k, and Python does not."""
_PLAIN = (
    rf"^(?P<main>[^ (){_NOT_PLAIN}](?:[^(){_NOT_PLAIN}]*[^ (){_NOT_PLAIN}])?)"
    r"(?: *\((?P<year>[0-9]{4})\))?$"
)
_ARTICLE_LAST = rf"^(?P<rest>.*[^ ]) *, *(?P<article>(?i:{'|'.join(sorted(ARTICLES))}))$"
_ARTICLE_FIRST = r"^(?i:the|a|an) (?P<bare>[^ ].*)$"
_MAY_HAVE_SUBTITLE = r": | [-–] "
"""What is plain, for RE2: no parentheses but around a year, no blank but the usual one."""


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
    titles: Sequence[str] | pa.Array, alternatives: Sequence[Sequence[str]] | None = None
) -> tuple[pa.Array, RowArray]:
    """Every title of every item, as an Arrow array, and the row (int64, rising) each belongs to.

    What `title_variants` has of each. Titles of words alone, perhaps with a year or an article at
    the end, are most; of these Arrow makes all at once.
    """
    if not isinstance(titles, pa.Array):
        titles = pa.array(titles, pa.large_string())
    plain, parts = _of_plain(titles)
    if alternatives is not None:
        plain &= np.array([not len(more) for more in alternatives], dtype=np.bool_)
    texts, rows = [], []
    for part in parts:
        own = np.flatnonzero(plain & _known(part))
        texts.append(part.take(pa.array(own)))
        rows.append(own)
    others = np.flatnonzero(~plain)
    written = titles.take(pa.array(others)).to_pylist()
    more = (
        [()] * len(others)
        if alternatives is None
        else [alternatives[row] for row in others.tolist()]
    )
    of_each = [title_variants(one, own) for one, own in zip(written, more, strict=True)]
    texts.append(pa.array([text for one in of_each for text in one], pa.large_string()))
    rows.append(np.repeat(others, [len(one) for one in of_each]))
    rows_of = np.concatenate(rows)
    order = np.argsort(rows_of, kind="stable")
    return pa.concat_arrays(texts).take(pa.array(order)), rows_of[order]


def _of_plain(titles: pa.Array) -> tuple[np.ndarray, tuple[pa.Array, pa.Array, pa.Array]]:
    """Which titles are plain, bool [n], and of these all variants that there may be, null for none.

    The main title, the one without its article, and the one with its year. None of them read alike.
    """
    main, year = pa.compute.extract_regex(titles, _PLAIN).flatten()
    article_apart = pa.compute.extract_regex(main, _ARTICLE_LAST)
    rest, article = article_apart.flatten()
    joined = pa.compute.binary_join_element_wise(article, rest, _text(" "))
    joined = pa.compute.replace_substring_regex(joined, r"^(\pL+') ", r"\1", max_replacements=1)
    main = pa.compute.if_else(article_apart.is_valid(), joined, main)
    has_subtitle = pa.compute.match_substring_regex(main, _MAY_HAVE_SUBTITLE)
    (bare,) = pa.compute.extract_regex(main, _ARTICLE_FIRST).flatten()
    year = pa.compute.if_else(pa.compute.equal(year, ""), None, year)
    dated = pa.compute.binary_join_element_wise(main, year, _text(" "))
    plain = _known(main) & ~np.asarray(has_subtitle.fill_null(False))
    return plain, (main, bare, dated)


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _known(column: pa.Array) -> np.ndarray:
    return np.asarray(column.is_valid())


def write_titles(
    folder: Path, titles: pa.Array, alternatives: Sequence[Sequence[str]] | None
) -> dict[str, Section]:
    """The title section of a segment, of the titles of its entries; by its name."""
    shown, rows = all_variants(titles, alternatives)
    give_back()  # what was made of each title on the way
    title_index.write_titles(folder, shown, rows)
    del shown, rows
    give_back()
    return {title_index.SECTION: described(title_index)}
