"""Which titles what is typed may become, and how well each fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from rapidfuzz import process
from rapidfuzz.distance import OSA

from shortlist.bundle.all_titles import AllTitles, TitlesPart
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.folding import fold
from shortlist.bundle.sections.suggestion_order import by_priority
from shortlist.engine.row_sets import stand_in

MAX_CHECKED = 512
"""Titles with the rarest of the typed words in which the others are looked for."""

_LEAST_ALIKE = 0.7
_SHORTEST_MISSPELT = 3
_INSIDE = 0.9
"""What a likeness counts for inside a title, against 1 at its beginning."""


class Fit(IntEnum):
    """How a title fits what was typed, the best first."""

    BEGINS = 0
    LATER_WORD = 1
    ANY_ORDER = 2
    SPELLED_ALIKE = 3


@dataclass(frozen=True)
class Completions:
    """Titles that fit, each item once, all arrays [m]: rows int64, fits int64, lengths int64.

    `likeness` float64 in [0, 1] is 1 but for titles that are only spelled alike.
    """

    rows: RowArray
    fits: npt.NDArray[np.int64]
    lengths: RowArray
    likeness: FloatArray


_NO_ROWS = np.empty(0, np.int64)
_NOTHING = Completions(_NO_ROWS, _NO_ROWS, _NO_ROWS, np.empty(0))


@dataclass(frozen=True)
class Completing:
    """Completes from one bundle's titles; blocked rows (int64, rising) are left out.

    `volumes` are what orders a range of words where a bundle has no order of them, which takes
    longer the more titles there are.
    """

    titles: AllTitles
    volumes: FloatArray | None
    blocked: RowArray

    def complete(self, text: str, wanted: int) -> Completions:
        """At least `wanted` titles if so many fit, whatever is better than them among them.

        A title fits if it begins so, if a later word does, if each typed word begins some word of
        it, or if it or a later word is spelled nearly so; each is looked for only if the ones
        before gave too few.
        """
        folded = fold(text)
        if not folded:
            return _NOTHING
        found = self._begun(folded, wanted)
        if len(found.rows) < wanted and " " in folded:
            found = self._with(found, self._any_order(folded))
        if len(found.rows) < wanted and len(folded) >= _SHORTEST_MISSPELT:
            found = self._with(found, self._alike(text))
        return found

    def _begun(self, folded: str, wanted: int) -> Completions:
        return self._joined([self._begun_in(part, folded, wanted) for part in self.titles.parts])

    def _begun_in(self, part: TitlesPart, folded: str, wanted: int) -> Completions:
        first, last = part.index.starting(folded)
        n = 4 * wanted
        while True:
            found = self._of_places(part, self._best(part, first, last, n), None)
            if len(found.rows) >= wanted or n >= last - first:
                return found
            n *= 4  # most were titles of the same items

    def _best(self, part: TitlesPart, first: int, last: int, n: int) -> RowArray:
        if part.order is not None:
            return part.order.best(first, last, n)
        return by_priority(part.index, np.arange(first, last), part.rows, self.volumes)[:n]

    def _any_order(self, folded: str) -> Completions:
        words = folded.split()
        return self._joined([self._any_order_in(part, words) for part in self.titles.parts])

    def _any_order_in(self, part: TitlesPart, words: list[str]) -> Completions:
        index = part.index
        rarest = min((index.starting(word) for word in words), key=lambda one: one[1] - one[0])
        places = self._best(part, *rarest, MAX_CHECKED)
        names = (f" {name}" for name in index.names(index.words[places, 0]))
        holds = [all(f" {word}" in name for word in words) for name in names]
        return self._of_places(part, places[np.array(holds, np.bool_)], Fit.ANY_ORDER)

    def _alike(self, text: str) -> Completions:
        found = self.titles.resembling(text, unfinished=True)
        likeness = np.array([_likeness(found.folded, name) for name in found.names])
        near = np.flatnonzero(likeness >= _LEAST_ALIKE)
        near = near[np.argsort(-likeness[near], kind="stable")]
        fits = np.full(len(near), int(Fit.SPELLED_ALIKE))
        return self._distinct([found.rows[near], fits, found.lengths[near]], likeness[near])

    def _of_places(self, part: TitlesPart, places: RowArray, fit: Fit | None) -> Completions:
        """The items of these word starts, the best of an item first."""
        titles, starts = part.index.words[places, 0], part.index.words[places, 1]
        fits = (starts > 0).astype(np.int64) if fit is None else np.full(len(places), int(fit))
        lengths = part.index.lengths(titles) if len(titles) else np.empty(0, np.int64)
        rows = part.rows[titles].astype(np.int64)
        return self._distinct([rows, fits, lengths], np.ones(len(places)))

    def _distinct(self, columns: list[RowArray], likeness: FloatArray) -> Completions:
        """Each row once, as it stands first; blocked ones not at all."""
        rows = columns[0]
        _, first = np.unique(rows, return_index=True)
        kept = np.sort(first)
        kept = kept[(rows[kept] >= 0) & ~stand_in(rows[kept], self.blocked)]
        found, fits, lengths = (column[kept] for column in columns)
        return Completions(found, fits, lengths, likeness[kept])

    def _with(self, better: Completions, more: Completions) -> Completions:
        return self._joined([better, more])

    def _joined(self, found: Sequence[Completions]) -> Completions:
        """Those found first stand before the others."""
        if len(found) == 1:
            return found[0]
        columns = [
            np.concatenate([getattr(one, name) for one in found])
            for name in ("rows", "fits", "lengths")
        ]
        return self._distinct(columns, np.concatenate([one.likeness for one in found]))


def _likeness(typed: str, name: str) -> float:
    """How like the typed text a title begins, or from a later word on goes on; in [0, 1].

    1 - d / length by the optimal string alignment distance to as many letters of the title, one
    fewer or one more, since a mistake may have lost or added one.
    """
    starts = [0, *(place + 1 for place, sign in enumerate(name) if sign == " ")]
    lengths = (len(typed) - 1, len(typed), len(typed) + 1)
    begun = [name[start : start + length] for start in starts for length in lengths]
    found = process.cdist([typed], begun, scorer=OSA.normalized_similarity, dtype=np.float32)[0]
    of_each = found.reshape(len(starts), len(lengths)).max(axis=1)
    return float(max(of_each[0], _INSIDE * of_each[1:].max(initial=0.0)))
