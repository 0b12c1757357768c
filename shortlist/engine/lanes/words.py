"""The words lane: items whose documents have the words of a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.analysis import Word
from shortlist.bundle.arrays import FloatArray, RowArray, Vectors
from shortlist.bundle.sections.key_terms import KeyTerms
from shortlist.bundle.sections.word_index import Documents, WordIndex
from shortlist.engine.row_sets import distinct

WORDS_FEATURE, COVERAGE, LABELS = "words", "coverage", "labels"
WORD_FEATURES = (WORDS_FEATURE, COVERAGE, LABELS)
"""How much the document says of a text's words, the share of those that inform that it has, and the
share that its categories and tags have."""

MOST_WORDS = 64
"""Different words of a text that are looked up, its first."""

MOST_POSTED = 100_000
"""Postings that are read in full for one text, and as many again of words that are commoner."""

_LEAST_READ = 1000
_SPARE = 8


@dataclass(frozen=True)
class AskedWords:
    """A text as a word index is asked for it.

    `words` are distinct. Of every stem of every word, in order: `places` int64 [s] in the index's
    terms, -1 for one that it does not have; `rarities` float64 [s]; `word_of` int64 [s] the word;
    `informs` bool [s]; `joins` bool [s] says that it stands for all parts of its word together.
    """

    words: tuple[Word, ...]
    places: RowArray
    rarities: FloatArray
    word_of: RowArray
    informs: npt.NDArray[np.bool_]
    joins: npt.NDArray[np.bool_]


def ask_words(index: WordIndex, text: str) -> AskedWords:
    """The text as words; where none informs, all of them count as if they did."""
    analyzer = index.analyzer
    words = tuple({word.stems: word for word in reversed(analyzer.words(text))}.values())[::-1]
    words = words[:MOST_WORDS]
    stems = [stem for word in words for stem in word.stems]
    joins = np.array([last for word in words for last in _joining(word)], dtype=np.bool_)
    informs = np.array([analyzer.informs(stem) for stem in stems], dtype=np.bool_)
    if not informs.any():
        informs[:] = True
    places = index.places(stems)
    return AskedWords(
        words=words,
        places=places,
        rarities=index.rarities(places),
        word_of=np.repeat(np.arange(len(words)), [len(word.stems) for word in words]),
        informs=informs,
        joins=joins,
    )


def ask_key_terms(index: WordIndex, key_terms: KeyTerms, row: int) -> AskedWords:
    """The terms that tell the document of a row from others, asked for as a text's words are."""
    terms, written = key_terms.of(row)
    places = terms.astype(np.int64)
    return AskedWords(
        words=tuple(Word(one, ()) for one in written),
        places=places,
        rarities=index.rarities(places),
        word_of=np.arange(len(places)),
        informs=np.ones(len(places), dtype=np.bool_),
        joins=np.zeros(len(places), dtype=np.bool_),
    )


def _joining(word: Word) -> Iterator[bool]:
    yield from (False for _ in word.parts)
    if word.joined:
        yield True


def find_words(
    index: WordIndex, asked: AskedWords, n: int, allowed: npt.NDArray[np.bool_] | None
) -> RowArray:
    """The rows of the `n` documents that say most of the words that inform, int64, best first.

    Ties stand by row. `allowed` bool [rows] says which may be found, None for all. Looked at are
    all documents that have the rarest words, up to 100,000 postings in sum; of commoner words those
    that are shortest, in which a word weighs most, as many again in sum.
    """
    documents, sums, is_whole = _gathered(
        index, asked, None if allowed is None else allowed[index.rows]
    )
    # a document may stand among them once for each word
    most = n * len(asked.places) if is_whole else _SPARE * n
    if len(documents) > most:
        said = sums[documents]
        least = np.partition(said, len(said) - most)[len(said) - most]
        documents = documents[said >= least]  # ties as well: rows decide which of them stand
    rows = np.sort(index.rows[distinct(documents)]).astype(np.int64)
    scores = sums[index.numbers[rows]] if is_whole else _say(index, asked, rows).said
    return rows[np.argsort(-scores, kind="stable")[:n]]


