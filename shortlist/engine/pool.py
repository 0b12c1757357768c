"""The candidates of one query, gathered from every lane, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import FloatArray, RowArray, Vectors
from shortlist.engine.features import FEATURES, POPULARITY, TEXT_SIMILARITY, Matches
from shortlist.engine.lanes.neighbour import Collaboration, collaborate, strongest
from shortlist.engine.lanes.semantic import Candidates
from shortlist.engine.lanes.title import TITLE_FEATURES, match_titles
from shortlist.engine.lanes.words import (
    WORD_FEATURES,
    AskedWords,
    ask_key_terms,
    ask_words,
    find_words,
    rows_saying_all,
    score_words,
)
from shortlist.engine.plan import Plan
from shortlist.engine.row_sets import RowSet, distinct, stand_in
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import places_in_order

SEMANTIC, TEXT, WORDS, TITLE = "semantic", "text", "words", "title"
NEIGHBOURS, POPULAR, MATCHES = "neighbours", "popular", "matches"
MANY = 1000
"""So many rows to leave out are a filter; fewer are fetched beside the wanted ones."""

_NO_FEATURES = np.empty((0, 0))


@dataclass(frozen=True)
class Pool:
    """A plan's candidates in retrieval order, those of other lanes behind them in rising row order.

    rows int64 [m], distinct; similarities float32 [m], true inner products, None where nothing was
    compared. The first `n_retrieved` are what semantic retrieval brought, best first, all of them
    `exact`ly the best or not for certain. `lanes` holds the rows (int64) that the other lanes
    brought, by lane, those of `popular` with the most ratings first, `matches` what only passes the
    filter; `matches` is what a lane says
    of items, `asked` are the words that are looked for, and `said` what the candidates say of them,
    float64 [m] by feature. `text_similarities` float32 [m] are
    those to a text beside a taste. Once ranked, `features` float64 [m, f] has a column a weight of
    the plan, and `order` (int64) indexes the rows, best first, down to the least score.
    """

    plan: Plan
    rows: RowArray
    similarities: Vectors | None
    n_retrieved: int = 0
    exact: bool = True
    lanes: Mapping[str, RowArray] = field(default_factory=dict)
    matches: Mapping[str, Matches] = field(default_factory=dict)
    collaboration: Collaboration | None = None
    asked: AskedWords | None = None
    said: Mapping[str, FloatArray] = field(default_factory=dict)
    text_similarities: Vectors | None = None
    features: FloatArray = field(default_factory=lambda: _NO_FEATURES)
    order: RowArray = field(default_factory=lambda: np.empty(0, np.int64))


def gather(snapshot: Snapshot, plan: Plan) -> Pool:
    """The candidates for a plan, from every lane that it asks."""
    if plan.vector is None:
        return _browse(snapshot, plan)
    retrieved = _retrieve(snapshot, plan.vector, plan)
    asked = _ask_words(snapshot, plan)
    lanes, matches, collaboration = _other_lanes(snapshot, plan, asked)
    rows, similarities = retrieved.rows, retrieved.scores
    brought = [of_lane for of_lane in lanes.values() if len(of_lane)]
    if brought and len(others := _others(np.concatenate(brought), rows)):
        rows = np.concatenate([rows, others])
        scored = snapshot.retriever.score(plan.vector, others)
        similarities = np.concatenate([similarities, scored])
    words, text_vector = snapshot.bundle.sections.words, plan.text_vector
    return Pool(
        plan,
        rows=rows,
        similarities=similarities,
        n_retrieved=len(retrieved.rows),
        exact=retrieved.exact,
        lanes=lanes,
        matches=matches,
        collaboration=collaboration,
        asked=asked,
        said={} if words is None or asked is None else score_words(words, asked, rows),
        text_similarities=None
        if text_vector is None
        else snapshot.retriever.score(text_vector, rows),
    )


def gathers_alike(one: Plan, other: Plan) -> bool:
    """Whether two plans of the same query have the same candidates, of which lanes say the same.

    What a taste's neighbours say is chosen by the weights themselves.
    """
    if one.taste is not None:
        return False
    return _asked_of_lanes(one) == _asked_of_lanes(other)


def _asked_of_lanes(plan: Plan) -> tuple[int | bool, ...]:
    weighed = (WORD_FEATURES, TITLE_FEATURES, (TEXT_SIMILARITY,))
    asked = (any(plan.weights.get(name) for name in names) for names in weighed)
    return (plan.n_candidates, plan.n_popular, plan.n_words, *asked)


def _others(brought: RowArray, rows: RowArray) -> RowArray:
    """What is brought beside these rows, int64, rising, each once."""
    every = distinct(brought)
    return every[~stand_in(every, np.sort(rows))]


def _ask_words(snapshot: Snapshot, plan: Plan) -> AskedWords | None:
    """The text as words, or the key terms of an item, where some of their features is weighed."""
    sections = snapshot.bundle.sections
    if sections.words is None or not any(plan.weights.get(name) for name in WORD_FEATURES):
        return None
    if plan.like is not None and sections.words.names_key_terms:
        return ask_key_terms(sections.words, plan.like)
    return ask_words(sections.words, plan.text)


def _mask(plan: Plan) -> npt.NDArray[np.bool_] | None:
    """Which rows may be candidates, bool [n]; None for all."""
    return in_scope(plan).mask if plan.among is not None or len(plan.left_out) else None


def in_scope(plan: Plan) -> RowSet:
    """Every row that may be a candidate."""
    return RowSet.every(plan.n_items).without(plan.left_out) if plan.among is None else plan.among


def _within(plan: Plan, rows: RowArray) -> RowArray:
    """Those of these rows that may be candidates, in the same order."""
    if not len(rows):
        return rows
    within = ~stand_in(rows, plan.left_out) if plan.among is None else plan.among.has(rows)
    return rows[within]


def _browse(snapshot: Snapshot, plan: Plan) -> Pool:
    """The first of the rows in scope in the order asked for, else by what they are ordered by.

    Ties in rising row order; nothing is compared.
    """
    bundle, rows = snapshot.bundle, in_scope(plan).rows
    own = (FEATURES[name].value(name, bundle, Pool(plan, rows, None)) for name in plan.weights)
    scores = next(own, np.zeros(len(rows)))
    if plan.min_score is not None:
        kept = scores >= plan.min_score
        rows, scores = rows[kept], scores[kept]
    places = places_in_order(bundle, plan.sort, rows, scores=scores, near=plan.near, n=plan.depth)
    best = rows[places]
    return Pool(plan, best, None, lanes={POPULAR if POPULARITY in plan.weights else MATCHES: best})


def _retrieve(snapshot: Snapshot, vector: Vectors, plan: Plan) -> Candidates:
    """The best of the rows in scope, as many as there are up to `n_candidates`."""
    n_left_out = len(plan.left_out)
    if plan.among is not None or n_left_out > MANY:
        return snapshot.retriever.retrieve_among(
            vector, plan.n_candidates, in_scope(plan), exact_up_to=snapshot.exact_up_to
        )
    found = snapshot.retriever.retrieve(vector, plan.n_candidates + n_left_out)
    return found.without(plan.left_out, plan.n_candidates) if n_left_out else found


def _other_lanes(
    snapshot: Snapshot, plan: Plan, asked: AskedWords | None
) -> tuple[dict[str, RowArray], dict[str, Matches], Collaboration | None]:
    """The rows in scope that each lane brings beside semantic retrieval, and what it says."""
    sections = snapshot.bundle.sections
    lanes: dict[str, RowArray] = {}
    matches: dict[str, Matches] = {}
    collaboration = None
    if plan.text_vector is not None and plan.weights.get(TEXT_SIMILARITY):
        lanes[TEXT] = _retrieve(snapshot, plan.text_vector, plan).rows
    if sections.words is not None and asked is not None and plan.n_words:
        lanes[WORDS] = find_words(sections.words, asked, plan.n_words, _mask(plan))
    weighed = any(plan.weights.get(name) for name in TITLE_FEATURES)
    if sections.titles is not None and plan.text and weighed:
        matches[TITLE] = match_titles(sections.titles, plan.text)
        lanes[TITLE] = _within(plan, matches[TITLE].rows)
    if plan.taste is not None:
        said, collaboration = collaborate(sections.neighbours, plan.taste, plan.weights)
        if said is not None:
            rows = _within(plan, said.rows)
            matches[NEIGHBOURS] = said
            lanes[NEIGHBOURS] = strongest(said, plan.n_neighbours, plan.weights, rows)
    if sections.features is not None and plan.n_popular:
        lanes[POPULAR] = _within(plan, sections.features.popular[: plan.n_popular])
    if plan.text_vector is not None and plan.taste is not None and asked is not None:
        _add_fitting(snapshot, plan, asked, lanes, matches.get(NEIGHBOURS))
    return lanes, matches, collaboration


def _add_fitting(
    snapshot: Snapshot,
    plan: Plan,
    asked: AskedWords,
    lanes: dict[str, RowArray],
    said: Matches | None,
) -> None:
    """Add to a taste's lanes what they would bring of the items that have all words of its text.

    Few of what a taste brings has a rare word, and of a common word the words lane knows only who
    says it most: those who have it and are liked by the same people, or by many, come from here.
    """
    sections = snapshot.bundle.sections
    assert sections.words is not None
    fitting = partial(rows_saying_all, sections.words, asked)
    if said is not None:
        rows = fitting(_within(plan, said.rows))
        also = strongest(said, plan.n_neighbours, plan.weights, rows)
        lanes[NEIGHBOURS] = np.union1d(lanes[NEIGHBOURS], also)
    if sections.features is not None:
        most_rated = fitting(_within(plan, sections.features.popular))[: plan.n_words]
        popular = lanes.get(POPULAR, most_rated[:0])
        lanes[POPULAR] = np.concatenate([popular, _others(most_rated, popular)])
