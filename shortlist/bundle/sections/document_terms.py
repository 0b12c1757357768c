"""The document terms of a segment: the words of each entry, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle import arrays
from shortlist.bundle.arrays import Csr, map_array
from shortlist.bundle.rules import check_range, check_rising
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "document_terms", 1
OFFSETS, TERMS = f"{SECTION}/offsets.npy", f"{SECTION}/terms.npy"
WRITTEN = f"{SECTION}/written.arrow"
FILES = (OFFSETS, TERMS, WRITTEN)


@dataclass(frozen=True)
class DocumentTerms:
    """The word index turned round, without words that inform nobody.

    `of_entry` lists the terms of each entry as places in the terms of the segment's word index;
    `terms` int32 [t], rising, are all that are listed, and `written` is how each stands in one of
    the documents.
    """

    of_entry: Csr
    terms: npt.NDArray[np.int32]
    written: pa.StringArray

    def names(self, terms: npt.NDArray[np.int32]) -> list[str]:
        """How these terms (places in the word index, [m]) are written."""
        places = pa.array(np.searchsorted(self.terms, terms))
        names: list[str] = self.written.take(places).to_pylist()
        return names


def write_document_terms(folder: Path, found: DocumentTerms) -> None:
    """Write the section's files."""
    (folder / SECTION).mkdir()
    np.save(folder / OFFSETS, found.of_entry.offsets)
    np.save(folder / TERMS, found.of_entry.indices)
    columns = {"term": pa.array(found.terms), "written": found.written}
    arrays.write_arrow(folder / WRITTEN, pa.table(columns))


def read_document_terms(folder: Path, *, n_items: int) -> DocumentTerms:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the segment."""
    path = folder / WRITTEN
    columns = arrays.read_arrow(path)
    terms = arrays.numpy_of(path, columns, "term", pa.int32())
    check_range(f"{WRITTEN}: term", terms, 0, np.iinfo(np.int32).max)
    check_rising(f"{WRITTEN}: term", terms, strictly=True)
    of_entry = Csr(
        map_array(folder / OFFSETS, np.int64, None), map_array(folder / TERMS, np.int32, None)
    )
    of_entry.check(TERMS, n_rows=n_items, n_indices=int(terms[-1]) + 1 if len(terms) else 0)
    named = np.zeros(int(terms[-1]) + 1 if len(terms) else 0, np.bool_)
    named[terms] = True
    if not named[of_entry.indices].all():
        raise BundleCorrupt(f"{TERMS}: a term that {WRITTEN} does not have")
    return DocumentTerms(of_entry, terms, arrays.column_of(path, columns, "written", pa.string()))
