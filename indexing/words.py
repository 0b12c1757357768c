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
from scipy import sparse

from indexing.catalog import Catalog
from indexing.catalog.events import tags_by_row
from indexing.catalog.tables import text_array
from indexing.documents import Corpus
from indexing.memory import give_back
from indexing.occurrences import Fields, Occurrences
from shortlist.bundle.arrays import Csr, RowArray
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import document_terms as terms_section
from shortlist.bundle.sections import word_index
from shortlist.bundle.sections.document_terms import DocumentTerms, write_document_terms
from shortlist.bundle.sections.word_index import (
    LAST_POSITION,
    MOST_COUNTED,
    Positions,
    WordIndex,
)
from shortlist.bundle.segments import described
from shortlist.bundle.tables import Categories


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


def document_terms(words: WordIndex, met: Occurrences) -> DocumentTerms:
    """The informing terms of every entry, and how each of them is written.

    The transpose of the lists of postings, made by counting in linear time.
    """
    counts = np.diff(words.postings.offsets)
    informing = np.repeat(met.informing(), counts)
    entries = words.rows[words.postings.indices[informing]]
    terms = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[informing]
    ones = np.ones(len(entries), np.int8)
    shape = (len(words), len(words.terms))
    of_entry = sparse.coo_array((ones, (entries, terms)), shape=shape).tocsr()
    of_entry.sort_indices()
    listed = np.flatnonzero(met.informing()).astype(np.int32)
    written = [text.strip(punctuation) or text for text in met.written(listed)]
    lists = Csr(of_entry.indptr.astype(np.int64), of_entry.indices.astype(np.int32))
    return DocumentTerms(lists, listed, pa.array(written, pa.string()))


def write_words(folder: Path, fields: Fields, *, n_rows: int, language: str) -> dict[str, Section]:
    """The sections of a segment from the words of its entries' fields, by their names."""
    met = Occurrences(fields, n_rows=n_rows, language=language)
    give_back()
    words = _inverted(met, language)
    word_index.write_words(folder, words)
    write_document_terms(folder, document_terms(words, met))
    del words, met
    give_back()
    return {module.SECTION: described(module) for module in (word_index, terms_section)}
