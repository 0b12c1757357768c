"""The neighbour section of a bundle: learnt from ratings, or taken over while no like changes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from indexing.behaviour.weak import weak_likes
from indexing.catalog import Catalog
from indexing.memory import give_back
from indexing.neighbours.blend import BLENDED
from indexing.neighbours.learn import learn_neighbours
from indexing.neighbours.likes import Likes, default_liked_from, read_likes
from indexing.neighbours.lists import as_lists, as_matrix
from indexing.neighbours.select import Selected, select
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.manifest import Section
from shortlist.bundle.profiles import Profile
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import described
from shortlist.bundle.sections import neighbour_lists as neighbours
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.bundle.vectors import AnyVectors

log = logging.getLogger(__name__)

_HOW = 2
"""Of learning: another number, and nothing is taken over from what was learnt before."""


def catalog_likes(catalog: Catalog, *, unliked: float = 0.0) -> Likes | None:
    """Who likes what; None for a catalogue that does not say, or whose settings do not ask."""
    if catalog.ratings is None or not catalog.config.learns_neighbours:
        return None
    table, least = catalog.ratings.table, liked_from(catalog)
    weak = None
    if catalog.acts is not None and catalog.config.events is not None:
        weak = weak_likes(catalog.acts, catalog.config.events)
    return read_likes(table, catalog.items.ids, liked_from=least, unliked=unliked, weak=weak)


def liked_from(catalog: Catalog) -> float:
    """The least rating that is a like in this catalogue, which has ratings."""
    asked = catalog.config.neighbours.liked_from
    if asked is not None:
        return asked
    assert catalog.config.scale is not None
    return default_liked_from(catalog.config.scale)


def select_for(catalog: Catalog, vectors: AnyVectors) -> Selected:
    """Settings and profiles by what this catalogue's ratings, which it has, say is best."""
    assert catalog.ratings is not None
    fixed, least = catalog.config.neighbours.fixed, liked_from(catalog)
    return select(catalog.ratings.table, vectors, liked_from=least, fixed=fixed)


def write_neighbours(
    folder: Path, catalog: Catalog, vectors: AnyVectors, *, live: Bundle | None
) -> tuple[Section | None, Mapping[str, Profile]]:
    """The neighbour section and the profiles that were learnt with it.

    Both are taken over from `live` when ratings and settings are unchanged. No section where no two
    items are liked by the same user.
    """
    every = catalog_likes(catalog, unliked=1.0)
    if every is None:
        return None, {}
    settings, least = catalog.config.neighbours, liked_from(catalog)
    parts = (neighbours.VERSION, settings.model, least, *settings.fixed.values(), every.digest())
    key = hashlib.sha256(" ".join(map(str, (_HOW, *parts))).encode()).hexdigest()
    taken = _live_neighbours(live, catalog, key)
    if taken is not None:
        log.info("neighbours taken over: no rating has changed")
        return _write(folder, *taken)
    selected = select_for(catalog, vectors)
    learnt = learn_neighbours(
        every.weighed(selected.settings.unliked),
        n_items=catalog.n_items,
        model=settings.model,
        settings=selected.settings,
    )
    if learnt is None:
        return None, {}
    model = {"key": key, "model": str(learnt.model), "liked_from": least}
    params = {**model, **asdict(selected.settings), **selected.told}
    return _write(folder, learnt.neighbours, params, selected.profiles)


def _write(
    folder: Path, found: Neighbours, params: Mapping[str, Any], profiles: Mapping[str, Profile]
) -> tuple[Section, Mapping[str, Profile]]:
    neighbours.write_neighbours(folder, found)
    give_back()
    return described(neighbours.SECTION, **params), profiles


def _live_neighbours(
    live: Bundle | None, catalog: Catalog, key: str
) -> tuple[Neighbours, Mapping[str, Any], Mapping[str, Profile]] | None:
    """The live neighbours at the rows that their items have now, and all that was learnt."""
    section = live.manifest.sections.get(neighbours.SECTION) if live else None
    found = live.sections.neighbours if live else None
    if live is None or section is None or section.params.get("key") != key or found is None:
        return None
    row_of = pd.Series(np.arange(catalog.n_items), index=catalog.items.ids.astype("str"))
    ids = pd.Series(live.ids.ids.to_pandas()).astype("str")
    rows = row_of.reindex(ids).fillna(-1).to_numpy(np.int64)
    learnt = {
        name: profile
        for name, profile in live.manifest.profiles.items()
        if name in BLENDED and section.params.get("learnt_from_users")
    }
    return at_rows(found, rows, n_items=catalog.n_items), section.params, learnt


def at_rows(found: Neighbours, rows: RowArray, *, n_items: int) -> Neighbours:
    """The neighbours where their items stand at these rows, int64 [n before], -1 for gone.

    An item that is gone has no neighbours and is none.
    """
    kept = np.flatnonzero(rows >= 0)
    moved = (
        as_lists([as_matrix(lists)[kept][:, kept]], rows[kept], n_items=n_items)
        for lists in (found.collaborative, found.co_liked)
    )
    return Neighbours(*moved)
