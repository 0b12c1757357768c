"""The candidates of one query, gathered from every lane, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shortlist.bundle.manifest import TASTE_FEATURES
from shortlist.engine.lanes.neighbour import NeighbourScores
from shortlist.engine.lanes.semantic import Candidates
from shortlist.engine.lanes.title import TitleMatches, match_titles
from shortlist.engine.plan import Plan
from shortlist.engine.snapshot import Snapshot

RowArray = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float32]

SEMANTIC, TITLE, NEIGHBOURS, POPULAR = "semantic", "title", "neighbours", "popular"
MANY = 1000
"""So many rows to leave out are a filter; fewer are fetched beside the wanted ones."""


@dataclass(frozen=True)
class Scope:
    """Which rows may be candidates.

    `rows` (int64, rising) are those that pass a filter, None without one; `left_out` (int64,
    rising) never are: blocked items, and those that were given.
    """

    rows: RowArray | None
    left_out: RowArray
    n_items: int

    @property
    def n_matches(self) -> int:
        """How many rows may be candidates."""
        return self.n_items - len(self.left_out) if self.rows is None else len(self.rows)

    def all_rows(self) -> RowArray:
        """Every row that may be a candidate, int64, rising."""
        if self.rows is not None:
            return self.rows
        mask = np.ones(self.n_items, dtype=np.bool_)
        mask[self.left_out] = False
        return np.flatnonzero(mask)

    def within(self, rows: RowArray) -> RowArray:
        """Those of these rows that may be candidates, in the same order."""
        if not len(rows) or (self.rows is None and not len(self.left_out)):
            return rows
        allowed = ~np.isin(rows, self.left_out)
        if self.rows is not None and len(self.rows):
            place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
            allowed &= self.rows[place] == rows
        elif self.rows is not None:
            allowed[:] = False
        return rows[allowed]


@dataclass(frozen=True)
class Pool:
    """Candidates in retrieval order, those of other lanes behind them in rising row order.

    rows int64 [m], distinct; similarities float32 [m], true inner products, None where nothing
    was compared. The first `n_retrieved` are what semantic retrieval brought, best first, all of
    them `exact`ly the best or not for certain. `titles`, `near` (rows) and `popular` (rows) are
    what the other lanes brought; `neighbours` is what a taste's neighbours say of any item.
    """

    rows: RowArray
    similarities: Vector | None
    n_retrieved: int
    exact: bool
    titles: TitleMatches | None
    popular: RowArray
    neighbours: NeighbourScores | None = None
    near: RowArray = field(default_factory=lambda: np.empty(0, np.int64))

    def lanes_of(self, places: RowArray) -> list[list[str]]:
        """What made the candidates at these places (int64 [k]) some, a list each."""
        rows = self.rows[places]
        brought = {SEMANTIC: places < self.n_retrieved}
        if self.titles is not None and len(self.titles.rows):
            brought[TITLE] = np.isin(rows, self.titles.rows)
        if len(self.near):
            brought[NEIGHBOURS] = np.isin(rows, self.near)
        if len(self.popular):
            brought[POPULAR] = np.isin(rows, self.popular)
        columns = zip(*(here.tolist() for here in brought.values()), strict=True)
        return [
            [lane for lane, here in zip(brought, column, strict=True) if here] for column in columns
        ]


def gather(
    snapshot: Snapshot,
    vector: Vector,
    text: str,
    plan: Plan,
    scope: Scope,
    neighbours: NeighbourScores | None = None,
) -> Pool:
    """The candidates for a query vector (float32 unit [dim]), its text and a taste's neighbours."""
    retrieved = _retrieve(snapshot, vector, plan.n_candidates, scope)
    titles = _titles(snapshot, text, plan)
    popular = scope.within(_popular(snapshot, plan))
    near = _near(neighbours, plan, scope)
    others = _others(retrieved, titles, [near, popular], scope)
    rows, similarities = retrieved.rows, retrieved.scores
    if len(others):
        rows = np.concatenate([rows, others])
        similarities = np.concatenate([similarities, snapshot.retriever.score(vector, others)])
    return Pool(
        rows=rows,
        similarities=similarities,
        n_retrieved=len(retrieved.rows),
        exact=retrieved.exact,
        titles=titles,
        popular=popular,
        neighbours=neighbours,
        near=near,
    )


