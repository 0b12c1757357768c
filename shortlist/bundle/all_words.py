"""The words of all items: the word indexes of the segments, asked as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.analysis import Analyzer
from shortlist.bundle.arrays import FloatArray, RowArray, Vectors
from shortlist.bundle.places import EntryRows, Places
from shortlist.bundle.sections.document_terms import DocumentTerms
from shortlist.bundle.sections.key_terms import PER_ITEM, KeyTerms
from shortlist.bundle.sections.word_index import Documents, WordIndex

K1, B = 1.5, 0.75
"""BM25's: how fast a word said again stops to count, and how much a long document is held down."""

_BLOCK = 1 << 18
_FEW_OF_A_LENGTH = 8


@dataclass(frozen=True)
class WordsPart:
    """The word index of one segment, and the row of each document, int32 [n], -1 for one gone."""

    index: WordIndex
    rows: EntryRows
    terms: DocumentTerms | None = None

    @cached_property
    def live(self) -> npt.NDArray[np.bool_] | None:
        """Which documents count, bool [n]; None for all."""
        live = self.rows >= 0
        return None if live.all() else live

    @cached_property
    def counts(self) -> RowArray:
        """In how many documents that count each term stands, int64 [t]."""
        offsets = self.index.postings.offsets
        if self.live is None:
            return np.diff(offsets)
        terms = np.searchsorted(offsets, self._postings_gone(), side="right") - 1
        counts: RowArray = np.diff(offsets) - np.bincount(terms, minlength=len(offsets) - 1)
        return counts

    def _postings_gone(self) -> RowArray:
        """Where the postings of documents that do not count stand, int64, rising.

        They are few. Looked for some at a time: a version is loaded beside requests, and numpy
        keeps Python's other threads waiting while it takes values.
        """
        assert self.live is not None
        gone, documents = ~self.live, self.index.postings.indices
        found = [
            begin + np.flatnonzero(gone[documents[begin : begin + _BLOCK]])
            for begin in range(0, len(documents), _BLOCK)
        ]
        return np.concatenate([np.empty(0, np.int64), *found])

    @cached_property
    def length(self) -> tuple[int, int]:
        """How many documents count, and how many words they have together."""
        lengths = self.index.lengths if self.live is None else self.index.lengths[self.live]
        return len(lengths), int(lengths.sum(dtype=np.int64))

    @cached_property
    def begins(self) -> RowArray:
        """The first document of each length that is met, int64, rising: they stand by length."""
        lengths = self.index.lengths
        return np.flatnonzero(np.append(True, lengths[1:] != lengths[:-1])[: len(lengths)])

    def documents(self, entries: npt.NDArray[Any]) -> Documents:
        """The documents of these entries, int32 [m]."""
        found: Documents = self.index.numbers[entries]
        return found


def part_of(
    index: WordIndex, rows: EntryRows | None = None, terms: DocumentTerms | None = None
) -> WordsPart:
    """A word index whose entries have these rows; None for the rows in their order."""
    return WordsPart(index, index.rows if rows is None else rows[index.rows], terms)


