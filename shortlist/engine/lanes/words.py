"""The words lane: items whose documents have the words of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shortlist.bundle.all_words import AllWords, WordsPart
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.sections.word_index import Documents, WordIndex
from shortlist.engine.lanes.asked import AskedWords
from shortlist.engine.row_sets import distinct

WORDS_FEATURE, COVERAGE, LABELS = "words", "coverage", "labels"
WORD_FEATURES = (WORDS_FEATURE, COVERAGE, LABELS)
"""How much the document says of a text's words, the share of those that inform that it has, and the
share that its categories and tags have."""

MOST_POSTED = 100_000
"""Postings that are read in full for one text, and as many again of words that are commoner."""

_LEAST_READ = 1000
_BLOCK = 1 << 16
_SPARE = 8


def find_words(
    words: AllWords, asked: AskedWords, n: int, allowed: npt.NDArray[np.bool_] | None
) -> RowArray:
    """The rows of the `n` documents that say most of the words that inform, int64, best first.

    Ties stand by row. `allowed` bool [rows] says which may be found, None for all. Looked at are
    all documents that have the rarest words, up to 100,000 postings in sum; of commoner words those
    that are shortest, in which a word weighs most, as many again in sum.
    """
    found = [
        _found_in(words, number, asked, n, allowed)
        for number in range(len(words.parts))
        if (asked.terms[number] >= 0).any()
    ]
    if not found:
        return np.empty(0, np.int64)
    rows, said = (np.concatenate(each) for each in zip(*found, strict=True))
    if len(found) == 1:
        return rows
    best: RowArray = rows[np.lexsort((rows, -said))[:n]]
    return best


def _found_in(
    words: AllWords,
    number: int,
    asked: AskedWords,
    n: int,
    allowed: npt.NDArray[np.bool_] | None,
) -> tuple[RowArray, npt.NDArray[Any]]:
    """As `find_words` in one part; and what the documents say, [m]."""
    part = words.parts[number]
    documents, sums, is_whole = _gathered(words, number, asked, allowed)
    # a document may stand among them once for each word
    most = n * len(asked.rarities) if is_whole else _SPARE * n
    if len(documents) > most:
        said = sums.take(documents)
        least = np.partition(said, len(said) - most)[len(said) - most]
        documents = documents[said >= least]  # ties as well: rows decide which of them stand
    chosen: Documents = distinct(documents).astype(np.int32)
    of_documents = part.rows[chosen]
    order = np.argsort(of_documents)
    rows, chosen = of_documents[order].astype(np.int64), chosen[order]
    scores = sums[chosen] if is_whole else _say_in(words, number, asked, chosen).said
    best = np.argsort(-scores, kind="stable")[:n]
    return rows[best], scores[best]


def _gathered(
    words: AllWords, number: int, asked: AskedWords, allowed: npt.NDArray[np.bool_] | None
) -> tuple[RowArray, npt.NDArray[np.float32], bool]:
    """Documents to choose from, int64, and what each of all says of the words, float32 [n].

    They say so as far as was read; and whether all was, which the postings of all parts decide.
    """
    part = words.parts[number]
    index, terms = part.index, asked.terms[number]
    informing = np.flatnonzero(asked.informs & asked.known)
    informing = informing[np.argsort(-asked.rarities[informing], kind="stable")]
    in_full = np.cumsum(asked.counts[informing]) <= MOST_POSTED
    n_common = int((~in_full).sum())
    sums = np.zeros(len(index), np.float32)
    found = [np.empty(0, np.int64)]
    for one, is_read in zip(informing.tolist(), in_full.tolist(), strict=True):
        span = index.posted(int(terms[one]))
        documents, counted = index.postings.indices[span], index.counts[span]
        most = len(documents) if is_read else max(_LEAST_READ, MOST_POSTED // n_common)
        if allowed is None and part.live is None:
            documents, counted = documents[:most], counted[:most]
        else:
            own = _first_allowed(part, documents, allowed, most)
            documents, counted = documents[own], counted[own]
        places = documents.astype(np.int64)  # else every look-up below would make its own
        said = counted.astype(np.float32)
        said /= said + words.norms_of_rising(part, places)
        said *= np.float32(asked.rarities[one])
        said += sums.take(places)
        sums[places] = said
        found.append(places)
    return np.concatenate(found), sums, not n_common


def _first_allowed(
    part: WordsPart, documents: Documents, allowed: npt.NDArray[np.bool_] | None, most: int
) -> RowArray:
    """Where the first of these documents stand that may be found, int64, `most` at most."""
    found, n_found = [np.empty(0, np.int64)], 0
    for begin in range(0, len(documents), _BLOCK):
        rows = part.rows.take(documents[begin : begin + _BLOCK])
        may_be = rows >= 0
        if allowed is not None:
            may_be &= allowed.take(rows)
        found.append(begin + np.flatnonzero(may_be))
        n_found += len(found[-1])
        if n_found >= most:
            break
    return np.concatenate(found)[:most]


@dataclass(frozen=True)
class _Sayings:
    """Of some documents: BM25 `said` float64 [m]; which have each stem, bool [s, m], and where.

    `postings` int64 [s, m] are those of each stem in each document, -1 for none.
    """

    said: FloatArray
    has: npt.NDArray[np.bool_]
    postings: RowArray


def _say_in(words: AllWords, number: int, asked: AskedWords, documents: Documents) -> _Sayings:
    """What documents [m] of a part say of the words; Σ rarity · count / (count + norm)."""
    part, terms = words.parts[number], asked.terms[number]
    index, norms = part.index, words.norms(part, documents).astype(np.float64)
    postings = np.full((len(terms), len(documents)), -1)
    said = np.zeros(len(documents))
    for one in np.flatnonzero(terms >= 0).tolist():
        postings[one] = index.postings_at(int(terms[one]), documents)
        having = np.flatnonzero(postings[one] >= 0)
        counts = index.counts[postings[one][having]].astype(np.float64)
        said[having] += asked.rarities[one] * counts / (counts + norms[having])
    return _Sayings(said, postings >= 0, postings)


def score_words(words: AllWords, asked: AskedWords, rows: RowArray) -> dict[str, FloatArray]:
    """What these documents (int64 [m]) say of the words: three features, float64 [m] in [0, 1].

    `words` is BM25, Σ rarity · count / (count + norm), divided by the sum of the rarities of all
    words of the text, so that it means the same whatever is asked: 1 would be a document that says
    every one of them without end. `coverage` is the share of the informing words that it has; it
    has the parts of a compound that it writes together. `labels` is the same of categories and
    tags alone: a film called True Romance is not for that one. Source: Robertson and Zaragoza 2009.
    """
    counted = ~asked.joins | asked.known
    most = float(asked.rarities[counted].sum()) or 1.0
    found = {name: np.zeros(len(rows)) for name in WORD_FEATURES}
    for number, part, own, documents in words.parted(rows):
        sayings = _say_in(words, number, asked, documents)
        labelled = _in_labels(part.index, sayings.postings, documents)
        found[WORDS_FEATURE][own] = sayings.said / most
        found[COVERAGE][own] = _coverage(asked, sayings.has)
        found[LABELS][own] = _coverage(asked, labelled)
    return found


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


def rows_saying_all(words: AllWords, asked: AskedWords, rows: RowArray) -> RowArray:
    """Those of these rows (int64) whose documents have every word that informs, in their order."""
    says = np.zeros(len(rows), np.bool_)
    for number, _, own, documents in words.parted(rows):
        says[own] = _coverage(asked, _say_in(words, number, asked, documents).has) == 1.0
    found: RowArray = rows[says]
    return found


def fields_with(words: AllWords, asked: AskedWords, rows: RowArray) -> list[dict[str, list[str]]]:
    """For each row (int64 [m]) the words of the text, as written, by the field that has them."""
    found: list[dict[str, list[str]]] = [{} for _ in rows]
    for number, part, own, documents in words.parted(rows):
        places = np.arange(len(rows))[own].tolist()
        of_part = _fields_in(part, asked, asked.terms[number], documents)
        for place, of_row in zip(places, of_part, strict=True):
            found[place] = of_row
    return found


def _fields_in(
    part: WordsPart, asked: AskedWords, terms: RowArray, documents: Documents
) -> list[dict[str, list[str]]]:
    index, names = part.index, list(part.index.starts)
    found: list[dict[str, list[str]]] = [{} for _ in documents]
    for one in np.flatnonzero((terms >= 0) & asked.informs).tolist():
        postings = index.postings_at(int(terms[one]), documents)
        having = np.flatnonzero(postings >= 0)
        which, positions = index.positions(postings[having])
        begins = np.stack([index.starts[name][documents[having]] for name in names])
        fields = (begins.astype(np.int64)[:, which] <= positions).sum(axis=0) - 1
        written = asked.words[int(asked.word_of[one])].written
        for place, field in sorted(set(zip(which.tolist(), fields.tolist(), strict=True))):
            written_in = found[having[place]].setdefault(names[field], [])
            if written not in written_in:
                written_in.append(written)
    return found
