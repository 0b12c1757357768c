"""The word section: which words every item's document has, how often, where, and in which field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle import arrays
from shortlist.bundle.analysis import LANGUAGES, Analyzer, analyzer, code_of
from shortlist.bundle.arrays import Csr, RowArray, map_array
from shortlist.bundle.rules import check_range, check_rising
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "words", 1
FOLDER = "words"
TERMS, OFFSETS = f"{FOLDER}/terms.npy", f"{FOLDER}/offsets.npy"
POSTINGS = f"{FOLDER}/postings.npy"
COUNTS, FIRST = f"{FOLDER}/counts.npy", f"{FOLDER}/first.npy"
REPEATED, REPEATS = f"{FOLDER}/repeated.npy", f"{FOLDER}/repeats.npy"
DOCUMENTS = f"{FOLDER}/documents.arrow"
LANGUAGE = f"{FOLDER}/language.txt"
FILES = (TERMS, OFFSETS, POSTINGS, COUNTS, FIRST, REPEATED, REPEATS, DOCUMENTS, LANGUAGE)

LABEL_FIELDS = ("categories", "tags")
"""The fields whose values are labels: names that many items share."""

MOST_COUNTED = 255
LAST_POSITION = 65_535
"""What stands farther behind in a document has this position."""

_MOST_LETTERS = 40
_ROW, _NUMBER, _LENGTH, _START = "row", "number", "length", "start of "

Documents = npt.NDArray[np.int32]
Positions = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True)
class WordIndex:
    """The words of all documents: an inverted index with positions, as arrays.

    Documents are numbered by length, shortest first, so that the beginning of a list of postings
    are those in which the word weighs most: `rows` int32 [n] has the row of each, `numbers` int32
    [n] the number of each row, `lengths` uint16 [n], rising, how many words each has. `terms`
    uint64 [t], rising, are the codes of stems. `postings` list the documents that have each,
    `counts` uint8 [p] how often (255 for more), `first` [p] at which position first; the positions
    of the other occurrences are `repeats` [r], each of the posting `repeated` int32 [r] (rising).
    Positions count words from 0 and skip one between fields and between values of a field; they are
    uint8 where every document is short enough, else uint16. `starts` say for each field [n] at
    which position it begins in each document.
    """

    terms: npt.NDArray[np.uint64]
    postings: Csr
    counts: npt.NDArray[np.uint8]
    first: Positions
    repeated: npt.NDArray[np.int32]
    repeats: Positions
    rows: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.uint16]
    starts: Mapping[str, Positions]
    language: str

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def labels(self) -> tuple[Positions, Positions | None] | None:
        """Where categories and tags begin and where they end in each document; None without any.

        Their fields stand together; None for an end that is the document's.
        """
        names = list(self.starts)
        own = [place for place, name in enumerate(names) if name in LABEL_FIELDS]
        if not own:
            return None
        behind = names[own[-1] + 1 :]
        return self.starts[names[own[0]]], self.starts[behind[0]] if behind else None

    @property
    def analyzer(self) -> Analyzer:
        """What parts texts as these documents were."""
        return analyzer(self.language)

    def places(self, stems: Sequence[str]) -> RowArray:
        """Where each stem stands in `terms`, int64; -1 for one that no document has."""
        return self.places_of(np.array([code_of(stem) for stem in stems], dtype=np.uint64))

    def places_of(self, codes: npt.NDArray[np.uint64]) -> RowArray:
        """Where each code of a stem stands in `terms`, int64; -1 for nowhere."""
        if not len(self.terms):
            return np.full(len(codes), -1)
        places = np.minimum(np.searchsorted(self.terms, codes), len(self.terms) - 1)
        return np.where(self.terms[places] == codes, places, -1)

    def posted(self, place: int) -> slice:
        """Where the postings of a term stand; none for -1."""
        if place < 0:
            return slice(0, 0)
        return slice(int(self.postings.offsets[place]), int(self.postings.offsets[place + 1]))

    def postings_at(self, place: int, documents: Documents) -> RowArray:
        """The posting of a term in each of these documents, int64 [m]; -1 where there is none."""
        span = self.posted(place)
        own = self.postings.indices[span]
        if not len(own):
            return np.full(len(documents), -1)
        at = np.minimum(np.searchsorted(own, documents), len(own) - 1)
        return np.where(own[at] == documents, at + span.start, -1)

    def positions(self, postings: RowArray) -> tuple[RowArray, RowArray]:
        """Every occurrence of these postings (int64 [m]): of which, and its position, int64."""
        begins, ends = (
            np.searchsorted(self.repeated, postings.astype(np.int32), side=side)
            for side in ("left", "right")
        )
        more = ends - begins
        behind = np.cumsum(more)
        others = np.arange(int(behind[-1]) if len(behind) else 0)
        others += np.repeat(begins - (behind - more), more)
        which = np.concatenate(
            [np.arange(len(postings)), np.repeat(np.arange(len(postings)), more)]
        )
        return which, np.concatenate([self.first[postings], self.repeats[others]]).astype(np.int64)


def write_words(folder: Path, words: WordIndex) -> None:
    """Write the section's files."""
    (folder / FOLDER).mkdir()
    for name, values in (
        (TERMS, words.terms),
        (OFFSETS, words.postings.offsets),
        (POSTINGS, words.postings.indices),
        (COUNTS, words.counts),
        (FIRST, words.first),
        (REPEATED, words.repeated),
        (REPEATS, words.repeats),
    ):
        np.save(folder / name, values)
    (folder / LANGUAGE).write_text(words.language, encoding="ascii")
    columns = {f"{_START}{name}": pa.array(each) for name, each in words.starts.items()}
    columns |= {_ROW: pa.array(words.rows), _NUMBER: pa.array(words.numbers)}
    columns[_LENGTH] = pa.array(words.lengths)
    arrays.write_arrow(folder / DOCUMENTS, pa.table(columns))


