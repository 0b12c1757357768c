"""Changes to a version: another one that shares with it all that has not changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from indexing.arrangement import Arrangement, arrange
from indexing.catalog import Catalog
from indexing.catalog.columns import id_column, item_table
from indexing.catalog.config import CatalogConfig
from indexing.catalog.settings import read_settings
from indexing.changing.carried import Carrying, adjusted
from indexing.changing.folding import Folded, fold
from indexing.changing.intake import catalog_of
from indexing.changing.source import ITEMS, UNCHANGED, Overlay, Source
from indexing.changing.splice import spliced, spliced_items
from indexing.documents import read_corpus
from indexing.embeddings import EmbeddingCounts, KnownVectors, batch_encoder, read_hashes
from indexing.entries import entries_of
from indexing.segments import Fresh, Making, contents_of, write_orders, write_segments
from shortlist.bundle import layout
from shortlist.bundle.changes import Change
from shortlist.bundle.intake import Intake
from shortlist.bundle.manifest import Counts, Manifest
from shortlist.bundle.places import GONE, EntryRows
from shortlist.bundle.profiles import ROLES
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import calibration, off_topic
from shortlist.bundle.store import OnStep, no_step
from shortlist.bundle.tables import ItemId, ItemTable
from shortlist.bundle.writer import BundleWriter
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder
from shortlist.errors import BundleUnsupported, CatalogError

_CARRIED = (calibration.SECTION, off_topic.SECTION)
"""What is learnt of a catalogue as a whole: a build learns it anew."""


class Target:
    """An open version that changes are made to, with what making them takes."""

    def __init__(self, live: Bundle, *, before: Target | None = None) -> None:
        if live.manifest.intake is None or ITEMS not in live.manifest.files:
            raise BundleUnsupported(
                f"{live.version} was built without what changes need; build the catalogue again"
            )
        self.live = live
        self.intake: Intake = live.manifest.intake
        self.config: CatalogConfig = read_settings(live.folder)
        self.source = Source(live)
        self._before = None if before is None else before.encoder_of(live)

    @cached_property
    def encoder(self) -> Encoder:
        """What turns documents into vectors, as the version's were made."""
        if self._before is not None:
            return self._before
        precision = Precision(self.live.manifest.encoder.precision)
        return batch_encoder(self.live.folder / layout.ENCODER, precision)

    def encoder_of(self, other: Bundle) -> Encoder | None:
        """The encoder, if it is open and that of another version too."""
        same = other.manifest.encoder == self.live.manifest.encoder
        mine: Encoder | None = self.__dict__.get("encoder", self._before)
        return mine if same else None

    def fold(self, changes: Sequence[Change]) -> Folded:
        """What these changes come to."""
        return fold(self.live, self.source, changes)

    def read(self, overlays: Mapping[ItemId, Overlay], locate: Locate | None = None) -> Catalog:
        """Items as they are with what has changed of them. Raises CatalogError for one unsound."""
        ids = list(overlays)
        return catalog_of(
            self.config,
            self.intake,
            self.source.values_of(overlays),
            locate=locate or (lambda rows: [f"item {ids[row]!r}" for row in rows]),
            categories=self.live.items.categories.names,
        )

    def problems_of(self, changes: Sequence[Change]) -> dict[int, str]:
        """Which of these changes cannot be made one after the other, by their places, and why."""
        folded = self.fold(changes)
        if folded.problems or not folded.overlays:
            return folded.problems
        try:
            self.read(folded.overlays)
        except CatalogError:
            found = (self._problem_of(change) for change in changes)
            return {place: said for place, said in enumerate(found) if said is not None}
        return {}

    def _problem_of(self, change: Change) -> str | None:
        """Why the item of a change cannot be read, None for one that can or is not there."""
        folded = self.fold([change])
        try:
            if folded.overlays:
                self.read(folded.overlays)
        except CatalogError as error:
            return str(error)
        return None


Locate = Callable[[Sequence[int]], list[str]]


@dataclass(frozen=True)
class Applied:
    """A version with changes, sealed: its manifest and how much was encoded for it."""

    manifest: Manifest
    counts: EmbeddingCounts


def write_version(
    folder: Path,
    target: Target,
    folded: Folded,
    *,
    applied: Mapping[str, int],
    compact: bool = False,
    on_step: OnStep = no_step,
) -> Applied:
    """Write the version with what the changes come to into an empty folder, and seal it.

    `applied` are the sequence numbers up to which it has changes, by where they come from. With
    `compact` segments are joined as a build does. Raises CatalogError for an item that cannot be
    read, and where none is left.
    """
    if not folded.n_items:
        raise CatalogError("changes: no item would be left; a version has at least one")
    version = _Version(target, folded, compact=compact)
    writer = BundleWriter(folder, embedding_dim=target.live.manifest.embedding_dim)
    return version.write(writer, applied=applied, on_step=on_step)


_KEPT = (
    *("catalog", "encoder", "profiles", "default_profile", *ROLES),
    *("reads", "attributes", "intake"),
)
"""What changes leave as it is in a manifest."""


