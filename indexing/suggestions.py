"""What is offered to somebody who types: the order of titles, categories, frequent tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexing.catalog import Catalog
from indexing.tag_counts import TagCounts, count_tags, write_tag_counts
from shortlist.bundle.folding import fold
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import described, suggestion_order
from shortlist.bundle.sections.suggestion_order import MAX_LABEL_LENGTH, MAX_LABELS, Label
from shortlist.bundle.tables import Categories

LEAST_ITEMS = 5
"""Tags that fewer items carry are not offered."""


def write_suggestions(folder: Path, catalog: Catalog) -> Section:
    """The suggestion section of a bundle, and the counts of tags that changes to it need."""
    tags = None if catalog.tags is None else count_tags(catalog.tags.table)
    if tags is not None:
        write_tag_counts(folder, tags)
    labels = labels_of(catalog.items.categories, tags, n_items=catalog.n_items)
    suggestion_order.write_labels(folder, labels)
    return described(suggestion_order.SECTION)


def labels_of(categories: Categories, tags: TagCounts | None, *, n_items: int) -> list[Label]:
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


def _tags(counts: TagCounts | None) -> Iterator[Label]:
    if counts is None:
        return
    shown: dict[str, str] = {}
    for _, text in sorted((-n, text) for text, n in counts.given.items()):
        shown.setdefault(fold(text), text.strip())
    for text, written in shown.items():
        if counts.carried[text] >= LEAST_ITEMS:
            yield Label(written, text, "tag", counts.carried[text])
