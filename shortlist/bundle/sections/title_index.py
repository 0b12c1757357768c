"""The title section: every title an item goes by, and the trigrams that find it again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle import arrays
from shortlist.bundle.arrays import Csr, FloatArray, RowArray, map_array
from shortlist.bundle.rules import check_range, check_rising
from shortlist.bundle.sections.title_words import SORTED_CHARACTERS, fold_titles
from shortlist.bundle.sections.trigrams import (
    code_of,
    title_trigrams,
    trigram_norms,
)
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "titles", 1
FOLDER = "titles"
NAMES, TRIGRAMS = f"{FOLDER}/names.arrow", f"{FOLDER}/trigrams.npy"
OFFSETS, POSTINGS = f"{FOLDER}/offsets.npy", f"{FOLDER}/postings.npy"
WORDS, VOCABULARY = f"{FOLDER}/words.npy", f"{FOLDER}/vocabulary.npy"
FILES = (NAMES, TRIGRAMS, OFFSETS, POSTINGS, WORDS, VOCABULARY)

_DENSE_UP_TO = 100_000

MAX_POSTINGS = 20_000
"""Trigram occurrences looked at for one text, rarest trigrams first: what bounds the cost."""

MAX_RESEMBLING = 64
"""Titles left to be compared letter by letter."""

_UNFINISHED_EXPONENT = 0.25
"""Of titles that share as much with what is being typed, shorter ones are a little nearer."""

_LEAST_NORM, _LARGEST_NORM = 1e-6, 1e6


@dataclass(frozen=True)
class TitleIndex:
    """Titles and alternative titles of all items, findable by what they are spelled like.

    `folded` and `shown` are Arrow string arrays [t], a title as compared and as written; `rows`
    int64 [t] the item of each, rising; `norms` float32 [t] the length of each title's vector of
    trigram weights. `trigrams` uint32 [g] rise; `postings` list the titles that each stands in.
    `words` int32 [w, 2] holds every word start, as title and character, sorted by the 32 characters
    from there on; `vocabulary` uint32 [v], rising, has the CRC-32 of every word.
    """

    folded: pa.Array
    shown: pa.Array
    rows: RowArray
    norms: npt.NDArray[np.float32]
    trigrams: npt.NDArray[np.uint32]
    postings: Csr
    words: npt.NDArray[np.int32]
    vocabulary: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.rows)

    def places(self, codes: npt.NDArray[np.uint32]) -> RowArray:
        """Where each of these trigrams [g] stands, int64; -1 for one that no title has."""
        if not len(self.trigrams):
            return np.full(len(codes), -1)
        places = np.minimum(np.searchsorted(self.trigrams, codes), len(self.trigrams) - 1)
        return np.where(self.trigrams[places] == codes, places, -1)

    def counts(self, places: RowArray) -> RowArray:
        """How many titles have each of these trigrams (places [g], -1 for none), int64 [g]."""
        counts = self.postings.counts(np.maximum(places, 0))
        return np.where(places >= 0, counts, 0)

    def sharing(self, places: RowArray, weights: FloatArray, *, unfinished: bool) -> RowArray:
        """Up to 64 titles (int64, rising) that share most with these trigrams by their weights.

        They are the nearest by the cosine of trigram vectors; of a trigram that stands in more than
        20,000 titles these are the first. An `unfinished` text leaves a title's length out of it,
        nearly.
        """
        weights, places = weights[places >= 0], places[places >= 0]
        if not len(places):
            return np.empty(0, np.int64)
        posted = self.postings.places(places, most=MAX_POSTINGS)
        n_posted = np.minimum(self.postings.counts(places), MAX_POSTINGS)
        of_each = np.repeat(weights, n_posted)
        return self._heaviest(self.postings.indices[posted], of_each, unfinished=unfinished)

    def _heaviest(
        self, titles: npt.NDArray[np.int32], weights: FloatArray, *, unfinished: bool
    ) -> RowArray:
        if len(self) <= _DENSE_UP_TO:
            sums = np.bincount(titles, weights, minlength=len(self))
            distinct = np.flatnonzero(sums)
            sums = sums[distinct]
        else:
            distinct, place = np.unique(titles, return_inverse=True)
            sums = np.bincount(place, weights)
        scores = sums / self.norms[distinct] ** (_UNFINISHED_EXPONENT if unfinished else 1.0)
        if len(scores) > MAX_RESEMBLING:
            best = np.argpartition(-scores, MAX_RESEMBLING - 1)[:MAX_RESEMBLING]
            distinct = distinct[best]
        return np.sort(distinct).astype(np.int64)

    def knows(self, words: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which of these folded words stand in some title, bool [w]."""
        codes = np.array([code_of(word) for word in words], dtype=np.uint32)
        if not len(self.vocabulary):
            return np.zeros(len(codes), np.bool_)
        places = np.minimum(np.searchsorted(self.vocabulary, codes), len(self.vocabulary) - 1)
        found: npt.NDArray[np.bool_] = self.vocabulary[places] == codes
        return found

    def lengths(self, titles: npt.NDArray[np.signedinteger]) -> RowArray:
        """How long each of these titles [m] is as compared, in bytes, int64 [m]."""
        lengths: RowArray = (self._ends[titles + 1] - self._ends[titles]).astype(np.int64)
        return lengths

    def names(self, titles: npt.NDArray[np.signedinteger]) -> list[str]:
        """These titles [m] as they are compared; Arrow's own `take` imports pandas."""
        content = memoryview(self.folded.buffers()[2] or b"")
        spans = zip(self._ends[titles].tolist(), self._ends[titles + 1].tolist(), strict=True)
        return [str(content[begin:end], "utf-8") for begin, end in spans]

    @cached_property
    def _ends(self) -> npt.NDArray[np.signedinteger]:
        """Where each title ends in the text of all of them, behind where the first begins."""
        kind = np.int64 if self.folded.type == pa.large_string() else np.int32
        begin = self.folded.offset * np.dtype(kind).itemsize
        return np.frombuffer(self.folded.buffers()[1] or b"", kind, offset=begin)

    def starting(self, begin: str) -> tuple[int, int]:
        """From which place of `words` to before which the text begins so; they stand together."""
        places, text = range(len(self.words)), begin[:SORTED_CHARACTERS]
        first, last = (
            bisect_left(places, bound, key=self.text_from_word)
            for bound in (text, f"{text}\U0010ffff")
        )
        return first, last

    def text_from_word(self, place: int) -> str:
        """The folded text from the word start at this place of `words`, 32 characters of it."""
        title, start = self.words[place].tolist()
        return str(self.folded[title].as_py())[start : start + SORTED_CHARACTERS]


