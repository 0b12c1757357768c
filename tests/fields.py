"""Fields of documents, as a word index is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from indexing.catalog.arrow_values import TEXTS


def lists(values: Sequence[Sequence[str]]) -> pa.Array:
    """A field that has these values of each row."""
    return pa.array([list(own) for own in values], TEXTS)


def one_each(values: Sequence[str]) -> pa.Array:
    """A field of one value a row."""
    return lists([[value] for value in values])
