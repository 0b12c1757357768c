"""catalog.toml and the files or databases it names, as validated tables."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from indexing.catalog.config import CatalogConfig
from indexing.catalog.database import Databases
from indexing.catalog.events import Events, read_ratings, read_tags
from indexing.catalog.items import Items, read_items
from indexing.catalog.limits import Limits
from indexing.memory import give_back

if TYPE_CHECKING:
    from indexing.behaviour.acts import Acts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Catalog:
    """All that was read: items in row order, what users said of them, and the settings.

    `ratings` have in them what people said by what they did; `acts` is all that they did.
    """

    config: CatalogConfig
    items: Items
    tags: Events | None
    ratings: Events | None
    acts: Acts | None = None

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.items.ids)


class _How(TypedDict):
    """What every table is read with."""

    limits: Limits
    databases: Databases


def read_catalog(config: CatalogConfig) -> Catalog:
    """Every table the settings name, validated. Raises CatalogError before anything is built."""
    with Databases(config.folder) as databases:
        items, tags, ratings = _read_tables(config, databases)
    acts = None
    if config.events is not None:
        ratings, acts = _with_acts(config, items, ratings)
    for what, events in (("tags", tags), ("ratings", ratings)):
        if events is not None and events.n_dropped:
            log.warning("%d %s of unknown items left out", events.n_dropped, what)
    if acts is not None and acts.n_dropped:
        log.warning("%d events of unknown items left out", acts.n_dropped)
    give_back()
    return Catalog(config, items, tags, ratings, acts)


def _with_acts(config: CatalogConfig, items: Items, ratings: Events | None) -> tuple[Events, Acts]:
    """The ratings with what people did, and all that they did.

    What reads it stands on the modules of this package, so that it is imported when it is asked.
    """
    from indexing.behaviour.acts import read_acts
    from indexing.behaviour.judged import with_acts

    assert config.events is not None and config.scale is not None
    acts = read_acts(config.events, config.folder, items.ids)
    return with_acts(ratings, acts, config.events, config.scale), acts


def _read_tables(
    config: CatalogConfig, databases: Databases
) -> tuple[Items, Events | None, Events | None]:
    """Items, tags and ratings, what is in one database of one moment."""
    folder, how = config.folder, _How(limits=config.limits, databases=databases)
    items = read_items(config.items, folder, display=config.display, **how)
    ids, tags, ratings = items.ids, None, None
    if config.tags:
        tags = read_tags(config.tags, folder, ids=ids, **how)
    if config.ratings:
        ratings = read_ratings(config.ratings, folder, ids=ids, **how)
    return items, tags, ratings