def _gathered(
    index: WordIndex, asked: AskedWords, allowed: npt.NDArray[np.bool_] | None
) -> tuple[Documents, Vectors, bool]:
    """Documents to choose from, what all of them say of the words, float32 [n], as far as read.

    And whether all was read.
    """
    informing = np.flatnonzero(asked.informs & (asked.places >= 0))
    informing = informing[np.argsort(-asked.rarities[informing], kind="stable")]
    counts = index.postings.counts(asked.places[informing])
    in_full = np.cumsum(counts) <= MOST_POSTED
    n_common = int((~in_full).sum())
    sums = np.zeros(len(index), np.float32)
    found = [np.empty(0, np.int32)]
    for one, is_read in zip(informing.tolist(), in_full.tolist(), strict=True):
        span = index.posted(int(asked.places[one]))
        documents, counted = index.postings.indices[span], index.counts[span]
        if allowed is not None:
            inside = np.flatnonzero(allowed[documents])
            documents, counted = documents[inside], counted[inside]
        if not is_read:
            most = max(_LEAST_READ, MOST_POSTED // n_common)
            documents, counted = documents[:most], counted[:most]
        said = counted.astype(np.float32)
        said /= said + index.norms(documents)
        sums[documents] += np.float32(asked.rarities[one]) * said
        found.append(documents)
    return np.concatenate(found), sums, not n_common


@dataclass(frozen=True)
class _Sayings:
    """Of some documents: BM25 `said` float64 [m]; which have each stem, bool [s, m], and where.

    `postings` int64 [s, m] are those of each stem in each document, -1 for none.
    """

    said: FloatArray
    has: npt.NDArray[np.bool_]
    postings: RowArray


def _say(index: WordIndex, asked: AskedWords, rows: RowArray) -> _Sayings:
    """What these documents (int64 [m]) say of the words; Σ rarity · count / (count + norm)."""
    documents = index.numbers[rows]
    norms = index.norms(documents).astype(np.float64)
    postings = np.full((len(asked.places), len(rows)), -1)
    said = np.zeros(len(rows))
    for one in np.flatnonzero(asked.places >= 0).tolist():
        postings[one] = index.postings_at(int(asked.places[one]), documents)
        having = np.flatnonzero(postings[one] >= 0)
        counts = index.counts[postings[one][having]].astype(np.float64)
        said[having] += asked.rarities[one] * counts / (counts + norms[having])
    return _Sayings(said, postings >= 0, postings)


def score_words(index: WordIndex, asked: AskedWords, rows: RowArray) -> dict[str, FloatArray]:
    """What these documents (int64 [m]) say of the words: three features, float64 [m] in [0, 1].

    `words` is BM25, Σ rarity · count / (count + norm), divided by the sum of the rarities of all
    words of the text, so that it means the same whatever is asked: 1 would be a document that says
    every one of them without end. `coverage` is the share of the informing words that it has; it
    has the parts of a compound that it writes together. `labels` is the same of categories and
    tags alone: a film called True Romance is not for that one. Source: Robertson and Zaragoza 2009.
    """
    sayings = _say(index, asked, rows)
    labelled = _in_labels(index, sayings.postings, index.numbers[rows])
    counted = ~asked.joins | (asked.places >= 0)
    most = float(asked.rarities[counted].sum())
    return {
        WORDS_FEATURE: sayings.said / most if most else sayings.said,
        COVERAGE: _coverage(asked, sayings.has),
        LABELS: _coverage(asked, labelled),
    }


def _in_labels(index: WordIndex, postings: RowArray, documents: Documents) -> npt.NDArray[np.bool_]:
    """Which of these postings (-1 for none) stand in a category or tag, bool [s, m].

    [s, m] of m documents; where a word stands first decides for most of them.
    """
    found = np.zeros(postings.shape, dtype=np.bool_)
    if index.labels is None:
        return found
    begins, ends = (None if each is None else each[documents] for each in index.labels)
    assert begins is not None

    def inside(positions: npt.NDArray[Any], columns: RowArray) -> npt.NDArray[np.bool_]:
        within: npt.NDArray[np.bool_] = positions >= begins[columns]
        return within if ends is None else within & (positions < ends[columns])

    stems, columns = np.nonzero(postings >= 0)
    having = postings[stems, columns]
    found[stems, columns] = inside(index.first[having], columns)
    open_ = np.flatnonzero(~found[stems, columns] & (index.counts[having] > 1))
    if len(open_):
        which, positions = index.positions(having[open_])
        here = open_[which[inside(positions, columns[open_][which])]]
        found[stems[here], columns[here]] = True
    return found


def _coverage(asked: AskedWords, has: npt.NDArray[np.bool_]) -> FloatArray:
    for together in np.flatnonzero(asked.joins).tolist():
        has[asked.word_of == asked.word_of[together]] |= has[together]
    wanted = has[asked.informs & ~asked.joins]
    share: FloatArray = wanted.sum(axis=0) / len(wanted) if len(wanted) else np.zeros(has.shape[1])
    return share


def rows_saying_all(index: WordIndex, asked: AskedWords, rows: RowArray) -> RowArray:
    """Those of these rows (int64) whose documents have every word that informs, in their order."""
    found: RowArray = rows[_coverage(asked, _say(index, asked, rows).has) == 1.0]
    return found


def fields_with(index: WordIndex, asked: AskedWords, rows: RowArray) -> list[dict[str, list[str]]]:
    """For each row (int64 [m]) the words of the text, as written, by the field that has them."""
    wanted = index.numbers[rows]
    names = list(index.starts)
    found: list[dict[str, list[str]]] = [{} for _ in rows]
    for one in np.flatnonzero((asked.places >= 0) & asked.informs).tolist():
        postings = index.postings_at(int(asked.places[one]), wanted)
        having = np.flatnonzero(postings >= 0)
        which, positions = index.positions(postings[having])
        begins = np.stack([index.starts[name][wanted[having]] for name in names]).astype(np.int64)
        fields = (begins[:, which] <= positions).sum(axis=0) - 1
        written = asked.words[int(asked.word_of[one])].written
        for place, field in sorted(set(zip(which.tolist(), fields.tolist(), strict=True))):
            words = found[having[place]].setdefault(names[field], [])
            if written not in words:
                words.append(written)
    return found