def read_words(folder: Path, *, n_items: int) -> WordIndex:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the bundle."""
    path = folder / DOCUMENTS
    columns = arrays.read_arrow(path)
    starts = [name for name in columns if name.startswith(_START)]
    kind = columns[starts[0]].type if starts else pa.uint8()
    position = np.uint8 if kind == pa.uint8() else np.uint16
    words = WordIndex(
        terms=map_array(folder / TERMS, np.uint64, None),
        postings=Csr(
            map_array(folder / OFFSETS, np.int64, None),
            map_array(folder / POSTINGS, np.int32, None),
        ),
        counts=map_array(folder / COUNTS, np.uint8, None),
        first=map_array(folder / FIRST, position, None),
        repeated=map_array(folder / REPEATED, np.int32, None),
        repeats=map_array(folder / REPEATS, position, None),
        rows=arrays.numpy_of(path, columns, _ROW, pa.int32()),
        numbers=arrays.numpy_of(path, columns, _NUMBER, pa.int32()),
        lengths=arrays.numpy_of(path, columns, _LENGTH, pa.uint16()),
        starts={
            name.removeprefix(_START): arrays.numpy_of(
                path, columns, name, pa.from_numpy_dtype(position)
            )
            for name in starts
        },
        language=_read_language(folder / LANGUAGE),
    )
    _check(words, n_items=n_items)
    return words


def _read_language(path: Path) -> str:
    with path.open("rb") as stream:
        language = stream.read(_MOST_LETTERS).decode("ascii", errors="replace")
    if language not in LANGUAGES:
        raise BundleCorrupt(f"{LANGUAGE}: no language that this program knows: {language!r}")
    return language


def _check(words: WordIndex, *, n_items: int) -> None:
    """The files fit together: what one names, the others have."""
    if len(words) != n_items:
        raise BundleCorrupt(f"{DOCUMENTS}: {len(words)} rows, expected {n_items}")
    check_rising(f"{DOCUMENTS}: {_LENGTH}", words.lengths)
    check_range(f"{DOCUMENTS}: {_ROW}", words.rows, 0, n_items - 1)
    if not np.array_equal(words.numbers[words.rows], np.arange(n_items)):
        raise BundleCorrupt(f"{DOCUMENTS}: rows and numbers do not name each other")
    _check_starts(words)
    postings, n_postings = words.postings, len(words.postings.indices)
    check_rising(TERMS, words.terms, strictly=True)
    postings.check(POSTINGS, n_rows=len(words.terms), n_indices=n_items)
    check_rising(f"{OFFSETS}: a word of no item", postings.offsets, strictly=True)
    _check_rising_within(postings)
    for name, each, expected in (
        (COUNTS, words.counts, n_postings),
        (FIRST, words.first, n_postings),
        (REPEATS, words.repeats, len(words.repeated)),
    ):
        if len(each) != expected:
            raise BundleCorrupt(f"{name}: {len(each)} values, expected {expected}")
    check_range(COUNTS, words.counts, 1, MOST_COUNTED)
    check_range(REPEATED, words.repeated, 0, n_postings - 1)
    check_rising(REPEATED, words.repeated)


def _check_starts(words: WordIndex) -> None:
    """The first field begins at 0, none before the one in front of it."""
    if not words.starts:
        raise BundleCorrupt(f"{DOCUMENTS}: no field begins anywhere")
    before: Any = np.zeros(len(words), np.int64)
    for number, (name, starts) in enumerate(words.starts.items()):
        if np.any(starts < before) or (number == 0 and np.any(starts)):
            raise BundleCorrupt(f"{DOCUMENTS}: {_START}{name}: expected fields in their order")
        before = starts


def _check_rising_within(postings: Csr) -> None:
    """The documents of every term rise, so that they are looked up and none counts twice."""
    risen = postings.indices[1:] > postings.indices[:-1]
    risen[postings.offsets[1:-1] - 1] = True  # from one term to the next
    if not risen.all():
        place = int(np.flatnonzero(~risen)[0]) + 1
        raise BundleCorrupt(f"{POSTINGS}: place {place}: expected rising documents of a word")
