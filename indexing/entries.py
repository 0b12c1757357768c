"""What segments hold of items: their documents, their words by field, their titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute

from indexing.catalog import Catalog
from indexing.catalog.arrow_values import TEXTS, joined
from indexing.catalog.tables import text_array
from indexing.documents import HASH_DTYPE, Corpus, HashArray, hash_documents
from indexing.occurrences import Fields
from indexing.words import word_fields
from shortlist.bundle.arrays import RowArray

_BETWEEN_VALUES, _BETWEEN_FIELDS = "\x1e", "\x1f"
"""Words are parted at these two as at blanks, so that no text is changed by what joins it."""

BATCH_ROWS = 65_536
"""Documents held in memory at once; sorting by length within it is what packing needs."""


@dataclass(frozen=True)
class Entries:
    """What becomes of a catalogue's items in segments, in row order.

    `alternatives` are each item's other titles, None for a catalogue that names none.
    """

    corpus: Corpus
    fields: Fields
    titles: pa.Array
    alternatives: Sequence[Sequence[str]] | None

    def __len__(self) -> int:
        return len(self.titles)

    def of(self, rows: RowArray) -> Entries:
        """Those of some rows (int64 [m]), in their order."""
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(self))):
            return self
        chosen, others = pa.array(rows), self.alternatives
        return Entries(
            corpus=self.corpus.of(rows),
            fields={name: column.take(chosen) for name, column in self.fields.items()},
            titles=self.titles.take(chosen),
            alternatives=None if others is None else [others[row] for row in rows.tolist()],
        )

    def documents(self) -> Iterator[list[str]]:
        """The documents, some at a time."""
        return self.corpus.documents(batch_rows=BATCH_ROWS)

    def contents(self) -> HashArray:
        """The hash of all that a segment has of each item, S16 [n]: equal ones are interchangeable.

        Raises nothing for items that differ in what segments do not hold.
        """
        columns = dict(self.fields)
        if self.alternatives is not None:
            columns["alternative titles"] = pa.array(self.alternatives, TEXTS)
        hashes = [np.empty(0, HASH_DTYPE)]
        begin = 0
        for documents in self.documents():
            part = slice(begin, begin + len(documents))
            parts = [
                joined(column[part.start : part.stop], _BETWEEN_VALUES)
                for column in columns.values()
            ]
            whole = pa.array(documents, pa.large_string())
            between = pa.scalar(_BETWEEN_FIELDS, pa.large_string())
            texts = pa.compute.binary_join_element_wise(whole, *parts, between)
            hashes.append(hash_documents(texts.to_pylist()))
            begin += len(documents)
        return np.concatenate(hashes)


def entries_of(catalog: Catalog, corpus: Corpus) -> Entries:
    """What segments hold of this catalogue's items."""
    items = catalog.items
    return Entries(
        corpus, word_fields(catalog, corpus), text_array(items.titles), items.alternatives
    )
