"""Items that say all of something: every word of a text, or words one behind the other."""

from __future__ import annotations

import numpy as np

from shortlist.bundle.all_words import AllWords, WordsPart
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.sections.word_index import Documents, WordIndex
from shortlist.engine.lanes.asked import AskedWords
from shortlist.engine.lanes.words import rows_saying_all
from shortlist.engine.row_sets import distinct


def rows_that_say_all(words: AllWords, asked: AskedWords) -> RowArray:
    """Every row whose document has every word that informs, int64, rising."""
    informing = set(asked.word_of[asked.informs].tolist())
    wanted = [np.flatnonzero(asked.word_of == word) for word in sorted(informing)]
    found = [np.empty(0, np.int64)]
    for part, terms in zip(words.parts, asked.terms, strict=True):
        having = [
            distinct(np.concatenate([_documents(part.index, int(one)) for one in terms[own]]))
            for own in wanted
        ]
        if having:
            found.append(_rows_of(part, min(having, key=len)))
    rows = np.sort(np.concatenate(found))
    return rows if len(asked.rarities) == 1 else rows_saying_all(words, asked, rows)


def _documents(index: WordIndex, place: int) -> Documents:
    documents: Documents = index.postings.indices[index.posted(place)]
    return documents


def _rows_of(part: WordsPart, documents: Documents) -> RowArray:
    """The rows of those of these documents that count, int64."""
    rows = part.rows[documents]
    return rows[rows >= 0].astype(np.int64)


def rows_with(words: AllWords, phrase: str) -> RowArray:
    """The rows whose documents have these words one behind the other in a field, int64, rising.

    A single compound is found as it is written and as one word. Raises nothing for words that no
    document has: no row has them.
    """
    parted = words.analyzer.words(phrase)
    stems = [stem for word in parted for stem in word.parts]
    found = []
    for part in words.parts:
        index = part.index
        documents = _in_order(index, index.places(stems))
        if len(parted) == 1 and parted[0].joined:
            (place,) = index.places([parted[0].joined]).tolist()
            documents = np.union1d(documents, index.postings.indices[index.posted(place)])
        found.append(_rows_of(part, documents))
    return np.sort(np.concatenate(found))


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
