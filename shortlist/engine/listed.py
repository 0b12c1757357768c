"""The list that a query is answered with, and where a page of it begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shortlist.bundle.arrays import RowArray
from shortlist.engine.clock import Stage, StageClock
from shortlist.engine.cursor import Cursor
from shortlist.engine.depth import extended, goes_on
from shortlist.engine.interleaving import Draft, coins, team_draft
from shortlist.engine.pool import Pool
from shortlist.engine.query import Query
from shortlist.engine.snapshot import Snapshot


@dataclass(frozen=True)
class Listed:
    """A ranked pool, or two and the list drafted from them: what is shown, best first.

    `pool` is the only one, or the first side's; what an answer says of its list as a whole is said
    of it. A `draft` may be cut one place behind the page that it is for.
    """

    pool: Pool
    rival: Pool | None = None
    draft: Draft | None = None

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pools of both sides, or the one there is."""
        return (self.pool,) if self.rival is None else (self.pool, self.rival)

    @property
    def rows(self) -> RowArray:
        """The rows of the list, int64 [m]."""
        return self.pool.rows[self.pool.order] if self.draft is None else self.draft.rows

    @property
    def goes_on(self) -> bool:
        """Whether more follows than what is ranked so far."""
        return any(goes_on(one) for one in self.pools)

    def page(self, cursor: Cursor | None) -> tuple[int, int]:
        """The places of the results to show, first and last (excluded).

        After a cursor they begin behind the last item that was shown; it is looked up, so that an
        item blocked meanwhile shifts nothing.
        """
        return _page(self.rows, self.pool.plan.k, cursor)


def listed(
    snapshot: Snapshot,
    query: Query,
    pools: tuple[Pool, ...],
    *,
    seed: bytes,
    cursor: Cursor | None,
    clock: StageClock,
) -> Listed:
    """The list of one ranked pool, or the one drafted from two by a seed's coins.

    Where its page reaches behind the candidates, what follows them is ranked too.
    """
    found = _listed(pools, seed, cursor)
    if not found.goes_on or not _is_past(found, query, cursor):
        return found
    clock.enter(Stage.RANK)
    longer = tuple(
        extended(snapshot, one, min_score=query.min_score) if goes_on(one) else one for one in pools
    )
    found = _listed(longer, seed, cursor)
    clock.leave()
    return found


def _listed(pools: tuple[Pool, ...], seed: bytes, cursor: Cursor | None) -> Listed:
    if len(pools) == 1:
        return Listed(pools[0])
    pool, rival = pools
    first, second = (one.rows[one.order] for one in pools)
    # A first page needs its own places and whether there is another; a later one is looked up.
    n = pool.plan.k + 1 if cursor is None else len(first) + len(second)
    drafted = team_draft(first, second, tossed=coins(seed, n // 2 + 1), n=n)
    return Listed(pool, rival, drafted)


def _is_past(found: Listed, query: Query, cursor: Cursor | None) -> bool:
    """Whether a page may need what follows the candidates, or whether anything does."""
    rows = found.rows if found.draft is None else found.rows[: found.draft.n_settled]
    k = found.pool.plan.k
    first, last = _page(rows, k, cursor)
    is_cut = query.min_score is not None and last == len(rows)
    gone = cursor is not None and not np.any(rows == cursor.row)
    return is_cut or gone or first + k > len(rows)


def _page(rows: RowArray, k: int, cursor: Cursor | None) -> tuple[int, int]:
    first, end = 0, len(rows)
    if cursor is not None:
        shown = np.flatnonzero(rows == cursor.row)
        first = min(int(shown[0]) + 1 if len(shown) else cursor.offset, end)
    return first, min(first + k, end)
