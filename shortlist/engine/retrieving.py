"""What of a plan's rows may be candidates, and those that are nearest to a vector."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.engine.lanes.semantic import Candidates
from shortlist.engine.plan import Plan
from shortlist.engine.query import MAX_CANDIDATES
from shortlist.engine.row_sets import RowSet, stand_in
from shortlist.engine.snapshot import Snapshot

MANY = 1000
"""So many rows to leave out are a filter; fewer are fetched beside the wanted ones."""


def in_scope(plan: Plan) -> RowSet:
    """Every row that may be a candidate."""
    return RowSet.every(plan.n_items).without(plan.left_out) if plan.among is None else plan.among


def mask_of(plan: Plan) -> npt.NDArray[np.bool_] | None:
    """Which rows may be candidates, bool [n]; None for all."""
    return in_scope(plan).mask if plan.among is not None or len(plan.left_out) else None


def within(plan: Plan, rows: RowArray) -> RowArray:
    """Those of these rows that may be candidates, in the same order."""
    if not len(rows):
        return rows
    inside = ~stand_in(rows, plan.left_out) if plan.among is None else plan.among.has(rows)
    return rows[inside]


def retrieve(snapshot: Snapshot, vector: Vectors, plan: Plan) -> Candidates:
    """The best of the rows in scope, as many as there are up to `n_candidates`."""
    n_left_out = len(plan.left_out)
    if plan.among is not None or n_left_out > MANY:
        return snapshot.retriever.retrieve_among(
            vector,
            plan.n_candidates,
            in_scope(plan),
            exact_up_to=snapshot.exact_up_to,
            wanted=plan.filters,
        )
    found = snapshot.retriever.retrieve(vector, plan.n_candidates + n_left_out)
    return found.without(plan.left_out, plan.n_candidates) if n_left_out else found


def nearest_of(snapshot: Snapshot, vector: Vectors, plan: Plan) -> Candidates | None:
    """What is nearest to a text beyond the candidates, where facets count it and it is for free.

    None where it is not: under a filter, beside a taste, or where an index takes longer for more.
    """
    n_wanted = plan.n_candidates + len(plan.left_out)
    n_free = min(snapshot.retriever.free_depth, MAX_CANDIDATES)
    if not plan.counted or plan.text_vector is not None or plan.among is not None:
        return None
    return None if n_free < n_wanted else snapshot.retriever.retrieve(vector, n_free)
