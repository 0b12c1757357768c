"""Suggest: what is being typed to the titles it may become."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.folding import fold
from shortlist.bundle.sections.title_index import SORTED_CHARACTERS, TitleIndex
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
    features = snapshot.bundle.sections.features
    scores = (1 - _POPULARITY_SHARE) * fits
    if features is not None and "rating_volume" in features.columns:
        scores += _POPULARITY_SHARE * features.columns["rating_volume"][rows]
    best = np.lexsort((rows, -scores))[: query.k]
    ids, names = snapshot.bundle.ids, snapshot.bundle.items.titles
    return SuggestAnswer(
        query=query.q,
        index_version=snapshot.version,
        suggestions=[
            Suggestion(ids.id_of(row), names[row].as_py(), score)
            for row, score in zip(rows[best].tolist(), scores[best].tolist(), strict=True)
        ],
    )


def _fitting(titles: TitleIndex, query: SuggestQuery) -> tuple[RowArray, FloatArray]:
    """Rows int64 [m], distinct, and how well each fits, float64 [m] in [0, 1]."""
    first = last = 0
    if begin := fold(query.q)[:SORTED_CHARACTERS]:
        # The words from which on the text begins as was typed stand side by side.
        first, last = (
            bisect_left(range(len(titles.words)), text, key=titles.text_from_word)
            for text in (begin, f"{begin}\U0010ffff")
        )
    begun = np.unique(titles.rows[titles.words[first:last, 0]])
    if len(begun) >= query.k:
        return begun, np.ones(len(begun))
    spelled = match_titles(titles, query.q)
    others = ~np.isin(spelled.rows, begun)
    fits = np.max(list(spelled.values.values()), axis=0)[others]
    rows = np.concatenate([begun, spelled.rows[others]])
    return rows, np.concatenate([np.ones(len(begun)), fits])
