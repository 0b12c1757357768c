"""The ratings of every user, for a section of the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.neighbours.likes import latest_ratings
from shortlist.bundle.arrays import Csr, RowArray
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import described
from shortlist.bundle.sections import users as section
from shortlist.bundle.sections.users import ACTS, NEWEST, Users, digests


def write_users(folder: Path, catalog: Catalog) -> Section | None:
    """The users section; None where the catalogue does not ask for it or does not say who rated."""
    config = catalog.config
    if config.users is None or catalog.ratings is None or "user" not in catalog.ratings.table:
        return None
    section.write_users(folder, users_of(catalog.ratings.table))
    hints = {} if config.events is None else {ACTS + k: v for k, v in config.events.weights.items()}
    return described(section.SECTION, **config.users.prior, **hints)


def users_of(ratings: pd.DataFrame, *, newest: int = NEWEST) -> Users:
    """The `newest` ratings of every user in a table with row, user, value and perhaps time.

    Of several ratings of an item by one user the latest counts.
    """
    latest = latest_ratings(ratings)
    codes, names = pd.factorize(latest["user"])
    keys = digests(names.tolist())
    by_key = np.argsort(keys, kind="stable")
    place_of = np.empty(len(keys), np.int64)
    place_of[by_key] = np.arange(len(keys))
    places = place_of[codes]
    order = np.argsort(places, kind="stable")
    counts = np.bincount(places, minlength=len(keys))
    from_the_end = np.repeat(np.cumsum(counts), counts) - np.arange(len(order))
    kept = order[from_the_end <= newest]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, newest))])
    rows = latest["row"].to_numpy(np.int32)[kept]
    return Users(keys[by_key], Csr(offsets, rows), latest["value"].to_numpy(np.float64)[kept])


def at_rows(users: Users, rows: RowArray) -> Users:
    """The ratings where their items stand at these rows, int64 [n before], -1 for gone."""
    moved = rows[users.rated.indices]
    kept = moved >= 0
    ends = np.concatenate([[0], np.cumsum(kept)])[users.rated.offsets]
    return Users(users.keys, Csr(ends, moved[kept].astype(np.int32)), users.ratings[kept])