def write_titles(folder: Path, shown: Sequence[str] | pa.Array, rows: RowArray) -> None:
    """Write the section's files: titles as written, and their rows (int64, rising)."""
    (folder / FOLDER).mkdir()
    if not isinstance(shown, pa.Array):
        shown = pa.array(shown, pa.large_string())
    titles = fold_titles(shown)
    trigrams, postings = title_trigrams(titles.texts)
    np.save(folder / TRIGRAMS, trigrams)
    np.save(folder / OFFSETS, postings.offsets)
    np.save(folder / POSTINGS, postings.indices)
    norms = trigram_norms(len(shown), postings)
    del trigrams, postings  # of a million titles they are hundreds of megabytes
    table = {"folded": titles.texts, "shown": shown, "row": pa.array(rows, pa.int64())}
    arrays.write_arrow(folder / NAMES, pa.table({**table, "norm": pa.array(norms)}))
    np.save(folder / WORDS, titles.sorted_starts())
    vocabulary = sorted({code_of(word) for word in titles.words.to_pylist()})
    np.save(folder / VOCABULARY, np.array(vocabulary, dtype=np.uint32))


def read_titles(folder: Path, *, n_items: int) -> TitleIndex:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit together."""
    path = folder / NAMES
    columns = arrays.read_arrow(path)
    titles = TitleIndex(
        folded=arrays.column_of(path, columns, "folded", *arrays.TEXT),
        shown=arrays.column_of(path, columns, "shown", *arrays.TEXT),
        rows=arrays.numpy_of(path, columns, "row", pa.int64()),
        norms=arrays.numpy_of(path, columns, "norm", pa.float32()),
        trigrams=map_array(folder / TRIGRAMS, np.uint32, None),
        postings=Csr(
            map_array(folder / OFFSETS, np.int64, None),
            map_array(folder / POSTINGS, np.int32, None),
        ),
        words=map_array(folder / WORDS, np.int32, None, 2),
        vocabulary=map_array(folder / VOCABULARY, np.uint32, None),
    )
    _check(titles, n_items=n_items)
    return titles


def _check(titles: TitleIndex, *, n_items: int) -> None:
    """The files fit together: what one names, the others have."""
    check_range(f"{NAMES}: row", titles.rows, 0, n_items - 1)
    check_rising(f"{NAMES}: row", titles.rows)
    check_range(f"{NAMES}: norm", titles.norms, _LEAST_NORM, _LARGEST_NORM)
    check_rising(TRIGRAMS, titles.trigrams, strictly=True)
    check_rising(VOCABULARY, titles.vocabulary, strictly=True)
    titles.postings.check(POSTINGS, n_rows=len(titles.trigrams), n_indices=len(titles))
    check_rising(f"{OFFSETS}: a trigram of no title", titles.postings.offsets, strictly=True)
    check_range(f"{WORDS}: title", titles.words[:, 0], 0, len(titles) - 1)
    lengths = arrays.values_of(pa.compute.utf8_length(titles.folded))
    starts = titles.words[:, 1]
    check_range(f"{WORDS}: start", starts, 0, np.iinfo(np.int32).max)
    if not np.all(starts < lengths[titles.words[:, 0]]):
        raise BundleCorrupt(f"{WORDS}: a word begins behind the end of its title")
