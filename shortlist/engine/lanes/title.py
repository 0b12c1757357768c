"""The title lane: items whose title is spelled like the query, whatever they are about."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import OSA

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.sections.title_index import (
    TitleIndex,
    fold_title,
    trigram_codes,
    trigram_weights,
)
from shortlist.engine.lanes import Matches

TITLE_FEATURES = ("title_match", "title_prefix")
"""How like the query the whole title is, and how like it the title begins; 1 means equal."""

MAX_POSTINGS = 20_000
"""Trigram occurrences looked at for one query, rarest trigrams first: what bounds the cost."""

MAX_TITLES = 64
"""Titles compared letter by letter."""

_LEAST = 0.65
_DENSE_UP_TO = 100_000


def match_titles(titles: TitleIndex, text: str) -> Matches:
    """The items whose title is most like the text, typing mistakes allowed.

    Compared are the 64 titles that share most trigrams with it, weighted by how rare they are.
    If every word of the text stands in some title it is taken to be spelled right, and the
    likeness s is the Dice coefficient of the two sets of words; else s = 1 - d / length by the
    optimal string alignment distance d, in which a swap of neighbours is one mistake, or the
    Dice coefficient if that is more. So "robots" is not taken for a misspelt "Roots". A title of
    which the text is the beginning (as it is spelled, if spelled right) has the likeness times
    the square root of the share typed as prefix. What exceeds 0.65 is kept, rescaled to
    (s - 0.65) / 0.35. An item with several titles has the best of each.
    """
    folded = fold_title(text)
    found = _sharing_trigrams(titles, folded)
    if not len(found):
        return _matches(np.empty(0, np.int64), np.empty((2, 0)))
    names = [titles.folded[title].as_py() for title in found.tolist()]  # take() imports pandas
    spelled_right = titles.knows_every(folded.split())
    whole = _shared_words(folded, names)
    if not spelled_right:
        whole = np.maximum(whole, _similarities(folded, names))
    prefix = _beginnings(folded, names, exactly=spelled_right)
    return _by_row(titles.rows[found], _rescaled(whole), _rescaled(prefix))


def _sharing_trigrams(titles: TitleIndex, folded: str) -> RowArray:
    """Up to 64 titles by the cosine of trigram vectors, as far as the postings looked at tell."""
    places = _known(titles.trigrams, trigram_codes(folded)) if folded else np.empty(0, np.int64)
    if not len(places):
        return np.empty(0, np.int64)
    counts = titles.postings.counts(places)
    rarest = np.argsort(counts, kind="stable")
    within = int(np.searchsorted(np.cumsum(counts[rarest]), MAX_POSTINGS, side="right"))
    chosen = rarest[: max(1, within)]
    weights = trigram_weights(len(titles), counts[chosen])
    found = [_posted(titles, place) for place in places[chosen].tolist()]
    codes = np.concatenate(found)
    return _heaviest(titles, codes, np.repeat(weights, [len(one) for one in found]))


def _known(trigrams: npt.NDArray[np.uint32], codes: npt.NDArray[np.uint32]) -> RowArray:
    """The places of those codes that some title has."""
    places = np.minimum(np.searchsorted(trigrams, codes), len(trigrams) - 1)
    known: RowArray = places[trigrams[places] == codes]
    return known


def _posted(titles: TitleIndex, place: int) -> npt.NDArray[np.int32]:
    """The titles of one trigram; of one that stands nearly everywhere, the first ones."""
    posted: npt.NDArray[np.int32] = titles.postings.of(place)[:MAX_POSTINGS]
    return posted


def _heaviest(titles: TitleIndex, found: npt.NDArray[np.int32], weights: FloatArray) -> RowArray:
    if len(titles) <= _DENSE_UP_TO:
        sums = np.bincount(found, weights, minlength=len(titles))
        distinct = np.flatnonzero(sums)
        sums = sums[distinct]
    else:
        distinct, place = np.unique(found, return_inverse=True)
        sums = np.bincount(place, weights)
    scores = sums / titles.norms[distinct]
    if len(scores) > MAX_TITLES:
        best = np.argpartition(-scores, MAX_TITLES - 1)[:MAX_TITLES]
        distinct = distinct[best]
    return np.sort(distinct).astype(np.int64)


def _shared_words(folded: str, names: list[str]) -> FloatArray:
    """The Dice coefficient of the words of the text and of each title."""
    typed = set(folded.split())
    written = [set(name.split()) for name in names]
    return np.array([2 * len(typed & words) / (len(typed) + len(words)) for words in written])


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


def _rescaled(similarities: FloatArray) -> FloatArray:
    return np.clip((similarities - _LEAST) / (1 - _LEAST), 0.0, 1.0)


def _by_row(rows: RowArray, whole: FloatArray, prefix: FloatArray) -> Matches:
    """The best of each item's titles, items that do not match at all left out."""
    matches = (whole > 0) | (prefix > 0)
    distinct, place = np.unique(rows[matches], return_inverse=True)
    best = np.zeros((2, len(distinct)))
    np.maximum.at(best[0], place, whole[matches])
    np.maximum.at(best[1], place, prefix[matches])
    return _matches(distinct, best)


def _matches(rows: RowArray, values: FloatArray) -> Matches:
    return Matches(rows, dict(zip(TITLE_FEATURES, values, strict=True)))
