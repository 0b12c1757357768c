"""Pairs written by hand: whoever looks at the one item should be shown the other."""

from __future__ import annotations

import numpy as np

from indexing.catalog import Catalog
from indexing.catalog.tables import read_table
from indexing.measure.topic import Protocol, Topic, is_held_out
from shortlist.errors import CatalogError

PAIRS = "pairs"
DEPTH = 50


def written_pairs(catalog: Catalog) -> Protocol:
    """From the one item of each pair of the catalogue's file to the other.

    Its columns are item, related and kind: ids, and what makes a pair of them. Half of the pairs,
    by their first item, are held out. Raises CatalogError for an id that no item has.
    """
    wanted = catalog.config.evaluation.pairs
    if wanted is None:
        return Protocol(PAIRS, skipped="catalog.toml names no [evaluation] pairs")
    path = catalog.config.folder / wanted
    table = read_table(path, ["item", "related", "kind"]).astype("str")
    row_of = {str(one): row for row, one in enumerate(catalog.items.ids.tolist())}
    topics = []
    for item, related, kind in table.itertuples(index=False):
        if unknown := {item, related} - row_of.keys():
            raise CatalogError(f"{path}: no item has the id {min(unknown)!r}")
        topics.append(
            Topic(
                id=f"{item}:{related}",
                relevant=np.array([row_of[related]], dtype=np.int64),
                kind=kind,
                similar=True,
                held_out=is_held_out("item", item),
                liked=np.array([row_of[item]], dtype=np.int64),
                seen=np.array([row_of[item]], dtype=np.int64),
            )
        )
    return Protocol(PAIRS, tuple(topics), depth=DEPTH)
