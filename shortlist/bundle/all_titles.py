"""The titles of all items: the title indexes of the segments, asked as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.folding import fold
from shortlist.bundle.places import EntryRows
from shortlist.bundle.sections.suggestion_order import WordOrder
from shortlist.bundle.sections.title_index import MAX_POSTINGS, TitleIndex
from shortlist.bundle.sections.title_words import SORTED_CHARACTERS
from shortlist.bundle.sections.trigrams import trigram_codes, trigram_weights


@dataclass(frozen=True)
class TitlesPart:
    """The title index of one segment, the row of each title, [t], -1 for one gone, and their order.

    Without an `order` (a bundle from before there was one) a range of words is put in order when it
    is asked for.
    """

    index: TitleIndex
    rows: npt.NDArray[np.signedinteger]
    order: WordOrder | None = None

    @cached_property
    def all_live(self) -> bool:
        """Whether every title is still one of the catalogue's."""
        return not len(self.rows) or bool(self.rows.min() >= 0)

    def knows(self, words: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of these folded words stand in a title of the catalogue, bool [w]."""
        found = self.index.knows(words)
        if not self.all_live:
            for place in np.flatnonzero(found).tolist():
                found[place] = self._stands(words[place])
        return found

    def _stands(self, word: str) -> bool:
        """Whether a word of the index stands in a title that is not gone."""
        first, last = self.index.starting(word)
        live = first + np.flatnonzero(self.rows[self.index.words[first:last, 0]] >= 0)
        if len(word) >= SORTED_CHARACTERS:
            return len(live) > 0
        texts = (self.index.text_from_word(place) for place in live.tolist())
        return any(f"{text} ".startswith(f"{word} ") for text in texts)


def part_of(
    index: TitleIndex, rows: EntryRows | None = None, order: WordOrder | None = None
) -> TitlesPart:
    """A title index whose entries have these rows; None for the rows in their order."""
    return TitlesPart(index, index.rows if rows is None else rows[index.rows], order)


_NOBODY: RowArray = np.empty(0, np.int64)


@dataclass(frozen=True)
class Named:
    """Titles that were found: rows int64 [m], the titles as compared, and their lengths in bytes.

    `folded` is the text that they were looked for by; `spelled_right` says that every word of it
    stands in some title.
    """

    folded: str
    spelled_right: bool
    rows: RowArray = field(default_factory=lambda: _NOBODY)
    names: tuple[str, ...] = ()
    lengths: RowArray = field(default_factory=lambda: _NOBODY)


@dataclass(frozen=True)
class AllTitles:
    """The titles of all items, part by part."""

    parts: tuple[TitlesPart, ...]

    def prepare(self) -> None:
        """Look now at what is looked at when it is first asked for, and kept."""
        for part in self.parts:
            _ = part.all_live

    def __len__(self) -> int:
        return sum(len(part.index) for part in self.parts)

    def resembling(self, text: str, *, unfinished: bool = False) -> Named:
        """Up to 64 titles of each part that are like the text, and whether it is spelled right.

        They are the nearest by the cosine of trigram vectors, as far as the 20,000 postings
        looked at tell, those of the rarest trigrams first. Of a text that is `unfinished` the end
        counts for nothing, and a title's length for little.
        """
        folded = fold(text)
        if not folded:
            return Named(folded, spelled_right=self.knows_every(folded.split()))
        codes = trigram_codes(folded, unfinished=unfinished)
        places = np.stack([part.index.places(codes) for part in self.parts])
        counts = sum(part.index.counts(own) for part, own in zip(self.parts, places, strict=True))
        chosen = _rarest(np.asarray(counts))
        weights = trigram_weights(len(self), np.asarray(counts)[chosen])
        found = [
            self._found(part, part.index.sharing(own[chosen], weights, unfinished=unfinished))
            for part, own in zip(self.parts, places, strict=True)
        ]
        return Named(
            folded,
            spelled_right=self.knows_every(folded.split()),
            rows=np.concatenate([rows for rows, _, _ in found]),
            names=tuple(name for _, names, _ in found for name in names),
            lengths=np.concatenate([lengths for _, _, lengths in found]),
        )

    @staticmethod
    def _found(
        part: TitlesPart, titles: RowArray
    ) -> tuple[RowArray, Sequence[str], npt.NDArray[Any]]:
        rows = part.rows[titles].astype(np.int64)
        if not part.all_live:
            titles, rows = titles[rows >= 0], rows[rows >= 0]
        return rows, part.index.names(titles), part.index.lengths(titles)

    def knows_every(self, words: Sequence[str]) -> bool:
        """Whether every one of these folded words stands in some title."""
        if not len(self):
            return False
        known = np.zeros(len(words), np.bool_)
        for part in self.parts:
            known |= part.knows(words)
        return bool(known.all())


def _rarest(counts: RowArray) -> RowArray:
    """Which trigrams are looked at: those that stand somewhere, the rarest, 20,000 postings."""
    known = np.flatnonzero(counts)
    rarest = known[np.argsort(counts[known], kind="stable")]
    within = int(np.searchsorted(np.cumsum(counts[rarest]), MAX_POSTINGS, side="right"))
    return rarest[: max(1, within)]
