"""Fields of documents, as a word index is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from indexing.catalog.arrow_values import TEXTS
from shortlist.bundle.all_words import AllWords, part_of
from shortlist.bundle.places import Places
from shortlist.bundle.sections.word_index import WordIndex


def lists(values: Sequence[Sequence[str]]) -> pa.Array:
    """A field that has these values of each row."""
    return pa.array([list(own) for own in values], TEXTS)


def one_each(values: Sequence[str]) -> pa.Array:
    """A field of one value a row."""
    return lists([[value] for value in values])


def in_order(index: WordIndex) -> AllWords:
    """The words of one segment whose entries are the rows in their order."""
    return AllWords((part_of(index),), Places())
