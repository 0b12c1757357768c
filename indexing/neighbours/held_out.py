"""Users whose last likes are to be found again from what they rated before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from indexing.neighbours.likes import latest_ratings
from shortlist.bundle.arrays import FloatArray, RowArray, Vectors

SEED = 20261125
LEAST_USERS, MOST_USERS, MOST_FOLDS = 50, 300, 3
SHARE_ASKED, SHARE_GIVEN = 0.2, 0.8
MOST_COLUMNS = 1500
"""What is decomposed: the smaller one of users and items, items cut to those with most likes."""


@dataclass(frozen=True)
class Ratings:
    """Likes and other ratings of some users, as two matrices float32 CSR [users, items] of ones."""

    likes: sparse.csr_matrix
    others: sparse.csr_matrix

    def interactions(self, unliked: float) -> sparse.csr_matrix:
        """Both as one: a like counts 1, another rating `unliked`."""
        return (self.likes + unliked * self.others).tocsr() if unliked else self.likes


@dataclass(frozen=True)
class HeldOut:
    """Some users' last likes, and all that is known beforehand.

    `known` are the ratings of the other users, `given` those of the users asked but for their last
    ones; `wanted` float32 CSR are the likes among these, one or more of each user. Columns are
    items, of the catalogue's `rows` (int64).
    """

    known: Ratings
    given: Ratings
    wanted: sparse.csr_matrix
    rows: RowArray

    def values(self, scores: Vectors) -> tuple[FloatArray, FloatArray]:
        """nDCG@10 and Recall@20 of each user, [users], for scores float32 [users, items].

        What was given is no answer: its scores are put to -inf. Sources: see
        `indexing.measure.metrics`.
        """
        scores[(self.given.likes + self.given.others).nonzero()] = -np.inf
        best = _best_columns(scores, 20)
        hits = np.take_along_axis(self.wanted.toarray(), best, axis=1)
        n_wanted = np.asarray(self.wanted.sum(axis=1)).ravel()
        discounts = 1.0 / np.log2(np.arange(2, 12))
        ideal = np.cumsum(discounts)[np.minimum(n_wanted, 10).astype(np.int64) - 1]
        return hits[:, :10] @ discounts / ideal, hits.sum(axis=1) / n_wanted


def _best_columns(scores: Vectors, n: int) -> RowArray:
    """The columns of the `n` largest scores of each row, largest first, ties by column."""
    n = min(n, scores.shape[1])
    best = np.sort(np.argpartition(-scores, n - 1, axis=1)[:, :n], axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    found: RowArray = np.take_along_axis(best, order, axis=1)
    if n < 20:
        found = np.pad(found, ((0, 0), (0, 20 - n)), mode="edge")
    return found


def hold_out(ratings: pd.DataFrame, *, liked_from: float) -> list[HeldOut]:
    """Up to three disjoint draws of a fifth of all users, until 300 users are asked.

    Each is given the first four fifths of their ratings. None where that comes to fewer than 50
    users: what so few say is chance.
    """
    ratings = latest_ratings(ratings)
    number, _ = pd.factorize(ratings["user"], sort=True)
    liked = ratings["value"] >= liked_from
    ratings = pd.DataFrame({"row": ratings["row"], "number": number, "liked": liked})
    n_users = int(number.max(initial=-1)) + 1
    order = np.random.default_rng(SEED).permutation(n_users)
    n_asked = min(int(SHARE_ASKED * n_users), MOST_USERS)
    n_folds = min(MOST_FOLDS, -(-MOST_USERS // max(1, n_asked)))
    folds = [
        one
        for fold in range(n_folds)
        if (one := _held_out(ratings, order[fold * n_asked : (fold + 1) * n_asked])) is not None
    ]
    return folds if sum(one.wanted.shape[0] for one in folds) >= LEAST_USERS else []


def _held_out(ratings: pd.DataFrame, asked: RowArray) -> HeldOut | None:
    """What these users go on to like, if anything that others know."""
    is_asked = ratings["number"].isin(asked)
    known, own = ratings[~is_asked], ratings[is_asked]
    rows = _columns(known, n_users=known["number"].nunique())
    column_of = pd.Series(np.arange(len(rows)), index=rows)
    known, own = (part[part["row"].isin(rows)] for part in (known, own))
    place = own.groupby("number").cumcount()
    size = own.groupby("number")["row"].transform("size")
    is_given = place < np.maximum(1, np.floor(SHARE_GIVEN * size))
    wanted = own[~is_given & own["liked"]]
    able = np.intersect1d(wanted["number"], own.loc[is_given & own["liked"], "number"])
    if not len(able):
        return None
    of = pd.Series(np.arange(len(able)), index=able)
    given, wanted = (
        part[part["number"].isin(able)].assign(number=lambda p: p["number"].map(of))
        for part in (own[is_given], wanted)
    )
    everybody = known.assign(number=pd.factorize(known["number"], sort=True)[0])
    shape = (len(able), len(rows))
    return HeldOut(
        known=_as_ratings(everybody, column_of, (int(everybody["number"].max()) + 1, len(rows))),
        given=_as_ratings(given, column_of, shape),
        wanted=_as_matrix(wanted, column_of, shape),
        rows=rows,
    )


def _columns(known: pd.DataFrame, *, n_users: int) -> RowArray:
    """The rows of all items that are rated, or of those most liked where there are too many."""
    likes = known.groupby("row")["liked"].sum()
    if min(n_users, len(likes)) > MOST_COLUMNS:
        likes = likes.sort_values(ascending=False, kind="stable").iloc[:MOST_COLUMNS]
    return np.sort(likes.index.to_numpy(np.int64))


def _as_ratings(table: pd.DataFrame, column_of: pd.Series, shape: tuple[int, int]) -> Ratings:
    liked = table["liked"]
    parts = (_as_matrix(part, column_of, shape) for part in (table[liked], table[~liked]))
    return Ratings(*parts)


def _as_matrix(
    table: pd.DataFrame, column_of: pd.Series, shape: tuple[int, int]
) -> sparse.csr_matrix:
    columns = column_of.loc[table["row"]].to_numpy(np.int64)
    entries = (np.ones(len(table), np.float32), (table["number"].to_numpy(np.int64), columns))
    return sparse.csr_matrix(entries, shape=shape)
