"""Suggest: what is being typed to the titles it may become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.sections.item_features import ItemFeatures
from shortlist.bundle.sections.title_index import SORTED_CHARACTERS, TitleIndex, fold_title
from shortlist.bundle.tables import ItemId
from shortlist.engine.lanes.title import match_titles
from shortlist.engine.query import SuggestQuery
from shortlist.engine.shown import Listing, Row
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

_POPULARITY_SHARE = 0.3


@dataclass(frozen=True)
class Suggestion:
    """One completion; `score` in [0, 1] is what orders them, best first."""

    item_id: ItemId
    title: str
    score: float


@dataclass(frozen=True, repr=False)
class SuggestAnswer(Listing[Suggestion]):
    """Up to k completions of what was typed."""

    query: str
    index_version: str
    suggestions: list[Suggestion]

    def entries(self) -> list[Suggestion]:
        """The suggestions."""
        return self.suggestions

    def table(self) -> tuple[Row, list[Row]]:
        """A row a suggestion."""
        rows = [(str(one.item_id), one.title, f"{one.score:.4f}") for one in self.suggestions]
        return ("id", "title", "score"), list(rows)


def suggest(snapshot: Snapshot, query: SuggestQuery) -> SuggestAnswer:
    """Titles of which some word begins as was typed, then titles spelled like it.

    Each is scored by 0.7 times how well it fits (1 for a beginning) and 0.3 times how many
    people rated it (the feature rating_volume; 0 without ratings). Raises InvalidParameter for
    a blank text, FeatureUnavailable for a bundle without titles.
    """
    if not query.q.strip():
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    titles = snapshot.bundle.sections.titles
    if titles is None:
        raise FeatureUnavailable("this bundle was built without titles; build it again")
    rows, fits = _fitting(titles, query)
    allowed = ~np.isin(rows, snapshot.blocked_rows)
    rows, fits = rows[allowed], fits[allowed]
    scores = (1 - _POPULARITY_SHARE) * fits + _POPULARITY_SHARE * _volume(snapshot, rows)
    best = np.lexsort((rows, -scores))[: query.k]
    chosen = zip(rows[best].tolist(), scores[best].tolist(), strict=True)
    return SuggestAnswer(
        query=query.q,
        index_version=snapshot.version,
        suggestions=[_suggestion(snapshot, row, score) for row, score in chosen],
    )


def _suggestion(snapshot: Snapshot, row: int, score: float) -> Suggestion:
    bundle = snapshot.bundle
    return Suggestion(bundle.ids.id_of(row), bundle.items.titles[row].as_py(), score)


def _fitting(titles: TitleIndex, query: SuggestQuery) -> tuple[RowArray, FloatArray]:
    """Rows int64 [m], distinct, and how well each fits, float64 [m] in [0, 1]."""
    folded = fold_title(query.q)
    begun = _rows_beginning(titles, folded) if folded else np.empty(0, np.int64)
    if len(begun) >= query.k:
        return begun, np.ones(len(begun))
    spelled = match_titles(titles, query.q)
    others = ~np.isin(spelled.rows, begun)
    fits = np.max(list(spelled.values.values()), axis=0)[others]
    rows = np.concatenate([begun, spelled.rows[others]])
    return rows, np.concatenate([np.ones(len(begun)), fits])


def _rows_beginning(titles: TitleIndex, folded: str) -> RowArray:
    """The items with a title in which the text from some word on begins with this."""
    compared = folded[:SORTED_CHARACTERS]
    first = _first_not_below(titles, compared)
    last = _first_not_below(titles, f"{compared}\U0010ffff")
    return np.unique(titles.rows[titles.words[first:last, 0]])


def _first_not_below(titles: TitleIndex, text: str) -> int:
    low, high = 0, len(titles.words)
    while low < high:
        middle = (low + high) // 2
        if titles.text_from_word(middle) < text:
            low = middle + 1
        else:
            high = middle
    return low


def _volume(snapshot: Snapshot, rows: RowArray) -> FloatArray:
    features: ItemFeatures | None = snapshot.bundle.sections.features
    if features is None or "rating_volume" not in features.columns:
        return np.zeros(len(rows))
    return features.columns["rating_volume"][rows]
