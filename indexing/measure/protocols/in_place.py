"""Words in place: whether items are found by the tags and categories that they carry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from indexing.catalog import Catalog
from indexing.measure.topic import SEED, Protocol, Topic, is_held_out
from shortlist.bundle.arrays import RowArray

Key = TypeVar("Key")

NAME = "words in place"
TAG, CATEGORY, PAIR = "tags", "categories", "pairs"
KINDS = (TAG, CATEGORY, PAIR)
LEAST_CARRIERS = 5
MAX_TOPICS = 500
"""Of each kind; of more a seeded draw is taken."""


def words_in_place(catalog: Catalog) -> Protocol:
    """One topic a tag that five items carry, one a category, one a pair of both that five carry.

    The text is the tag (stripped, case-folded), the category's name, or both, tag first; relevant
    are the items that carry it, or both. Nothing is taken out of any document.
    """
    tags, categories = carriers_of_tags(catalog), carriers_of_categories(catalog)
    if not tags and not categories:
        return Protocol(NAME, skipped=f"no tag or category is carried by {LEAST_CARRIERS} items")
    pairs = {
        (tag, category): both
        for tag, rows in tags.items()
        for category, others in categories.items()
        if len(both := np.intersect1d(rows, others)) >= LEAST_CARRIERS
    }
    topics = [
        *(_topic(TAG, tag, rows, key=tag) for tag, rows in _drawn(tags.items())),
        *(_topic(CATEGORY, name, rows, key=name) for name, rows in _drawn(categories.items())),
        *(_topic(PAIR, " ".join(pair), rows, key=pair[0]) for pair, rows in _drawn(pairs.items())),
    ]
    return Protocol(NAME, tuple(topics))


def carriers_of_tags(catalog: Catalog, *, least: int = LEAST_CARRIERS) -> dict[str, RowArray]:
    """By tag (stripped, case-folded) the rows that carry it, int64, rising, `least` or more."""
    if catalog.tags is None:
        return {}
    tags = catalog.tags.table.assign(folded=catalog.tags.table["tag"].str.strip().str.casefold())
    found = {
        str(tag): np.unique(rows.to_numpy(np.int64)) for tag, rows in tags.groupby("folded")["row"]
    }
    return {tag: found[tag] for tag in sorted(found) if tag and len(found[tag]) >= least}


def carriers_of_categories(catalog: Catalog) -> dict[str, RowArray]:
    """By category the rows that carry it, int64, rising, five or more."""
    categories = catalog.items.categories
    rows = np.repeat(np.arange(catalog.n_items), np.diff(categories.lists.offsets))
    found = {
        name: np.unique(rows[categories.lists.indices == code])
        for code, name in enumerate(categories.names)
    }
    return {name: own for name, own in found.items() if len(own) >= LEAST_CARRIERS}


def _drawn(found: Iterable[tuple[Key, RowArray]]) -> list[tuple[Key, RowArray]]:
    listed = list(found)
    places = np.random.default_rng(SEED).permutation(len(listed))[:MAX_TOPICS]
    return [listed[place] for place in np.sort(places).tolist()]


def _topic(kind: str, text: str, rows: RowArray, *, key: str) -> Topic:
    """A pair is held out with its tag, so that nothing learnt from one is asked in the other."""
    return Topic(
        id=f"{kind}:{text}",
        text=text,
        relevant=rows,
        kind=kind,
        held_out=is_held_out("category" if kind == CATEGORY else "tag", key),
    )
