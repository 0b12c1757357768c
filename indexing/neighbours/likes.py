"""Who likes what: ratings as a sparse matrix."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from scipy import sparse

from indexing.catalog.tables import as_text, text_array
from shortlist.bundle.arrays import RowArray

_INTEGER = r"^-?[0-9]{1,15}$"


@dataclass(frozen=True)
class Likes:
    """Likes, and perhaps other ratings, of the items that somebody likes or rates.

    `matrix` is float32 CSR [users, items], 1 for a like and less for another rating; its column c
    is the item of row `rows[c]` (int64, distinct) and of id `ids[c]` (text). `liked` are the likes
    alone. Columns are in the order of the ids, so that the matrix does not depend on where a
    catalogue lists an item. `added` float32 is what of the matrix comes from events: what weak
    likes count, and below 0 what likes count less than 1; None without events.
    """

    matrix: sparse.csr_matrix
    liked: sparse.csr_matrix
    rows: RowArray
    ids: tuple[str, ...]
    added: sparse.csr_matrix | None = None

    def weighed(self, unliked: float) -> Likes:
        """The same, where a rating below a like counts `unliked`; for what was read with 1."""
        base = self.liked if self.added is None else self.liked + self.added
        if unliked or self.added is not None:
            matrix = (base + unliked * (self.matrix - base)).astype(np.float32).tocsr()
            matrix.eliminate_zeros()
            return replace(self, matrix=matrix)
        users, columns = (np.flatnonzero(self.liked.getnnz(axis=axis)) for axis in (1, 0))
        liked = self.liked[users][:, columns].tocsr()
        ids = tuple(self.ids[column] for column in columns.tolist())
        return Likes(liked, liked, self.rows[columns], ids)

    def digest(self) -> str:
        """SHA-256 of everything but the rows, as hex digits: equal for equal ratings."""
        digest = hashlib.sha256("\0".join(self.ids).encode())
        if self.added is not None:
            digest.update(self.added.data.astype("<f4").tobytes())
            digest.update(self.added.indices.astype("<i8").tobytes())
        for matrix in (self.matrix, self.liked):
            for part in (matrix.indptr, matrix.indices):
                digest.update(part.astype("<i8").tobytes())
        return digest.hexdigest()


def default_liked_from(scale: tuple[float, float]) -> float:
    """The least rating that is a like: three quarters up the scale; 4 of 1 to 5."""
    lowest, highest = scale
    return lowest + 0.75 * (highest - lowest)


def read_likes(
    ratings: pd.DataFrame,
    ids: pd.Series,
    *,
    liked_from: float,
    unliked: float = 0.0,
    weak: pd.DataFrame | None = None,
) -> Likes:
    """The likes in a table with columns row (int64), user (text), value and perhaps time (text).

    Of several ratings of an item by one user the latest counts, without times the last in the
    table. `ids` are those of all items in row order. A rating below `liked_from` counts `unliked`,
    0 to 1; where that is 0 no user and no item without a like has a row or a column.

    With events the ratings have a `weight`, what each counts as a like, and `weak` has one for
    pairs of row and user, each once: of those that are not rated it counts.
    """
    last = latest_ratings(ratings)
    likes = (last["value"] >= liked_from).to_numpy()
    own = last if unliked else last[likes]
    pairs = own[["row", "user"]]
    if weak is not None:
        weak = _unrated(weak, last)
        pairs = pd.concat([pairs, weak[["row", "user"]]])
    rows = np.unique(pairs["row"].to_numpy(np.int64))
    texts = text_array(ids.iloc[rows].astype("str"))
    order = pa.compute.array_sort_indices(texts)
    rows = rows[np.asarray(order)]
    column_of = np.full(len(ids), -1)
    column_of[rows] = np.arange(len(rows))
    users, _ = pd.factorize(pairs["user"], sort=True)
    shape, columns = (int(users.max(initial=-1)) + 1, len(rows)), column_of[pairs["row"]]
    is_like = likes if unliked else likes[likes]
    n_own = len(own)

    def matrix(values: np.ndarray, some: slice = slice(0, n_own)) -> sparse.csr_matrix:
        found = sparse.csr_matrix((values.astype(np.float32), (users[some], columns[some])), shape)
        found.eliminate_zeros()
        found.sort_indices()
        return found

    counted, liked = matrix(np.where(is_like, 1.0, unliked)), matrix(is_like)
    added = None
    if weak is not None:
        less = np.where(is_like, own["weight"].to_numpy(np.float64) - 1.0, 0.0)
        added = matrix(np.append(less, weak["weight"].to_numpy(np.float64)), slice(None))
        counted = (counted + added).tocsr()
        counted.sort_indices()
    return Likes(counted, liked, rows, tuple(texts.take(order).to_pylist()), added)


def _unrated(weak: pd.DataFrame, rated: pd.DataFrame) -> pd.DataFrame:
    """Those of the weak likes whose user has not rated their item."""
    known = pd.MultiIndex.from_frame(rated[["row", "user"]])
    return weak[~pd.MultiIndex.from_frame(weak[["row", "user"]]).isin(known)]


def latest_ratings(ratings: pd.DataFrame) -> pd.DataFrame:
    """The ratings in the order of their times, of each user and item the latest only.

    Ratings without a user are nobody's and left out. Times are compared as numbers if all that are
    there are, else as text, as ISO 8601 sorts, missing ones first; without a time column the order
    of the table stands for them.
    """
    ratings = ratings[ratings["user"] != ""]
    if "time" in ratings:
        ratings = ratings.iloc[np.argsort(_moments(ratings["time"]), kind="stable")]
    users, _ = pd.factorize(ratings["user"])
    pairs = users * (1 + ratings["row"].max()) + ratings["row"].to_numpy(np.int64)
    return ratings[~pd.Series(pairs).duplicated(keep="last").to_numpy()]


def _moments(written: pd.Series) -> np.ndarray:
    """What times compare by: numbers if all of them are, else texts."""
    texts = text_array(as_text(written))
    if pa.compute.all(pa.compute.match_substring_regex(texts, _INTEGER), min_count=0).as_py():
        return np.asarray(texts.cast(pa.int64()))
    times = pd.to_numeric(written, errors="coerce")
    numeric = times.notna() | (written == "")
    key = times.fillna(-np.inf) if numeric.all() else written.astype("str")
    return key.to_numpy()
