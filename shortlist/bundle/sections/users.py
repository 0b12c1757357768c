"""The users section: what each user has rated, so that somebody known need not tell their taste."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import Csr, FloatArray, RowArray, map_array
from shortlist.bundle.rules import check_range, check_rising
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "users", 1
KEYS, OFFSETS, ROWS, RATINGS = (
    f"{SECTION}/{name}.npy" for name in ("keys", "offsets", "rows", "ratings")
)
FILES = (KEYS, OFFSETS, ROWS, RATINGS)
NEWEST = 1000
"""Of each user so many ratings are kept."""

ACTS = "act_"
"""What the names of parameters begin with that say what an act counts; others are of the prior."""

MOST = 1e9
"""No rating is higher."""

KEY_DTYPE = np.dtype("S16")
Keys = npt.NDArray[np.bytes_]


@dataclass(frozen=True)
class Users:
    """The ratings of every user, earliest first.

    `keys` S16 [u], rising, are digests of user keys; `rated` has a list of rows for each, and
    `ratings` float64 stand at the same places, on the catalogue's scale and exact: what is a like
    depends on it.
    """

    keys: Keys
    rated: Csr
    ratings: FloatArray

    def of(self, user_key: str) -> tuple[RowArray, FloatArray]:
        """The rows (int64) that a user has rated and the ratings, earliest first; none if unknown.

        A row comes once.
        """
        wanted = digests([user_key])
        place = int(np.searchsorted(self.keys, wanted)[0])
        if not np.array_equal(self.keys[place : place + 1], wanted):
            return np.empty(0, np.int64), np.empty(0)
        own = slice(self.rated.offsets[place], self.rated.offsets[place + 1])
        return self.rated.indices[own].astype(np.int64), self.ratings[own]


def digests(user_keys: Iterable[str]) -> Keys:
    """What stands for user keys: the first 16 bytes of the SHA-256 of each, S16 [u]."""
    width = KEY_DTYPE.itemsize
    found = (hashlib.sha256(key.encode()).digest()[:width] for key in user_keys)
    return np.frombuffer(b"".join(found), KEY_DTYPE)


def write_users(folder: Path, users: Users) -> None:
    """Write the section's files."""
    (folder / SECTION).mkdir(exist_ok=True)
    for name, values in (
        (KEYS, users.keys),
        (OFFSETS, users.rated.offsets),
        (ROWS, users.rated.indices),
        (RATINGS, users.ratings),
    ):
        np.save(folder / name, values)


def read_users(folder: Path, *, n_items: int) -> Users:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the bundle."""
    keys = map_array(folder / KEYS, KEY_DTYPE, None)
    ratings = map_array(folder / RATINGS, np.float64, None)
    rated = Csr(
        map_array(folder / OFFSETS, np.int64, None), map_array(folder / ROWS, np.int32, None)
    )
    rated.check(ROWS, n_rows=len(keys), n_indices=n_items)
    check_rising(KEYS, keys, strictly=True)
    if len(ratings) != len(rated.indices):
        raise BundleCorrupt(
            f"{RATINGS}: expected {len(rated.indices)} ratings, found {len(ratings)}"
        )
    check_range(RATINGS, ratings, 0, MOST)
    return Users(keys, rated, ratings)
