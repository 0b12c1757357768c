"""The candidates of one query, gathered from every lane, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray, Vectors
from shortlist.engine.beside import beside
from shortlist.engine.features import FEATURES, POPULARITY, TEXT_SIMILARITY, Matches
from shortlist.engine.lanes.asked import AskedWords, ask_key_terms, ask_words
from shortlist.engine.lanes.neighbour import Collaboration
from shortlist.engine.lanes.semantic import Candidates
from shortlist.engine.lanes.title import TITLE_FEATURES
from shortlist.engine.lanes.words import WORD_FEATURES, score_words
from shortlist.engine.other_lanes import MATCHES, POPULAR, ask_other_lanes
from shortlist.engine.plan import Plan
from shortlist.engine.retrieving import in_scope, nearest_of, retrieve
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import places_in_order

_NO_FEATURES = np.empty((0, 0))


@dataclass(frozen=True)
class Pool:
    """A plan's candidates in retrieval order, those of other lanes behind them in rising row order.

    rows int64 [m], distinct; similarities float32 [m], true inner products, None where nothing was
    compared. The first `n_retrieved` are what semantic retrieval brought, best first, all of them
    `exact`ly the best or not for certain. `lanes` holds the rows (int64) that the other lanes
    brought, by lane, those of `popular` with the most ratings first, `matches` what only passes the
    filter; `matches` is what a lane says
    of items, `nearest` what retrieval found beyond the candidates too, where facets are counted;
    `asked` are the words that are looked for, and `said` what the candidates say of them,
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
    nearest: Candidates | None = None
    asked: AskedWords | None = None
    said: Mapping[str, FloatArray] = field(default_factory=dict)
    text_similarities: Vectors | None = None
    features: FloatArray = field(default_factory=lambda: _NO_FEATURES)
    order: RowArray = field(default_factory=lambda: np.empty(0, np.int64))


def gather(snapshot: Snapshot, plan: Plan) -> Pool:
    """The candidates for a plan, from every lane that it asks.

    In a large catalogue the others are asked while the text is encoded, which they need not know.
    """
    if not plan.compares:
        return _browse(snapshot, plan)
    asked = _ask_words(snapshot, plan)
    others = beside(plan.n_items, partial(ask_other_lanes, snapshot, plan, asked))
    plan = plan.encoded()
    assert plan.vector is not None
    nearest = nearest_of(snapshot, plan.vector, plan)
    retrieved = (
        retrieve(snapshot, plan.vector, plan)
        if nearest is None
        else nearest.without(plan.left_out, plan.n_candidates)
    )
    brought = others()
    rows, similarities = retrieved.rows, retrieved.scores
    if len(also := brought.beside(rows)):
        rows = np.concatenate([rows, also])
        scored = snapshot.retriever.score(plan.vector, also)
        similarities = np.concatenate([similarities, scored])
    words, text_vector = snapshot.bundle.sections.words, plan.text_vector
    return Pool(
        plan,
        rows=rows,
        similarities=similarities,
        n_retrieved=len(retrieved.rows),
        exact=retrieved.exact,
        lanes=brought.lanes,
        matches=brought.matches,
        collaboration=brought.collaboration,
        nearest=nearest,
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


def _ask_words(snapshot: Snapshot, plan: Plan) -> AskedWords | None:
    """The text as words, or the key terms of an item, where some of their features is weighed."""
    sections = snapshot.bundle.sections
    if sections.words is None or not any(plan.weights.get(name) for name in WORD_FEATURES):
        return None
    if plan.like is not None and sections.words.names_key_terms:
        return ask_key_terms(sections.words, plan.like)
    return ask_words(sections.words, plan.text)


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
