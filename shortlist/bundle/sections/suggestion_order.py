"""The suggestion section: which word starts come first, and the labels offered beside titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from shortlist.bundle import arrays
from shortlist.bundle.arrays import FloatArray, RowArray, map_array
from shortlist.bundle.folding import fold
from shortlist.bundle.rules import check_range
from shortlist.bundle.sections.title_index import TitleIndex
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "suggestions", 2
RANKS, LABELS = "word_ranks.npy", "labels.arrow"
FILES = (LABELS,)
"""In version 1 the ranks of all word starts are there too."""

Kind = Literal["category", "tag"]
KINDS: tuple[Kind, ...] = ("category", "tag")
MAX_LABELS = 4000
MAX_LABEL_LENGTH = 200

_BLOCK = 64


@dataclass(frozen=True)
class Label:
    """A category or tag: as it is written and compared, and how many items carry it."""

    shown: str
    folded: str
    kind: Kind
    count: int


@dataclass(frozen=True)
class WordOrder:
    """`ranks` int32 [w]: the place of every word start of a segment's titles, the best 0."""

    ranks: npt.NDArray[np.int32]

    def best(self, first: int, last: int, n: int) -> RowArray:
        """The `n` best word starts from place `first` to before `last`, int64, best first.

        Of a long range only the blocks of 64 with the best minima are looked into, which hold the
        `n` best: one pass over ranks that lie side by side, nothing sorted but n blocks.
        """
        ranks = self.ranks[first:last]
        places = np.arange(len(ranks))
        n_blocks = len(ranks) // _BLOCK
        if n_blocks > n:
            minima = ranks[: n_blocks * _BLOCK].reshape(-1, _BLOCK).min(axis=1)
            blocks = np.argpartition(minima, n - 1)[:n]
            inside = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
            places = np.concatenate([inside, places[n_blocks * _BLOCK :]])
        return first + places[np.argsort(ranks[places], kind="stable")[:n]]


@dataclass(frozen=True)
class Labels:
    """The catalogue's categories and frequent tags, at most 4,000."""

    labels: tuple[Label, ...]

    @cached_property
    def most_carried(self) -> int:
        """The largest count of a label, at least 1."""
        return max((label.count for label in self.labels), default=1)

    @cached_property
    def label_starts(self) -> list[tuple[str, int]]:
        """The folded text from every word of a label on, and the label's place; sorted."""
        return sorted(
            (label.folded[start:], place)
            for place, label in enumerate(self.labels)
            for start in range(len(label.folded))
            if start == 0 or label.folded[start - 1] == " "
        )


def by_priority(
    titles: TitleIndex,
    places: RowArray,
    rows: npt.NDArray[np.signedinteger],
    volumes: FloatArray | None,
) -> RowArray:
    """These word starts (places in the titles' `words`, int64 [m]), the best to offer first.

    Those of items that are gone come last (`rows` [t] is the row of each title, -1 for gone). Those
    that begin a title come before those inside one; then those of items that more people rated
    (`volumes` float64 [n] in [0, 1], None without ratings), then shorter titles, then rows.
    """
    title, start = titles.words[places, 0], titles.words[places, 1]
    own = rows[title]
    volume = np.zeros(len(places)) if volumes is None else volumes[own]
    keys = (own, titles.lengths(title), -volume, start > 0, own < 0)
    return places[np.lexsort(keys)]


def whole_order(
    titles: TitleIndex, rows: npt.NDArray[np.signedinteger], volumes: FloatArray | None
) -> RowArray:
    """All word starts as `by_priority` has them; what depends on titles is compared once for each.

    A title has several words, and one number is sorted faster than four.
    """
    volume = np.zeros(len(titles)) if volumes is None else volumes[rows]
    keys = (rows, titles.lengths(np.arange(len(titles))), -volume)
    order = np.lexsort(keys)
    differs = np.zeros(len(order), np.int64)
    for key in keys:
        differs[1:] |= key[order[1:]] != key[order[:-1]]
    places = np.empty(len(order), np.int64)
    places[order] = np.cumsum(differs)
    title, inside = titles.words[:, 0], titles.words[:, 1] > 0
    behind = len(titles) * (inside + 2 * (rows[title] < 0))
    found: RowArray = np.argsort(places[title] + behind, kind="stable")
    return found


def write_order(path: Path, titles: TitleIndex, rows: RowArray, volumes: FloatArray | None) -> None:
    """Write the order of a segment's word starts; titles of an item that is gone come last.

    `rows` int64 [t] is the row of each title, -1 for one gone; `volumes` as for `by_priority`.
    """
    order = whole_order(titles, rows, volumes)
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    np.save(path, ranks)


def read_order(path: Path, titles: TitleIndex) -> WordOrder:
    """Map the order of a segment's word starts. Raises BundleCorrupt unless it has them all."""
    ranks = map_array(path, np.int32, None)
    if len(ranks) != len(titles.words):
        raise BundleCorrupt(
            f"{path.name}: expected {len(titles.words)} ranks, one for each word of a title, found"
            f" {len(ranks)}"
        )
    check_range(path.name, ranks, 0, max(0, len(ranks) - 1))
    return WordOrder(ranks)


def write_labels(folder: Path, labels: Sequence[Label]) -> None:
    """Write the section's files."""
    table = {
        "label": pa.array([label.shown for label in labels], pa.large_string()),
        "kind": pa.array([KINDS.index(label.kind) for label in labels], pa.int64()),
        "count": pa.array([label.count for label in labels], pa.int64()),
    }
    arrays.write_arrow(folder / LABELS, pa.table(table))


def read_suggestions(folder: Path, *, n_items: int) -> Labels:
    """Read the section. Raises BundleCorrupt for values that cannot be."""
    path = folder / LABELS
    columns = arrays.read_arrow(path)
    texts = arrays.column_of(path, columns, "label", *arrays.TEXT)
    check_range(f"{LABELS}: number of labels", np.array([len(texts)]), 0, MAX_LABELS)
    lengths = arrays.values_of(pa.compute.utf8_length(texts))
    check_range(f"{LABELS}: length of a label", lengths, 1, MAX_LABEL_LENGTH)
    kinds = arrays.numpy_of(path, columns, "kind", pa.int64())
    check_range(f"{LABELS}: kind", kinds, 0, len(KINDS) - 1)
    counts = arrays.numpy_of(path, columns, "count", pa.int64())
    check_range(f"{LABELS}: count", counts, 1, n_items)
    rows = zip(texts.to_pylist(), kinds.tolist(), counts.tolist(), strict=True)
    labels = (Label(text, fold(text), KINDS[kind], count) for text, kind, count in rows)
    return Labels(tuple(labels))
