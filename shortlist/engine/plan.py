"""A query with everything decided: what is looked for, among which rows, and what it weighs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.reader import Bundle
from shortlist.engine.conditions import NO_FILTERS, Filters, Near
from shortlist.engine.filters import Passing, passing
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.query import DEFAULT_K, MAX_CANDIDATES, Query, RankedQuery
from shortlist.engine.ranked_by import Has, Ranking, browsing, by_text, ranking
from shortlist.engine.ranking import VARIED
from shortlist.engine.reading import Reading
from shortlist.engine.row_sets import RowSet
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import SortKey, read_sort
from shortlist.errors import InvalidParameter

WHOLE_UP_TO = 20_000
"""In a catalogue of so many items facets compare all with a text, which takes 3 ms."""


@dataclass(frozen=True)
class Plan(Ranking):
    """Decisions for one query.

    `vector` is float32 unit [dim], None where items are not compared (`compares`) with one but
    ordered by popularity alone, or while `encode` is still to give it; `text` is for the lanes of
    words and titles, "" without one; `like` is the row whose like is wanted, None for other
    questions; `taste` is what the query gives of somebody's likes, and `text_vector` float32 unit
    [dim] is the text's own beside a taste. `among` are the rows that pass a filter, None without
    one; `left_out` (int64, rising) never are candidates: blocked items, and those that were given;
    `n_matches` of `n_items` may be. `k` results are wanted. `read` are the filters that the text
    names in words. `sort` is the order that was asked for, and `near` the point that distances are
    from; `passing` is the filter part by part. Of a list without a vector the first `depth` that
    have the least score are put in order. `prior` are the weights of the taste of who searches,
    beside those of any profile. Where facets are `counted` in a large catalogue, what is nearest to
    a text is asked for beyond the candidates.
    """

    vector: Vectors | None
    encode: Callable[[], Vectors] | None
    text: str
    like: int | None
    text_vector: Vectors | None
    taste: Taste | None
    among: RowSet | None
    left_out: RowArray
    n_items: int
    n_matches: int
    k: int
    has: Has
    compares: bool
    read: tuple[Reading, ...] = ()
    sort: tuple[SortKey, ...] = ()
    near: Near | None = None
    passing: Passing | None = None
    depth: int = MAX_CANDIDATES
    min_score: float | None = None
    prior: Mapping[str, float] | None = None
    counted: bool = False

    def encoded(self) -> Plan:
        """The same with its vector, which the text is encoded for if it has not been."""
        return self if self.encode is None else replace(self, vector=self.encode(), encode=None)

    @property
    def filters(self) -> Filters | None:
        """The filter that `among` passes, None without one."""
        return None if self.passing is None else self.passing.wanted


def make_plan(
    snapshot: Snapshot,
    query: Query,
    *,
    vector: Vectors | None,
    encode: Callable[[], Vectors] | None = None,
    text: str = "",
    like: int | None = None,
    text_vector: Vectors | None = None,
    filters: Filters | None = None,
    taste: Taste | None = None,
    left_out: RowArray | None = None,
    preferred: str | None = None,
    read: tuple[Reading, ...] = (),
    prior: Mapping[str, float] | None = None,
    offset: int = 0,
) -> Plan:
    """Decide what the query leaves open.

    `filters` replace the query's own, where the text adds to them. `prior` are weights of features
    of the taste of who searches: they join those of the profile that it does not have, and bring no
    candidates. `preferred` is the profile of
    this kind of query where the bundle names one; without a `vector`, now or by `encode`, the list
    is by popularity, by recency or as the catalogue has it. It is read behind `offset` results.
    Raises InvalidParameter for k above n_candidates, an unknown profile, weights that are all 0,
    weights of a taste's features without one, and what a filter refuses; FeatureUnavailable for a
    weight of a feature that this bundle does not have.
    """
    bundle = snapshot.bundle
    has = Has(
        taste=taste is not None,
        text=bool(text.strip()),
        item=like is not None,
        steers=text_vector is not None,
    )
    compares = vector is not None or encode is not None
    if not compares:
        ranked_by = browsing(bundle, query)
    else:
        replaced = query.weights if isinstance(query, RankedQuery) else {}
        name = by_text(bundle, query, preferred)
        ranked_by = ranking(bundle, query, name, has, prior=prior, replaced=replaced)
    blocked = snapshot.blocked_rows
    left_out = blocked if left_out is None else np.union1d(blocked, left_out).astype(np.int64)
    n_candidates = ranked_by.n_candidates
    k = min(DEFAULT_K, n_candidates) if query.k is None else query.k
    if k > n_candidates:
        raise InvalidParameter("k", f"expected 1 to n_candidates ({n_candidates}), found {k}")
    n_items = bundle.manifest.counts.items
    filters = query.filters if filters is None else filters
    parts = None if filters == NO_FILTERS else passing(bundle, filters, left_out, snapshot.kept)
    among = None if parts is None else parts.whole
    return Plan(
        **vars(ranked_by),
        vector=vector,
        encode=encode,
        text=text,
        like=like,
        text_vector=text_vector,
        taste=taste,
        among=among,
        left_out=left_out,
        n_items=n_items,
        n_matches=n_items - len(left_out) if among is None else len(among),
        k=k,
        read=read,
        sort=read_sort(bundle, query),
        near=query.filters.near,
        passing=parts,
        depth=max(n_candidates, offset + k + VARIED),
        min_score=query.min_score,
        prior=prior,
        counted=bool(query.facets) and n_items > WHOLE_UP_TO,
        has=has,
        compares=compares,
    )


def by_profile(bundle: Bundle, query: Query, plan: Plan, name: str) -> Plan:
    """The plan of the same query where another profile ranks; it must rank k results or more."""
    ranked_by = ranking(bundle, query, name, plan.has, prior=plan.prior, replaced={})
    return replace(plan, **vars(ranked_by))
