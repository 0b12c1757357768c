"""Items that say all of something: every word of a text, or words one behind the other."""

from __future__ import annotations

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.bundle.sections.word_index import Documents, WordIndex
from shortlist.engine.lanes.words import AskedWords, rows_saying_all
from shortlist.engine.row_sets import distinct


def rows_that_say_all(index: WordIndex, asked: AskedWords) -> RowArray:
    """Every row whose document has every word that informs, int64, rising."""
    informing = set(asked.word_of[asked.informs].tolist())
    having = [
        distinct(np.concatenate([_documents(index, int(place)) for place in asked.places[own]]))
        for own in (np.flatnonzero(asked.word_of == word) for word in sorted(informing))
    ]
    if not having:
        return np.empty(0, np.int64)
    rows = np.sort(index.rows[min(having, key=len)]).astype(np.int64)
    return rows if len(asked.places) == 1 else rows_saying_all(index, asked, rows)


def _documents(index: WordIndex, place: int) -> Documents:
    documents: Documents = index.postings.indices[index.posted(place)]
    return documents


def rows_with(index: WordIndex, phrase: str) -> RowArray:
    """The rows whose documents have these words one behind the other in a field, int64, rising.

    A single compound is found as it is written and as one word. Raises nothing for words that no
    document has: no row has them.
    """
    words = index.analyzer.words(phrase)
    parts = [part for word in words for part in word.parts]
    documents = _in_order(index, index.places(parts))
    if len(words) == 1 and words[0].joined:
        (place,) = index.places([words[0].joined]).tolist()
        documents = np.union1d(documents, index.postings.indices[index.posted(place)])
    return np.sort(index.rows[documents]).astype(np.int64)


def _in_order(index: WordIndex, places: RowArray) -> Documents:
    """The documents that have all these terms one behind the other."""
    if not len(places) or (places < 0).any():
        return np.empty(0, np.int32)
    rarest = int(np.argmin(index.postings.counts(places)))
    documents = index.postings.indices[index.posted(int(places[rarest]))]
    for place in np.unique(places).tolist():
        documents = documents[index.postings_at(place, documents) >= 0]
    if len(places) == 1 or not len(documents):
        return documents
    begins = np.empty(0, np.int64)
    standing = {
        place: index.positions(index.postings_at(place, documents))
        for place in set(places.tolist())
    }
    for offset, place in enumerate(places.tolist()):
        which, positions = standing[place]
        here = _keys(which, positions - offset)
        begins = here if offset == 0 else np.intersect1d(begins, here)
        if not len(begins):
            break
    chosen: RowArray = distinct(begins >> _KEY_BITS)
    return documents[chosen]


_KEY_BITS = 18


def _keys(which: RowArray, positions: RowArray) -> RowArray:
    """One number for a document and a position in it, which may lie before its beginning."""
    return (which << _KEY_BITS) | (positions + (1 << (_KEY_BITS - 1)))
