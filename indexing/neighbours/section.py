"""The neighbour section of a bundle: learnt from ratings, or taken over while no like changes."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.neighbours.learn import Learnt, learn_neighbours
from indexing.neighbours.likes import Likes, default_liked_from, read_likes
from indexing.neighbours.lists import as_lists, as_matrix
from indexing.neighbours.models import Model
from shortlist.bundle.manifest import Section
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import described
from shortlist.bundle.sections import neighbour_lists as neighbours
from shortlist.bundle.sections.neighbour_lists import Neighbours

log = logging.getLogger(__name__)


def catalog_likes(catalog: Catalog) -> Likes | None:
    """Who likes what; None for a catalogue that does not say, or whose settings do not ask."""
    if catalog.ratings is None or not catalog.config.learns_neighbours:
        return None
    return read_likes(catalog.ratings.table, catalog.items.ids, liked_from=liked_from(catalog))


def liked_from(catalog: Catalog) -> float:
    """The least rating that is a like in this catalogue, which has ratings."""
    asked = catalog.config.neighbours.liked_from
    if asked is not None:
        return asked
    assert catalog.config.ratings is not None
    return default_liked_from(catalog.config.ratings.scale)


def write_neighbours(folder: Path, catalog: Catalog, *, live: Bundle | None) -> Section | None:
    """The neighbour section; taken over from `live` when likes and settings are unchanged.

    None where no two items are liked by the same user.
    """
    likes = catalog_likes(catalog)
    if likes is None:
        return None
    settings = catalog.config.neighbours
    key = hashlib.sha256(
        f"{neighbours.VERSION} {settings.model} {settings.regularisation} {likes.digest()}".encode()
    ).hexdigest()
    learnt = _live_neighbours(live, catalog, key)
    if learnt is not None:
        log.info("neighbours taken over: no like has changed")
    else:
        learnt = learn_neighbours(
            likes,
            n_items=catalog.n_items,
            model=settings.model,
            regularisation=settings.regularisation,
        )
    if learnt is None:
        return None
    neighbours.write_neighbours(folder, learnt.neighbours)
    return described(neighbours.SECTION, key=key, model=str(learnt.model))


def _live_neighbours(live: Bundle | None, catalog: Catalog, key: str) -> Learnt | None:
    """The live model and neighbours at the rows that their items have now."""
    section = live.manifest.sections.get(neighbours.SECTION) if live else None
    found = live.sections.neighbours if live else None
    if live is None or section is None or section.params.get("key") != key or found is None:
        return None
    row_of = pd.Series(np.arange(catalog.n_items), index=catalog.items.ids.astype("str"))
    ids = pd.Series(live.ids.ids.to_pandas()).astype("str")
    rows = row_of.reindex(ids).fillna(-1).to_numpy(np.int64)
    kept = np.flatnonzero(rows >= 0)  # an item that is gone has no neighbours
    moved = (
        as_lists(as_matrix(lists)[kept][:, kept], rows[kept], n_items=catalog.n_items)
        for lists in (found.collaborative, found.co_liked)
    )
    return Learnt(Neighbours(*moved), Model(str(section.params["model"])))
