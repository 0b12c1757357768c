"""Documents to the word index of a bundle."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from string import punctuation
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from indexing.catalog import Catalog
from indexing.documents import Corpus
from shortlist.bundle.analysis import Word, analyzer, code_of
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

Fields = Mapping[str, Callable[[int], Sequence[str]]]
"""By the name of a field what gives its values in a row."""

_BLOCK_POSTINGS = 1_000_000


class _Occurrences:
    """Every word of every document as it is met: its number, its row, its position."""

    def __init__(self, n_items: int, language: str) -> None:
        self._analyzer = analyzer(language)
        self._number_of: dict[str, int] = {}
        self._written: list[str] = []
        self._numbers, self._rows, self._places = array("i"), array("i"), array("H")
        self.lengths = np.zeros(n_items, np.int64)
        self.ends = np.zeros(n_items, np.int64)

    def add(self, row: int, values: Sequence[str]) -> None:
        """A field of an item behind those it has already, its values one position apart."""
        position = int(self.ends[row])
        for value in values:
            begin = position
            for word in self._analyzer.words(value):
                self._put(row, position, word)
                position += len(word.parts)
            self.lengths[row] += position - begin
            position += 1
        self.ends[row] = position

    def _put(self, row: int, position: int, word: Word) -> None:
        places = [*range(position, position + len(word.parts)), position]
        for stem, place in zip(word.stems, places, strict=False):
            number = self._number_of.setdefault(stem, len(self._number_of))
            if number == len(self._written):
                self._written.append(word.written)
            self._numbers.append(number)
            self._rows.append(row)
            self._places.append(min(place, LAST_POSITION))

    def sorted(self, numbers: RowArray) -> tuple[np.ndarray, RowArray, RowArray, RowArray]:
        """The stems' codes, rising; of every occurrence the place of its code, document, position.

        Occurrences of a stem stand together, by document and position; `numbers` int64 [n] has the
        document of each row.
        """
        codes, order = self._codes
        place_of = np.empty(len(codes), np.int64)
        place_of[order] = np.arange(len(codes))
        terms = place_of[np.frombuffer(self._numbers, np.int32)]
        documents = numbers[np.frombuffer(self._rows, np.int32)]
        places = np.frombuffer(self._places, np.uint16).astype(np.int64)
        met = np.lexsort((places, documents, terms))
        return codes[order], terms[met], documents[met], places[met]

    @cached_property
    def _codes(self) -> tuple[np.ndarray, RowArray]:
        """Each stem's code, and the order in which they rise."""
        codes = np.array([code_of(stem) for stem in self._number_of], dtype=np.uint64)
        return codes, np.argsort(codes)

    def informing(self) -> np.ndarray:
        """Of every stem, in the order of their codes, whether it is no stop word, bool."""
        informs = [self._analyzer.informs(stem) for stem in self._number_of]
        return np.array(informs, dtype=np.bool_)[self._codes[1]]

    def written(self, places: Documents) -> list[str]:
        """How stems, by their place in the order of codes, are written where they are met first."""
        return [self._written[number] for number in self._codes[1][places].tolist()]


def index_words(fields: Fields, rows: Sequence[int], *, language: str) -> WordIndex:
    """The word index of these rows' documents, numbered from 0 in their order."""
    return _inverted(*_read(fields, rows, language), language)


def _read(
    fields: Fields, rows: Sequence[int], language: str
) -> tuple[_Occurrences, dict[str, RowArray]]:
    """Every word of these rows' documents, and where each field begins in them."""
    met, starts = _Occurrences(len(rows), language), {}
    for name, values_of in fields.items():
        starts[name] = met.ends.copy()
        for number, row in enumerate(rows):
            met.add(number, values_of(row))
    return met, starts


