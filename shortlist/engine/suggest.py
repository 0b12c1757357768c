"""Suggest: what is being typed to the titles, categories and tags it may become."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import log1p
from typing import Literal

from shortlist.bundle.folding import fold
from shortlist.bundle.sections.suggestion_order import Label, Labels
from shortlist.bundle.tables import ItemId
from shortlist.engine.completion import Completing, Fit
from shortlist.engine.query import SuggestQuery
from shortlist.engine.shown import Listing, Row
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

MAX_LABELS_OFFERED = 2
"""Categories and tags among the suggestions: titles are what most people look for."""

_POPULARITY_SHARE = 0.3
_WIDTH = 0.96
"""How far popularity reaches within a fit: below 1, so that none touches the next."""

Ranked = tuple[float, int, int]
"""The score, the folded title's length, and where it was found: what orders suggestions."""


@dataclass(frozen=True)
class Suggestion:
    """One completion; `score` in [0, 1] is what orders them, best first.

    `kind` says whether `title` is an item's title, a category or a tag. An item has an `item_id`,
    a label has none; `count` is how many items carry a label and None for an item.
    """

    item_id: ItemId | None
    title: str
    kind: Literal["title", "category", "tag"]
    count: int | None
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
        rows = [
            ("" if one.item_id is None else str(one.item_id), one.kind, one.title, _shown(one))
            for one in self.suggestions
        ]
        return ("id", "kind", "title", "score"), list(rows)


def _shown(one: Suggestion) -> str:
    return f"{one.score:.4f}"


def suggest(snapshot: Snapshot, query: SuggestQuery) -> SuggestAnswer:
    """Titles that begin as was typed, then those of which a later word does, then others.

    The others are titles in which each typed word begins some word, and last those spelled nearly
    so. The score is (3 - f + 0.96 p) / 4 for the fit f, 0 to 3 in that order, and the popularity p
    in [0, 1], the feature rating_volume (0 without ratings); of titles spelled nearly so p is 0.7
    times how nearly and 0.3 times popularity. Of equal scores the shorter title comes first, then
    the lower row. Among them are up to two categories and tags of which some word begins as was
    typed, p being ln(1 + items) / ln(1 + items of the largest).

    Raises InvalidParameter for a blank text, FeatureUnavailable for a bundle without titles.
    """
    if not query.q.strip():
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    labels = _labels(snapshot.bundle.sections.suggestions, query.q)
    found = sorted([*_titles(snapshot, query), *labels], key=lambda one: one[0])
    return SuggestAnswer(
        query=query.q,
        index_version=snapshot.version,
        suggestions=[suggestion for _, suggestion in found[: query.k]],
    )


def _titles(snapshot: Snapshot, query: SuggestQuery) -> list[tuple[Ranked, Suggestion]]:
    """The best titles."""
    sections = snapshot.bundle.sections
    if sections.titles is None:
        raise FeatureUnavailable("this bundle was built without titles; build it again")
    volumes = None if sections.features is None else sections.features.columns.get("rating_volume")
    completing = Completing(sections.titles, volumes, blocked=snapshot.blocked_rows)
    found = completing.complete(query.q, query.k)
    within = found.likeness * 0 if volumes is None else volumes[found.rows]
    alike = found.fits == Fit.SPELLED_ALIKE
    nearly = (1 - _POPULARITY_SHARE) * found.likeness + _POPULARITY_SHARE * within
    within = within * ~alike + nearly * alike
    ids, names = snapshot.bundle.ids, snapshot.bundle.items.titles
    columns = (found.fits, within, found.lengths, found.rows)
    ranked = sorted(
        ((-_score(fit, part), length, row))
        for fit, part, length, row in zip(*(one.tolist() for one in columns), strict=True)
    )
    return [
        (one, Suggestion(ids.id_of(one[2]), names[one[2]].as_py(), "title", None, -one[0]))
        for one in ranked[: query.k]
    ]


def _score(fit: int, within: float) -> float:
    return (len(Fit) - 1 - fit + _WIDTH * within) / len(Fit)


def _labels(offered: Labels | None, text: str) -> list[tuple[Ranked, Suggestion]]:
    """The best categories and tags, before an item of the same score."""
    if offered is None or not (begin := fold(text)):
        return []
    starts = offered.label_starts
    first = bisect_left(starts, (begin, 0))
    last = bisect_left(starts, (f"{begin}\U0010ffff", 0))
    most = log1p(offered.most_carried)

    def ranked(place: int) -> Ranked:
        label = offered.labels[place]
        fit = Fit.BEGINS if label.folded.startswith(begin) else Fit.LATER_WORD
        return -_score(fit, log1p(label.count) / most), len(label.folded), place - len(starts)

    places = {place for _, place in starts[first:last]}
    best = sorted(ranked(place) for place in places)[:MAX_LABELS_OFFERED]
    return [(one, _label(offered.labels[one[2] + len(starts)], -one[0])) for one in best]


def _label(label: Label, score: float) -> Suggestion:
    return Suggestion(None, label.shown, label.kind, label.count, score)
