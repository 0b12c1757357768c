"""The title lane: items whose title is spelled like the query, whatever they are about."""

from __future__ import annotations

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from shortlist.bundle.all_titles import AllTitles
from shortlist.bundle.arrays import FloatArray
from shortlist.engine.features import Matches

TITLE_FEATURES = ("title_match", "title_prefix")
"""How like the query the whole title is, and how like it the title begins; 1 means equal."""

_LEAST = 0.65
_NAMED = 0.6


def match_titles(titles: AllTitles, text: str) -> Matches:
    """The items whose title is most like the text, typing mistakes allowed.

    Compared are the 64 titles of each segment that share most trigrams with it, weighted by how
    rare they are.
    If every word of the text stands in some title it is taken to be spelled right, and the
    likeness s is the Dice coefficient of the two sets of words; else s = 1 - d / length by the
    optimal string alignment distance d, in which a swap of neighbours is one mistake, or the
    Dice coefficient if that is more. So "robots" is not taken for a misspelt "Roots". A title of
    which the text is the beginning (as it is spelled, if spelled right) has the likeness times
    the square root of the share typed as prefix. What exceeds 0.65 is kept, rescaled to
    (s - 0.65) / 0.35. An item with several titles has the best of each.
    """
    found = titles.resembling(text)
    if not len(found.rows):
        return Matches(np.empty(0, np.int64), dict.fromkeys(TITLE_FEATURES, np.empty(0)))
    folded, names, spelled_right = found.folded, list(found.names), found.spelled_right
    typed = set(folded.split())
    written = [set(name.split()) for name in names]
    whole = np.array([2 * len(typed & one) / (len(typed) + len(one)) for one in written])
    if not spelled_right:
        whole = np.maximum(whole, _similarities(folded, names))
    prefix = _beginnings(folded, names, exactly=spelled_right)
    likeness = np.clip((np.stack([whole, prefix]) - _LEAST) / (1 - _LEAST), 0.0, 1.0)
    matches = likeness.any(axis=0)
    rows, place = np.unique(found.rows[matches], return_inverse=True)
    best = np.zeros((2, len(rows)))
    for of_all, of_item in zip(likeness, best, strict=True):
        np.maximum.at(of_item, place, of_all[matches])
    return Matches(rows, dict(zip(TITLE_FEATURES, best, strict=True)))


def names_title(titles: AllTitles, text: str) -> bool:
    """Whether the text is some title, near enough, or the beginning of one.

    0.6 of `title_match` or, of two words or more, of `title_prefix`; or these word for word.
    """
    matches, several = match_titles(titles, text), len(text.split()) > 1
    values = [matches.values[name] for name in TITLE_FEATURES[: 1 + several]]
    if any(one.max(initial=0.0) >= _NAMED for one in values):
        return True
    found = titles.resembling(text)
    return several and any(f"{name} ".startswith(f"{found.folded} ") for name in found.names)


def _beginnings(folded: str, names: list[str], *, exactly: bool) -> FloatArray:
    """How like the text each title begins, times the square root of the share typed."""
    share = np.array([min(1.0, len(folded) / max(1, len(name))) for name in names])
    if exactly and " " not in folded:
        begun = np.array([float(name == folded) for name in names])
    elif exactly:
        begun = np.array([float(f"{name} ".startswith(f"{folded} ")) for name in names])
    else:
        begun = _similarities(folded, [name[: len(folded)] for name in names])
    return np.asarray(begun * np.sqrt(share), dtype=np.float64)


def _similarities(folded: str, names: list[str]) -> FloatArray:
    found: FloatArray = process.cdist(
        [folded], names, scorer=OSA.normalized_similarity, dtype=np.float64
    )[0]
    return found
