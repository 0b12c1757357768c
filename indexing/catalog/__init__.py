"""catalog.toml and the files it names, as validated tables."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pandas as pd

from indexing.catalog.config import CatalogConfig
from indexing.catalog.events import Events, read_ratings, read_tags
from indexing.catalog.items import Items, read_items

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Catalog:
    """All that was read: items in row order, what users said of them, and the settings."""

    config: CatalogConfig
    items: Items
    tags: Events | None
    ratings: Events | None

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.items.ids)


def read_catalog(config: CatalogConfig) -> Catalog:
    """Every file the settings name, validated. Raises CatalogError before anything is built."""
    folder, limits = config.folder, config.limits
    items = read_items(config.items, folder, limits=limits, display=config.display)
    tags = read_tags(config.tags, folder, ids=items.ids, limits=limits) if config.tags else None
    ratings = None
    if config.ratings:
        ratings = read_ratings(config.ratings, folder, ids=items.ids, limits=limits)
    for what, events in (("tags", tags), ("ratings", ratings)):
        if events is not None and events.n_dropped:
            log.warning("%d %s of unknown items left out", events.n_dropped, what)
    return Catalog(config, items, tags, ratings)


def joined_tags(tags: pd.DataFrame, n_items: int) -> pd.Series:
    """Each item's tags joined by blanks in file order, "" for an item without; row order."""
    joined = tags.groupby("row", sort=True)["tag"].agg(" ".join)
    return joined.reindex(range(n_items), fill_value="")
