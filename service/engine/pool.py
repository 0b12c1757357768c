"""The candidates of one query, gathered from every lane, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.engine.plan import Plan
from service.retrieval.base import Candidates
from service.retrieval.titles import TitleMatches, match_titles
from service.snapshot import Snapshot

RowArray = npt.NDArray[np.int64]

SEMANTIC, TITLE, POPULAR = "semantic", "title", "popular"


@dataclass(frozen=True)
class Pool:
    """Candidates in retrieval order, those of other lanes behind them in rising row order.

    rows int64 [m], distinct; similarities float32 [m], true inner products. The first
    `n_retrieved` are what semantic retrieval brought, best first, all of them `exact`ly the
    best or not for certain. `titles` and `popular` (rows) are what the other lanes brought.
    """

    rows: RowArray
    similarities: npt.NDArray[np.float32]
    n_retrieved: int
    exact: bool
    titles: TitleMatches | None
    popular: RowArray

    def lanes_of(self, places: RowArray) -> list[list[str]]:
        """What made the candidates at these places (int64 [k]) some, a list each."""
        rows = self.rows[places]
        brought = {
            SEMANTIC: places < self.n_retrieved,
            TITLE: np.isin(rows, self.titles.rows if self.titles is not None else ()),
            POPULAR: np.isin(rows, self.popular),
        }
        columns = zip(*(here.tolist() for here in brought.values()), strict=True)
        return [
            [lane for lane, here in zip(brought, column, strict=True) if here] for column in columns
        ]


def gather(snapshot: Snapshot, vector: npt.NDArray[np.float32], text: str, plan: Plan) -> Pool:
    """The candidates for a query vector (float32 unit [dim]) and its text. No blocked items."""
    retrieved = _retrieve(snapshot, vector, plan.n_candidates)
    titles = _titles(snapshot, text, plan)
    popular = _popular(snapshot, plan)
    others = _others(snapshot, retrieved, titles, popular)
    return Pool(
        rows=np.concatenate([retrieved.rows, others]),
        similarities=np.concatenate([retrieved.scores, snapshot.retriever.score(vector, others)]),
        n_retrieved=len(retrieved.rows),
        exact=retrieved.exact,
        titles=titles,
        popular=popular,
    )


def feature_matrix(snapshot: Snapshot, pool: Pool, names: list[str]) -> npt.NDArray[np.float64]:
    """The features of the candidates, float64 [m, f], columns as named."""
    return np.stack([_feature(snapshot, pool, name) for name in names], axis=1)


def _feature(snapshot: Snapshot, pool: Pool, name: str) -> npt.NDArray[np.float64]:
    bundle, sections = snapshot.bundle, snapshot.bundle.sections
    match name:
        case "similarity":
            return pool.similarities.astype(np.float64)
        case "popularity" if bundle.items.popularity is not None:
            return bundle.items.popularity.popularity_score[pool.rows]
        case "title_match" | "title_prefix":
            titles = pool.titles
            if titles is None:
                return np.zeros(len(pool.rows))
            values = titles.whole if name == "title_match" else titles.prefix
            return titles.value_of(pool.rows, values)
        case _ if sections.features is not None:
            return sections.features.columns[name][pool.rows]
    raise ValueError(f"expected a feature of this bundle, found {name!r}")


def _retrieve(snapshot: Snapshot, vector: npt.NDArray[np.float32], n_candidates: int) -> Candidates:
    """The candidates without blocked items; so many more are retrieved that none is missing."""
    blocked = snapshot.blocked_rows
    if not len(blocked):
        return snapshot.retriever.retrieve(vector, n_candidates)
    found = snapshot.retriever.retrieve(vector, n_candidates + len(blocked))
    return found.without(blocked).head(n_candidates)


def _titles(snapshot: Snapshot, text: str, plan: Plan) -> TitleMatches | None:
    titles = snapshot.bundle.sections.titles
    return match_titles(titles, text) if titles is not None and plan.matches_titles else None


def _popular(snapshot: Snapshot, plan: Plan) -> RowArray:
    features = snapshot.bundle.sections.features
    return features.popular[: plan.n_popular] if features is not None else np.empty(0, np.int64)


def _others(
    snapshot: Snapshot, retrieved: Candidates, titles: TitleMatches | None, popular: RowArray
) -> RowArray:
    """What the other lanes bring beyond the retrieved, int64, rising."""
    brought = popular if titles is None else np.concatenate([titles.rows, popular])
    if not len(brought):
        return brought
    known = np.concatenate([retrieved.rows, snapshot.blocked_rows])
    return np.setdiff1d(brought, known)
