"""Documents to the word index of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import punctuation
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from indexing.catalog import Catalog
from indexing.catalog.events import tags_by_row
from indexing.catalog.tables import text_array
from indexing.documents import Corpus
from indexing.memory import give_back
from indexing.occurrences import Fields, Occurrences
from shortlist.bundle.arrays import Csr, RowArray
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import described, key_terms, word_index
from shortlist.bundle.sections.key_terms import PER_ITEM, KeyTerms
from shortlist.bundle.sections.word_index import (
    LAST_POSITION,
    MOST_COUNTED,
    Documents,
    Positions,
    WordIndex,
)
from shortlist.bundle.tables import Categories

_BLOCK_POSTINGS = 1_000_000


def index_words(fields: Fields, rows: Sequence[int], *, language: str) -> WordIndex:
    """The word index of these rows' documents, numbered from 0 in their order."""
    n_rows = len(next(iter(fields.values())))
    if rows != range(n_rows):
        chosen = pa.array(rows, pa.int64())
        fields = {name: column.take(chosen) for name, column in fields.items()}
    return _inverted(Occurrences(fields, n_rows=len(rows), language=language), language)


def _inverted(met: Occurrences, language: str) -> WordIndex:
    rows_by_length = np.argsort(met.lengths, kind="stable")
    numbers = np.empty(len(rows_by_length), np.int32)
    numbers[rows_by_length] = np.arange(len(numbers))
    codes, terms, documents, places = met.sorted(rows_by_length)
    kind: Any = np.uint8 if met.ends.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    return WordIndex(
        terms=codes,
        **postings_of(terms, documents, places.astype(kind), n_terms=len(codes)),
        rows=rows_by_length.astype(np.int32),
        numbers=numbers,
        lengths=np.minimum(met.lengths[rows_by_length], LAST_POSITION).astype(np.uint16),
        starts={
            name: np.minimum(each[rows_by_length], LAST_POSITION).astype(kind)
            for name, each in met.starts.items()
        },
        language=language,
    )


def postings_of(
    terms: npt.NDArray[np.signedinteger],
    documents: npt.NDArray[np.signedinteger],
    places: Positions,
    *,
    n_terms: int,
) -> dict[str, Any]:
    """The postings of a word index, by the names that it has for them.

    From every occurrence: which of `n_terms` terms (integer [o]), in which document (integer [o]),
    at which position; sorted by these three.
    """
    begins = np.ones(len(terms), dtype=np.bool_)
    begins[1:] = (terms[1:] != terms[:-1]) | (documents[1:] != documents[:-1])
    offsets = np.searchsorted(terms[begins], np.arange(n_terms + 1))
    counts = _run_lengths(begins)
    return {
        "postings": Csr(offsets.astype(np.int64), documents[begins].astype(np.int32)),
        "counts": np.minimum(counts, MOST_COUNTED).astype(np.uint8),
        "first": places[begins],
        "repeated": np.repeat(np.arange(len(counts), dtype=np.int32), counts - 1),
        "repeats": places[~begins],
    }


def _run_lengths(begins: npt.NDArray[np.bool_]) -> npt.NDArray[np.signedinteger]:
    """How many places there are from each beginning to the next."""
    kind: Any = np.int32 if len(begins) <= np.iinfo(np.int32).max else np.int64
    first = np.arange(len(begins), dtype=kind)[begins]
    lengths = np.empty_like(first)
    np.subtract(first[1:], first[:-1], out=lengths[:-1])
    lengths[-1:] = len(begins) - first[-1:]
    return lengths


def word_fields(catalog: Catalog, corpus: Corpus) -> Fields:
    """The fields of a document: title, categories, tags, text columns, and what its template names.

    Values of a list, as categories and tags are, stay apart: no phrase reaches across them.
    """
    items, fields = catalog.items, {"title": _whole(catalog.items.titles)}
    if len(items.categories.names):
        fields["categories"] = _listed(items.categories)
    if catalog.tags is not None:
        fields["tags"] = tags_by_row(catalog.tags.table, catalog.n_items)
    roles = {"title", "categories", "tags"}
    for name in dict.fromkeys([*catalog.config.items.text, *corpus.template.fields]):
        if name not in roles:
            fields[name] = _whole(corpus.columns[name])
    return fields


def _whole(column: pd.Series) -> pa.Array:
    return _lists(np.arange(len(column) + 1), text_array(column))


def _listed(categories: Categories) -> pa.Array:
    names = pa.array(categories.names, pa.large_string())
    return _lists(categories.lists.offsets, names.take(pa.array(categories.lists.indices)))


def _lists(offsets: RowArray, values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values)


def find_key_terms(words: WordIndex, informing: np.ndarray) -> Documents:
    """Of each row the 8 rarest terms that another has too, int32 [n, 8], rarest first, else -1.

    `informing` bool [t] says which terms may be taken. The documents of the rarest terms are gone
    through first, so that a document that has its 8 is passed over from then on.
    """
    counts = np.diff(words.postings.offsets)
    shared = np.flatnonzero(informing & (counts > 1))
    shared = shared[np.argsort(counts[shared], kind="stable")]
    found: Documents = np.full((len(words), PER_ITEM), -1, np.int32)
    n_found = np.zeros(len(words), np.int64)
    blocks = np.cumsum(counts[shared]) // _BLOCK_POSTINGS
    for terms in np.split(shared, 1 + np.flatnonzero(np.diff(blocks))):
        lists = [words.postings.indices[words.posted(term)] for term in terms.tolist()]
        documents = np.concatenate([*lists, np.empty(0, np.int32)]).astype(np.int64)
        of_posting = np.repeat(terms, counts[terms])
        wanted = n_found[documents] < PER_ITEM
        documents, of_posting = documents[wanted], of_posting[wanted]
        order = np.argsort(documents, kind="stable")
        documents, of_posting = documents[order], of_posting[order]
        place = np.arange(len(documents)) - np.searchsorted(documents, documents)
        place += n_found[documents]
        inside = place < PER_ITEM
        found[documents[inside], place[inside]] = of_posting[inside]
        n_found += np.bincount(documents, minlength=len(words))
    return np.asarray(found[words.numbers])


def _named(of_row: Documents, met: Occurrences) -> KeyTerms:
    """Key terms, which `of_row` has as places in the word index, with how they are written."""
    terms = np.unique(of_row[of_row >= 0])
    written = [text.strip(punctuation) or text for text in met.written(terms)]
    places = np.where(of_row < 0, -1, np.searchsorted(terms, of_row)).astype(np.int32)
    return KeyTerms(places, terms.astype(np.int32), pa.array(written, pa.string()))


def write_words(folder: Path, catalog: Catalog, corpus: Corpus) -> dict[str, Section]:
    """The sections of a bundle from the words of its documents, by their names."""
    language = catalog.config.words.language
    fields = word_fields(catalog, corpus)
    met = Occurrences(fields, n_rows=catalog.n_items, language=language)
    del fields
    give_back()
    words = _inverted(met, language)
    word_index.write_words(folder, words)
    key_terms.write_key_terms(folder, _named(find_key_terms(words, met.informing()), met))
    del words, met
    give_back()
    return {name: described(name) for name in (word_index.SECTION, key_terms.SECTION)}
