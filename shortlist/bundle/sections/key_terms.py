"""The key terms section: the rarest words that each item's document shares with others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle import arrays
from shortlist.bundle.arrays import map_array
from shortlist.bundle.rules import check_range

SECTION, VERSION = "key_terms", 1
TERMS, WRITTEN = "key_terms.npy", "key_terms.arrow"
FILES = (TERMS, WRITTEN)

PER_ITEM = 8


@dataclass(frozen=True)
class KeyTerms:
    """The words to look for when something like an item is wanted.

    `of_row` int32 [n, 8] are the terms of each item, rarest first, -1 behind the last, as places in
    `terms` int32 [t], which has their places in the terms of the word index; `written` is how each
    is written in some document. No word that only one document has is among them.
    """

    of_row: npt.NDArray[np.int32]
    terms: npt.NDArray[np.int32]
    written: pa.StringArray

    def of(self, row: int) -> tuple[npt.NDArray[np.int32], list[str]]:
        """The terms of an item, rarest first, in the word index, and how they are written."""
        own = self.of_row[row]
        own = own[own >= 0]
        return self.terms[own], self.written.take(pa.array(own)).to_pylist()


def write_key_terms(folder: Path, key_terms: KeyTerms) -> None:
    """Write the section's files."""
    np.save(folder / TERMS, key_terms.of_row)
    columns = {"term": pa.array(key_terms.terms), "written": key_terms.written}
    arrays.write_arrow(folder / WRITTEN, pa.table(columns))


def read_key_terms(folder: Path, *, n_items: int) -> KeyTerms:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the bundle."""
    path = folder / WRITTEN
    columns = arrays.read_arrow(path)
    terms = arrays.numpy_of(path, columns, "term", pa.int32())
    written = arrays.column_of(path, columns, "written", pa.string())
    of_row = map_array(folder / TERMS, np.int32, n_items, PER_ITEM)
    check_range(TERMS, of_row.reshape(-1), -1, len(terms) - 1)
    return KeyTerms(of_row, terms, written)