@dataclass(frozen=True)
class AllWords:
    """The words of all items, part by part; what is counted is counted over all of them.

    `key_terms` are those of a bundle from before segments had their documents' terms.
    """

    parts: tuple[WordsPart, ...]
    places: Places
    key_terms: KeyTerms | None = None

    def prepare(self) -> None:
        """Count now what is counted when it is first asked for, and kept."""
        for part in self.parts:
            _ = part.counts, part.begins
        _ = self._norm_of_length

    @property
    def analyzer(self) -> Analyzer:
        """What parts texts as these documents were."""
        return self.parts[0].index.analyzer

    @property
    def has_labels(self) -> bool:
        """Whether any category or tag is among the words."""
        return any(one.index.labels is not None for one in self.parts)

    @property
    def names_key_terms(self) -> bool:
        """Whether it can say which words tell an item from others."""
        return self.key_terms is not None or all(one.terms is not None for one in self.parts)

    @cached_property
    def n_documents(self) -> int:
        """How many documents there are."""
        return sum(one.length[0] for one in self.parts)

    @cached_property
    def _norm_of_length(self) -> Vectors:
        """k₁ · (1 − b + b · length / mean length) for every length that is met, float32."""
        mean = max(sum(one.length[1] for one in self.parts) / max(1, self.n_documents), 1e-9)
        longest = max(int(one.index.lengths.max()) for one in self.parts)
        return (K1 * (1 - B + B * np.arange(longest + 1) / mean)).astype(np.float32)

    def norms(self, part: WordsPart, documents: npt.NDArray[Any]) -> Vectors:
        """What the count of a word is held down by in these documents of a part, float32 [m]."""
        norms: Vectors = self._norm_of_length[part.index.lengths[documents]]
        return norms

    def norms_of_rising(self, part: WordsPart, documents: RowArray) -> Vectors:
        """As `norms`, for documents int64 [m] that rise: those of a length stand together.

        Many of them are counted by length, not looked up one by one.
        """
        if len(documents) <= _FEW_OF_A_LENGTH * len(part.begins):
            return self.norms(part, documents)
        ends = np.append(np.searchsorted(documents, part.begins[1:]), len(documents))
        return np.repeat(self.norms(part, part.begins), np.diff(ends, prepend=0))

    def terms(self, stems: Sequence[str]) -> RowArray:
        """Where each stem stands in the terms of each part, int64 [p, s]; -1 for nowhere."""
        return np.stack([part.index.places(stems) for part in self.parts])

    def counts(self, terms: RowArray) -> RowArray:
        """In how many documents each of these terms (int64 [p, s]) stands, int64 [s]."""
        found = np.zeros(terms.shape[1], np.int64)
        for part, own in zip(self.parts, terms, strict=True):
            known = own >= 0
            found[known] += part.counts[own[known]]
        return found

    def rarities(self, n_having: RowArray) -> FloatArray:
        """The inverse document frequency ln(1 + (N − n + ½) / (n + ½)) of terms, float64 [s].

        n is how many documents have each, int64 [s]; none counts as the rarest. Source: Robertson
        and Zaragoza 2009, "The probabilistic relevance framework", in the form that Lucene has,
        which is never negative.
        """
        rarities: FloatArray = np.log1p((self.n_documents - n_having + 0.5) / (n_having + 0.5))
        return rarities

    def parted(
        self, rows: RowArray
    ) -> Iterator[tuple[int, WordsPart, RowArray | slice, Documents]]:
        """These rows (int64 [m]) by part: its number, it, which of the rows, their documents."""
        for number, own, entries in self.places.parted(rows):
            part = self.parts[number]
            yield number, part, own, part.documents(entries)

    def telling(self, row: int) -> tuple[RowArray, list[str]]:
        """The words that tell an item from others: the 8 rarest that another has too.

        As terms of every part, int64 [p, m], rarest first, and as they are written. None of a
        bundle that cannot say.
        """
        if self.key_terms is not None:
            known, written = self.key_terms.of(row)
            return known.astype(np.int64)[None, :], written
        for number, _, entries in self.places.parted(np.array([row])):
            part = self.parts[number]
            if part.terms is None:
                break
            own = part.terms.of_entry.of(int(entries[0]))
            codes = part.index.terms[own]
            terms: RowArray = np.stack([one.index.places_of(codes) for one in self.parts])
            counts = self.counts(terms)
            shared = np.flatnonzero(counts > 1)
            best = shared[np.lexsort((codes[shared], counts[shared]))][:PER_ITEM]
            mine: RowArray = terms[:, best]
            return mine, part.terms.names(terms[number, best].astype(np.int32))
        return np.empty((len(self.parts), 0), np.int64), []
