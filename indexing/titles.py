"""A title as written to the titles people would type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from indexing.catalog import Catalog
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import described, title_index
from shortlist.bundle.sections.title_index import fold_title

_YEAR = re.compile(r"\s*\((\d{4})(?:\s*[-–]\s*\d{0,4})?\)\s*$")
_PARENTHESES = re.compile(r"\(([^()]*)\)")
_AT_THE_END = re.compile(r"(?<=\S)(?:\s*\([^()]*\))+$")
_ALSO_KNOWN_AS = re.compile(r"^(?:a\.?k\.?a\.?|also known as)\s+", re.IGNORECASE)
_LEADING_ARTICLE = re.compile(r"^(?:the|a|an) (\S.*)$", re.IGNORECASE)
_SUBTITLE = re.compile(r"^.+(?::| [-–]) (\S+ \S.*)$")
_ARTICLES = (
    *("the", "a", "an"),
    *("le", "la", "les", "l'", "un", "une", "des"),
    *("der", "die", "das", "ein", "eine"),
    *("el", "los", "las", "una", "unos", "unas"),
    *("il", "lo", "gli", "i", "uno"),
    *("o", "os", "as", "um", "uma"),
    *("de", "het", "een", "den", "det", "en", "et"),
)
_TRAILING_ARTICLE = re.compile(rf"^(.*\S)\s*,\s*({'|'.join(_ARTICLES)})$", re.IGNORECASE)


def without_year(title: str) -> str:
    """The title without a trailing year in parentheses, as "Heat (1995)" has one."""
    return _YEAR.sub("", title).strip() or title.strip()


def article_first(title: str) -> str:
    """The title with a trailing article moved to the front: "Matrix, The" is "The Matrix"."""
    match = _TRAILING_ARTICLE.match(title.strip())
    if match is None:
        return title.strip()
    rest, article = match.groups()
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{rest}"


def main_title(title: str) -> str:
    """What a person would type: no year, no parentheses at the end, article first."""
    return article_first(_AT_THE_END.sub("", without_year(title)))


def title_variants(title: str, alternatives: Iterable[str] = ()) -> list[str]:
    """The titles an item goes by, the main one first, no two that read alike.

    These are the main title, also without its article and with its year, a subtitle of two words
    or more ("Star Wars: Episode V - The Empire Strikes Back"), what stands in parentheses at the
    end ("Seven (a.k.a. Se7en)"), and the `alternatives` that the catalogue names.
    """
    main, bare = main_title(title), without_year(title)
    year = _YEAR.search(title)
    parentheses = _AT_THE_END.search(bare)
    named = _PARENTHESES.findall(parentheses[0]) if parentheses else []
    written = [
        main,
        *_LEADING_ARTICLE.findall(main),
        *([f"{main} {year[1]}"] if year and bare != title.strip() else []),
        *_SUBTITLE.findall(main),
        *(article_first(_ALSO_KNOWN_AS.sub("", text.strip())) for text in named),
        *(article_first(text) for text in alternatives),
    ]
    distinct = {fold_title(text): text for text in reversed(written)}
    return [text for text in dict.fromkeys(written) if text and distinct[fold_title(text)] == text]


def all_variants(
    titles: Sequence[str], alternatives: Sequence[Sequence[str]] | None = None
) -> tuple[list[str], RowArray]:
    """Every title of every item, and the row (int64, rising) each belongs to."""
    others = alternatives or [()] * len(titles)
    of_each = [title_variants(one, more) for one, more in zip(titles, others, strict=True)]
    counts = [len(variants) for variants in of_each]
    rows = np.repeat(np.arange(len(titles), dtype=np.int64), counts)
    return [text for variants in of_each for text in variants], rows


def write_titles(folder: Path, catalog: Catalog) -> Section:
    """The title section of a bundle."""
    shown, rows = all_variants(catalog.items.titles.tolist(), catalog.items.alternatives)
    title_index.write_titles(folder, shown, rows)
    return described(title_index.SECTION)