def gather_popular(snapshot: Snapshot, n_candidates: int, scope: Scope) -> Pool:
    """The most popular of the rows in scope, ties in rising row order; nothing is compared."""
    popularity = snapshot.bundle.items.popularity
    rows = scope.all_rows()
    scores = np.zeros(len(rows)) if popularity is None else popularity.popularity_score[rows]
    best = rows[np.argsort(-scores, kind="stable")[:n_candidates]]
    return Pool(best, None, n_retrieved=0, exact=True, titles=None, popular=best)


def feature_matrix(snapshot: Snapshot, pool: Pool, names: list[str]) -> npt.NDArray[np.float64]:
    """The features of the candidates, float64 [m, f], columns as named."""
    return np.stack([_feature(snapshot, pool, name) for name in names], axis=1)


def _feature(snapshot: Snapshot, pool: Pool, name: str) -> npt.NDArray[np.float64]:
    bundle, sections = snapshot.bundle, snapshot.bundle.sections
    match name:
        case "similarity" if pool.similarities is not None:
            return pool.similarities.astype(np.float64)
        case "popularity" if bundle.items.popularity is not None:
            return bundle.items.popularity.popularity_score[pool.rows]
        case "collaborative" | "co_liked":
            near = pool.neighbours
            return np.zeros(len(pool.rows)) if near is None else near.value_of(pool.rows, name)
        case "title_match" | "title_prefix":
            titles = pool.titles
            if titles is None:
                return np.zeros(len(pool.rows))
            values = titles.whole if name == "title_match" else titles.prefix
            return titles.value_of(pool.rows, values)
        case _ if sections.features is not None:
            return sections.features.columns[name][pool.rows]
    raise ValueError(f"expected a feature of this bundle, found {name!r}")


def _retrieve(snapshot: Snapshot, vector: Vector, n_candidates: int, scope: Scope) -> Candidates:
    """The best of the rows in scope, as many as there are up to `n_candidates`."""
    if scope.rows is not None or len(scope.left_out) > MANY:
        return snapshot.retriever.retrieve_among(
            vector, n_candidates, scope.all_rows(), exact_up_to=snapshot.exact_up_to
        )
    if not len(scope.left_out):
        return snapshot.retriever.retrieve(vector, n_candidates)
    found = snapshot.retriever.retrieve(vector, n_candidates + len(scope.left_out))
    return found.without(scope.left_out).head(n_candidates)


def _titles(snapshot: Snapshot, text: str, plan: Plan) -> TitleMatches | None:
    titles = snapshot.bundle.sections.titles
    if titles is None or not text or not plan.matches_titles:
        return None
    return match_titles(titles, text)


def _popular(snapshot: Snapshot, plan: Plan) -> RowArray:
    features = snapshot.bundle.sections.features
    return features.popular[: plan.n_popular] if features is not None else np.empty(0, np.int64)


def _near(neighbours: NeighbourScores | None, plan: Plan, scope: Scope) -> RowArray:
    """The rows in scope that a taste's neighbours say most of, by the plan's weights."""
    if neighbours is None:
        return np.empty(0, np.int64)
    weights = {name: plan.weights[name] for name in TASTE_FEATURES if plan.weights.get(name)}
    return neighbours.best(plan.n_neighbours, weights, scope.within(neighbours.rows))


def _others(
    retrieved: Candidates, titles: TitleMatches | None, lanes: list[RowArray], scope: Scope
) -> RowArray:
    """What the other lanes bring beyond the retrieved, int64, rising."""
    named = [] if titles is None else [scope.within(titles.rows)]
    filled = [rows for rows in (*named, *lanes) if len(rows)]
    return np.setdiff1d(np.concatenate(filled), retrieved.rows) if filled else np.empty(0, np.int64)
