"""Which items of the catalogue are about a query, whether they are shown or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.engine.facets import (
    AboutQuery,
    Counted,
    Facets,
    check_facets,
    count_facets,
    count_one,
    size_of,
    some_of,
)
from shortlist.engine.goodness import TOP
from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.phrases import rows_that_say_all
from shortlist.engine.lanes.semantic import Candidates
from shortlist.engine.plan import WHOLE_UP_TO, Plan
from shortlist.engine.pool import Pool
from shortlist.engine.query import MAX_CANDIDATES
from shortlist.engine.retrieving import in_scope
from shortlist.engine.row_sets import RowSet
from shortlist.engine.snapshot import Snapshot

SHARE = 0.7
"""How far from a random pair's similarity towards that of the ten best an item must be.

Of 0.5 to 0.8 what finds the carriers of tags best by similarity alone, on MovieLens and the sample
(F1 0.29 and 0.56; as many as carry it by the median)."""

_FIRST = 150
"""So many nearest are enough for most queries: a fifth of the time that a thousand take."""

_BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class About:
    """The rows (int64, rising) that are about a query whatever the filter, and how that is said."""

    rows: RowArray
    said: AboutQuery


def counted(
    snapshot: Snapshot, pool: Pool, facets: tuple[str, ...], *, no_good_match: bool | None
) -> tuple[Facets | None, int | None]:
    """What is counted, and how many items that pass the filter are about the query."""
    if not facets:
        return None, None
    check_facets(snapshot.bundle, facets)  # before a name picks a part of the filter
    plan, found = pool.plan, about(snapshot, pool, no_good_match=no_good_match)
    if found is None and plan.passing is None and len(plan.left_out) == len(snapshot.blocked_rows):
        return some_of(snapshot.facets, facets), None

    if found is None:
        return count_facets(snapshot.bundle, facets, partial(_of_passing, snapshot, plan)), None

    def among(facet: str | None) -> RowSet:
        every = in_scope(plan) if plan.passing is None else plan.passing.row_set(without=facet)
        return RowSet.of_rows(found.rows[every.has(found.rows)], plan.n_items)

    whole = among(None)
    own = () if plan.passing is None else plan.passing.parts
    scope = {facet: among(facet) if facet in own else whole for facet in facets}

    def count(facet: str) -> Counted:
        return count_one(snapshot.bundle, facet, scope[facet], snapshot.kept)

    return count_facets(snapshot.bundle, facets, count, about=found.said), len(whole)


def _of_passing(snapshot: Snapshot, plan: Plan, facet: str) -> Counted:
    """One facet over what passes the filter, kept for the next page and the next list."""
    passing, kept = plan.passing, snapshot.kept
    if passing is None:
        return count_one(snapshot.bundle, facet, in_scope(plan), kept)

    def count() -> Counted:
        return count_one(snapshot.bundle, facet, passing.row_set(without=facet), kept)

    if len(plan.left_out) > len(snapshot.blocked_rows):
        return count()
    return kept.get(("facet", facet, passing.digest), count, size_of)


def about(snapshot: Snapshot, pool: Pool, *, no_good_match: bool | None) -> About | None:
    """What is about the text of a query; None where there is none, or no calibration.

    As similar to the text as a share of what lies between a random pair and its ten best, or with
    all of its words that inform. Where nothing is a good match only the words count. In a large
    catalogue the similar ones are looked for among the thousand nearest, or fewer if those do.
    """
    plan, calibration = pool.plan, snapshot.bundle.sections.calibration
    vector = plan.vector if plan.text_vector is None else plan.text_vector
    if vector is None or not plan.text.strip() or calibration is None:
        return None
    rows, similarities, exact, floor = _nearest(snapshot, vector, pool.nearest, calibration.mean)
    is_whole = len(rows) == snapshot.bundle.n_items
    near = rows[similarities >= floor] if not no_good_match else rows[:0]
    words = snapshot.bundle.sections.words
    if words is not None:
        saying = rows_that_say_all(words, ask_words(words, plan.text))
        near = np.union1d(near, saying).astype(np.int64)
    exact = is_whole or (exact and bool(similarities.min() < floor))
    return About(np.sort(near), AboutQuery(round(floor, 6), len(near), exact))


def _nearest(
    snapshot: Snapshot, vector: Vectors, known: Candidates | None, random: float
) -> tuple[RowArray, Vectors, bool, float]:
    """Rows and their similarities: all of a small catalogue, the nearest thousand of a large.

    Whether none nearer was missed for certain, and how similar is similar enough, `random` being
    what random pairs are. The `known` ones are not looked for again.
    """
    bundle = snapshot.bundle
    if bundle.n_items <= WHOLE_UP_TO:
        blocks = range(0, bundle.n_items, _BLOCK_ROWS)
        scores = [bundle.vectors[begin : begin + _BLOCK_ROWS] @ vector for begin in blocks]
        similarities = np.concatenate(scores)
        return np.arange(bundle.n_items), similarities, True, _floor(similarities, random)
    depth = min(max(_FIRST, snapshot.retriever.free_depth), MAX_CANDIDATES)
    found = known or snapshot.retriever.retrieve(vector, depth)
    floor = _floor(found.scores, random)
    if found.scores.min() >= floor and len(found.rows) < MAX_CANDIDATES:
        found = snapshot.retriever.retrieve(vector, MAX_CANDIDATES)
        floor = _floor(found.scores, random)
    return found.rows, found.scores, found.exact, floor


def _floor(similarities: Vectors, random: float) -> float:
    """A share of the way from a random pair to the ten best."""
    best = np.partition(similarities, -min(TOP, len(similarities)))[-TOP:]
    return random + SHARE * max(0.0, float(best.mean()) - random)
