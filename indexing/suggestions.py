"""What is offered to somebody who types: the order of titles, categories, frequent tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from shortlist.bundle.folding import fold
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import described, suggestion_order
from shortlist.bundle.sections.suggestion_order import MAX_LABEL_LENGTH, MAX_LABELS, Label
from shortlist.bundle.tables import Categories

LEAST_ITEMS = 5
"""Tags that fewer items carry are not offered."""


def write_suggestions(folder: Path, catalog: Catalog) -> Section:
    """The suggestion section of a bundle."""
    suggestion_order.write_labels(folder, catalog_labels(catalog))
    return described(suggestion_order.SECTION)


def catalog_labels(catalog: Catalog) -> list[Label]:
    """What is offered of a catalogue's categories and tags; see `labels_of`."""
    tags = None if catalog.tags is None else catalog.tags.table[["row", "tag"]]
    return labels_of(catalog.items.categories, tags, n_items=catalog.n_items)


def labels_of(categories: Categories, tags: pd.DataFrame | None, *, n_items: int) -> list[Label]:
    """Categories and tags of at least five items, at most 4,000, those of most items first.

    Labels that read alike are one, in the spelling of most; a tag that is a category is left out.
    """
    found: dict[str, Label] = {}
    for label in [*_categories(categories, n_items), *_tags(tags)]:
        if label.folded and len(label.shown) <= MAX_LABEL_LENGTH:
            found.setdefault(label.folded, label)
    return sorted(found.values(), key=lambda label: (-label.count, label.folded))[:MAX_LABELS]


def _categories(categories: Categories, n_items: int) -> list[Label]:
    counts = np.bincount(categories.lists.indices, minlength=len(categories.names)).tolist()
    named = zip(categories.names, counts, strict=True)
    found = [Label(name, fold(name), "category", min(n, n_items)) for name, n in named if n]
    return sorted(found, key=lambda label: -label.count)


def _tags(table: pd.DataFrame | None) -> Iterator[Label]:
    if table is None:
        return
    codes, distinct = pd.factorize(table["tag"])
    spelled = np.bincount(codes, minlength=len(distinct)).tolist()
    shown: dict[str, str] = {}
    for _, text in sorted((-n, str(text)) for n, text in zip(spelled, distinct, strict=True)):
        shown.setdefault(fold(text), text.strip())
    number_of = {text: number for number, text in enumerate(shown)}
    numbers = np.array([number_of[fold(str(text))] for text in distinct], dtype=np.int64)
    pairs = table["row"].to_numpy(np.int64) * len(shown) + numbers[codes]
    carried = np.bincount(pd.unique(pairs) % max(1, len(shown)), minlength=len(shown))
    for (text, written), count in zip(shown.items(), carried.tolist(), strict=True):
        if count >= LEAST_ITEMS:
            yield Label(written, text, "tag", count)