def _inverted(met: _Occurrences, starts: Mapping[str, RowArray], language: str) -> WordIndex:
    rows_by_length = np.argsort(met.lengths, kind="stable")
    numbers = np.empty_like(rows_by_length)
    numbers[rows_by_length] = np.arange(len(numbers))
    codes, terms, documents, places = met.sorted(numbers)
    kind: Any = np.uint8 if met.ends.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    return WordIndex(
        terms=codes,
        **postings_of(terms, documents, places.astype(kind), n_terms=len(codes)),
        rows=rows_by_length.astype(np.int32),
        numbers=numbers.astype(np.int32),
        lengths=np.minimum(met.lengths[rows_by_length], LAST_POSITION).astype(np.uint16),
        starts={
            name: np.minimum(each[rows_by_length], LAST_POSITION).astype(kind)
            for name, each in starts.items()
        },
        language=language,
    )


def postings_of(
    terms: RowArray, documents: RowArray, places: Positions, *, n_terms: int
) -> dict[str, Any]:
    """The postings of a word index, by the names that it has for them.

    From every occurrence: which of `n_terms` terms (int64 [o]), in which document (int64 [o]), at
    which position; sorted by these three.
    """
    begins = np.ones(len(terms), dtype=np.bool_)
    begins[1:] = (terms[1:] != terms[:-1]) | (documents[1:] != documents[:-1])
    posting_of = np.cumsum(begins) - 1
    offsets = np.searchsorted(terms[begins], np.arange(n_terms + 1))
    return {
        "postings": Csr(offsets.astype(np.int64), documents[begins].astype(np.int32)),
        "counts": np.minimum(np.bincount(posting_of), MOST_COUNTED).astype(np.uint8),
        "first": places[begins],
        "repeated": posting_of[~begins].astype(np.int32),
        "repeats": places[~begins],
    }


def word_fields(catalog: Catalog, corpus: Corpus) -> Fields:
    """The fields of a document: title, categories, tags, text columns, and what its template names.

    Values of a list, as categories and tags are, stay apart: no phrase reaches across them.
    """
    items, fields = catalog.items, {"title": _whole(catalog.items.titles)}
    if len(items.categories.names):
        fields["categories"] = partial(_listed, items.categories)
    if catalog.tags is not None:
        fields["tags"] = tags_by_row(catalog.tags.table)
    roles = {"title", "categories", "tags"}
    for name in dict.fromkeys([*catalog.config.items.text, *corpus.template.fields]):
        if name not in roles:
            fields[name] = _whole(corpus.columns[name])
    return fields


def _whole(column: pd.Series) -> Callable[[int], Sequence[str]]:
    texts = column.tolist()
    return lambda row: (texts[row],)


def _listed(categories: Categories, row: int) -> Sequence[str]:
    return [categories.names[code] for code in categories.lists.of(row).tolist()]


def tags_by_row(tags: pd.DataFrame) -> Callable[[int], Sequence[str]]:
    """What gives the tags of a row, in file order, from a table with the columns row and tag."""
    ordered = tags.iloc[np.argsort(tags["row"].to_numpy(), kind="stable")]
    texts, rows = ordered["tag"].tolist(), ordered["row"].to_numpy(np.int64)

    def of(row: int) -> Sequence[str]:
        begin, end = np.searchsorted(rows, [row, row + 1]).tolist()
        return texts[begin:end]

    return of


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


def _named(of_row: Documents, met: _Occurrences) -> KeyTerms:
    """Key terms, which `of_row` has as places in the word index, with how they are written."""
    terms = np.unique(of_row[of_row >= 0])
    written = [text.strip(punctuation) or text for text in met.written(terms)]
    places = np.where(of_row < 0, -1, np.searchsorted(terms, of_row)).astype(np.int32)
    return KeyTerms(places, terms.astype(np.int32), pa.array(written, pa.string()))


def write_words(folder: Path, catalog: Catalog, corpus: Corpus) -> dict[str, Section]:
    """The sections of a bundle from the words of its documents, by their names."""
    language, rows = catalog.config.words.language, range(catalog.n_items)
    met, starts = _read(word_fields(catalog, corpus), rows, language)
    words = _inverted(met, starts, language)
    word_index.write_words(folder, words)
    key_terms.write_key_terms(folder, _named(find_key_terms(words, met.informing()), met))
    return {name: described(name) for name in (word_index.SECTION, key_terms.SECTION)}
