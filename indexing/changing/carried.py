"""What a changed version carries over of what was learnt and counted, at the rows of its items."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from indexing.behaviour.trending import TRENDING
from indexing.catalog.config import CatalogConfig
from indexing.changing.folding import Folded
from indexing.changing.source import Source
from indexing.features import rated_features, reference_items, write_with_recency
from indexing.neighbours.section import at_rows
from indexing.popularity import Popularity, from_counts
from indexing.suggestions import labels_of
from indexing.tag_counts import TAGS, TagCounts, write_tag_counts
from indexing.users import at_rows as users_at_rows
from shortlist.bundle.arrays import Csr, FloatArray
from shortlist.bundle.manifest import PopularityInfo, Section
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import (
    described,
    item_features,
    neighbour_lists,
    suggestion_order,
    users,
)
from shortlist.bundle.sections.item_features import ItemFeatures
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.bundle.tables import ItemTable
from shortlist.bundle.vectors import AllVectors
from shortlist.bundle.writer import BundleWriter

_MOST_COMPARED = 200_000_000
"""Pairs of a cold and a rated item that are compared again because a rated one has changed."""


@dataclass(frozen=True)
class Carrying:
    """A version and what changes to it come to.

    `is_other` bool [changed] says of which changed items the document, and so the vector, is
    another than before.
    """

    live: Bundle
    folded: Folded
    is_other: np.ndarray

    @property
    def same_rows(self) -> bool:
        """Whether every item stands where it stood, and none is new."""
        folded = self.folded
        return bool(np.array_equal(folded.rows, np.arange(folded.n_items)))

    def popularity(self, items: ItemTable, config: CatalogConfig) -> Popularity | None:
        """What the ratings that there were say, of the items that there are."""
        info, columns = self.live.manifest.popularity, items.popularity
        if info is None or columns is None:
            return None
        return from_counts(
            columns.rating_count,
            columns.mean_rating,
            highest=info.scale[1],
            prior_quantile=config.popularity.prior_quantile,
        )

    def write_features(
        self,
        writer: BundleWriter,
        items: ItemTable,
        popularity: Popularity | None,
        config: CatalogConfig,
        vectors: AllVectors,
    ) -> tuple[Section, FloatArray | None]:
        """The feature section, and how many people rated each item."""
        if self._same_features(items, config):
            writer.link(self.live, item_features.FILES)
            known = self.live.sections.features
            assert known is not None
            return self.live.manifest.sections["features"], known.columns.get("rating_volume")
        features = ItemFeatures({}, np.zeros(len(items), np.uint8))
        if popularity is not None:
            known = self._known_features()
            features = rated_features(popularity, vectors, known_before=known)
        features = replace(features, columns={**features.columns, **self._trending()})
        section = write_with_recency(writer.folder, features, config.recency, items.attributes)
        return section, features.columns.get("rating_volume")

    def _trending(self) -> dict[str, FloatArray]:
        """How much items were turned to when the events were read; 0 for what is new."""
        before = self.live.sections.features
        if before is None or TRENDING not in before.columns:
            return {}
        return {TRENDING: np.append(before.columns[TRENDING], 0.0)[self.folded.before]}

    def _same_features(self, items: ItemTable, config: CatalogConfig) -> bool:
        """Whether nothing has changed of what features are made of."""
        if not self.same_rows or self.is_other.any() or self.live.sections.features is None:
            return False
        wanted, before = config.recency, self.live.items.attributes
        return wanted is None or items.attributes[wanted.attribute] is before[wanted.attribute]

    def _known_features(self) -> ItemFeatures | None:
        """The features before at the rows of now, NaN for what is new or another.

        None where what cold items take theirs from has changed, unless they are very many: theirs
        are then those of the last build.
        """
        before = self.live.sections.features
        if before is None or "rating_volume" not in before.columns:
            return None
        if self._reference_changed() and self._n_pairs() <= _MOST_COMPARED:
            return None
        folded = self.folded
        source = folded.before.copy()
        source[folded.changed_rows[self.is_other]] = -1
        columns = {
            name: np.append(values, np.nan)[source] for name, values in before.columns.items()
        }
        return ItemFeatures(columns, np.zeros(folded.n_items, np.uint8))

    def _n_pairs(self) -> int:
        counts = self._counts()
        return int((counts == 0).sum()) * len(reference_items(counts))

    def _counts(self) -> np.ndarray:
        popularity = self.live.items.popularity
        assert popularity is not None
        return popularity.rating_count

    def _reference_changed(self) -> bool:
        """Whether an item that cold ones may take after is gone, or is about something else."""
        reference = np.zeros(self.live.n_items, np.bool_)
        reference[reference_items(self._counts())] = True
        changed = self.folded.rows < 0
        others = np.isin(self.folded.rows, self.folded.changed_rows[self.is_other])
        return bool((reference & (changed | others)).any())

    def write_neighbours(self, writer: BundleWriter) -> None:
        """The neighbours of the items that stay, at their rows; new items have none."""
        found, folded = self.live.sections.neighbours, self.folded
        if found is None:
            return
        if self.same_rows:
            writer.link(self.live, neighbour_lists.FILES)
        elif (folded.rows >= 0).all():
            writer.link(self.live, neighbour_lists.ENTRIES)
            longer = [
                _longer(lists, folded.n_items) for lists in (found.collaborative, found.co_liked)
            ]
            neighbour_lists.write_offsets(writer.folder, Neighbours(*longer))
        else:
            moved = at_rows(found, folded.rows, n_items=folded.n_items)
            neighbour_lists.write_neighbours(writer.folder, moved)

    def write_users(self, writer: BundleWriter) -> None:
        """What users rated of the items that stay, at their rows."""
        found = self.live.sections.users
        if found is None:
            return
        if self.same_rows or (self.folded.rows == np.arange(self.live.n_items)).all():
            writer.link(self.live, users.FILES)
        else:
            users.write_users(writer.folder, users_at_rows(found, self.folded.rows))

    def write_labels(
        self, writer: BundleWriter, items: ItemTable, source: Source
    ) -> tuple[Section, int]:
        """The suggestion section: what categories and tags there are now, and how many tags."""
        section, n_tags = described(suggestion_order.SECTION), self.live.manifest.counts.tags
        if self.same_rows and not self.is_other.any():
            kept = [TAGS] if TAGS in self.live.manifest.files else []
            writer.link(self.live, [*suggestion_order.FILES, *kept])
            return section, n_tags
        tags = self._tag_counts(source)
        if tags is not None:
            write_tag_counts(writer.folder, tags)
        labels = labels_of(items.categories, tags, n_items=len(items))
        suggestion_order.write_labels(writer.folder, labels)
        return section, n_tags if tags is None else tags.total

    def _tag_counts(self, source: Source) -> TagCounts | None:
        """The counts before, with what the changed and the lost items had and have."""
        counts, folded = source.tag_counts(), self.folded
        if counts is None:
            return None
        before = source.as_known(folded.known)
        return counts.changed(source.tags_of(before), source.tags_of(folded.overlays))


def _longer(lists: Csr, n_items: int) -> Csr:
    """The same lists, with empty ones for more items behind them."""
    more = np.full(n_items - len(lists), lists.offsets[-1])
    return Csr(np.concatenate([lists.offsets, more]), lists.indices, lists.weights)


def adjusted(info: PopularityInfo | None, popularity: Popularity | None) -> PopularityInfo | None:
    """The constants of the weighted rating as they are now."""
    if info is None or popularity is None:
        return info
    update = {"prior_mean": popularity.prior_mean, "prior_count": popularity.prior_count}
    return info.model_copy(update=update)