class _Version:
    """One version on the way to another."""

    def __init__(self, target: Target, folded: Folded, *, compact: bool) -> None:
        self._target, self._folded, self._compact = target, folded, compact
        self._live = target.live

    def write(
        self, writer: BundleWriter, *, applied: Mapping[str, int], on_step: OnStep
    ) -> Applied:
        """Every file, then the manifest."""
        live, config = self._live, self._target.config
        carrying = Carrying(live, self._folded, self._is_other)
        items = self._items()
        popularity = carrying.popularity(items, config)
        if popularity is not None:
            items = replace(items, popularity=popularity.columns)
        self._write_columns(writer, items)
        on_step("items written")
        written = write_segments(writer, live, self._arrangement, self._new(on_step))
        features, volumes = carrying.write_features(
            writer, items, popularity, config, written.vectors
        )
        write_orders(writer, live, volumes, anew=self._compact)
        carrying.write_neighbours(writer)
        labels, n_tags = carrying.write_labels(writer, items, self._ids, self._target.source)
        sections = {**live.manifest.sections, "features": features, "suggestions": labels}
        for name in _CARRIED:
            if name in sections:
                writer.link(live, sections[name].files)
        on_step("sections written")
        known = live.manifest
        manifest = writer.seal(
            **{name: getattr(known, name) for name in _KEPT},
            counts=self._counts(items, n_tags),
            popularity=adjusted(known.popularity, popularity),
            sections=sections,
            applied={**known.applied, **applied},
        )
        on_step("sealed")
        return Applied(manifest, written.counts)

    @cached_property
    def _changed(self) -> Catalog | None:
        """The changed items, None where items are deleted and nothing else."""
        return self._target.read(self._folded.overlays) if self._folded.overlays else None

    @cached_property
    def _is_other(self) -> np.ndarray:
        """Which changed items are new, or differ in what segments have of them; bool [changed]."""
        if self._changed is None:
            return np.zeros(0, np.bool_)
        now = entries_of(self._changed, read_corpus(self._changed)).contents()
        contents = contents_of(self._live)
        assert contents is not None  # a target has segments
        is_other = np.ones(len(now), np.bool_)
        rows = self._folded.before[self._folded.changed_rows]
        known = np.flatnonzero(rows >= 0)
        for number, own, entries in self._live.places.parted(rows[known]):
            is_other[known[own]] = contents[number][entries] != now[known[own]]
        return is_other

    @cached_property
    def _arrangement(self) -> Arrangement:
        """What stays of the segments; entries of what is another now are gone."""
        folded = self._folded
        others = folded.changed_rows[self._is_other]
        rows: list[EntryRows] = []
        for segment in self._live.segments:
            moved = np.append(folded.rows, GONE)[segment.rows].astype(np.int32)
            moved[np.isin(moved, others)] = GONE
            rows.append(moved)
        return arrange(rows, n_items=folded.n_items, compact=self._compact)

    @cached_property
    def _ids(self) -> pa.Array:
        """The ids in row order."""
        before = self._live.ids.ids
        changed = before.slice(0, 0) if self._changed is None else id_column(self._changed)
        return spliced(before, changed, self._folded.chosen)

    def _items(self) -> ItemTable:
        """The item columns in row order, ratings as they were."""
        before, folded = self._live.items, self._folded
        changed = before if self._changed is None else item_table(self._changed, None)
        return spliced_items(before, changed, folded.chosen, rated_as=folded.before)

    def _write_columns(self, writer: BundleWriter, items: ItemTable) -> None:
        live, folded = self._live, self._folded
        writer.link_encoder(live)
        writer.link(live, [layout.SETTINGS, ITEMS])
        writer.write_items(self._ids, items)
        self._target.source.write_changed(writer.folder, folded.overlays, folded.gone)

    def _new(self, on_step: OnStep) -> Fresh | None:
        """What is written into a new segment, None for nothing."""
        target, fresh = self._target, self._arrangement.fresh
        if not len(fresh):
            return None
        ids = self._ids.take(pa.array(fresh)).to_pylist()
        known = target.source.overlays(ids)
        changed = self._folded.overlays
        overlays = {one: changed.get(one) or known.get(one, UNCHANGED) for one in ids}
        catalog = target.read(overlays)
        corpus = read_corpus(catalog)
        entries = entries_of(catalog, corpus)
        prompts = self._live.manifest.encoder
        encode = partial(target.encoder.encode, prompt=prompts.query_prompt)
        making = Making(
            encoder=target.encoder,
            document_prompt=prompts.document_prompt,
            language=target.config.words.language,
            index_type=target.config.index.type,
            probes=lambda: encode(corpus.recall_probes()),
            known=[self._known_vectors()],
            on_progress=int,
            on_step=on_step,
        )
        return Fresh(entries, entries.contents(), making)

    def _known_vectors(self) -> KnownVectors:
        """The vectors before of the items that are written into a new segment."""
        rows = self._folded.before[self._arrangement.fresh]
        rows = rows[rows >= 0]
        hashes = read_hashes(self._live)[rows]
        order = np.argsort(hashes, kind="stable")
        return KnownVectors(hashes[order], order, self._live.vectors[rows])

    def _counts(self, items: ItemTable, n_tags: int) -> Counts:
        before, popularity = self._live.manifest.counts, items.popularity
        n_ratings = 0 if popularity is None else int(popularity.rating_count.sum())
        return before.model_copy(
            update={
                "items": len(items),
                "tags": n_tags,
                "ratings": n_ratings,
                "dropped_ratings": before.dropped_ratings + before.ratings - n_ratings,
            }
        )
