"""Changes to a version: another one that shares with it all that has not changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from indexing.arrangement import Arrangement, arrange
from indexing.catalog import Catalog
from indexing.catalog.columns import id_column, item_table
from indexing.changing.carried import Carrying, adjusted
from indexing.changing.folding import Folded
from indexing.changing.source import ITEMS
from indexing.changing.splice import Chosen, spliced, spliced_items
from indexing.changing.target import Target
from indexing.chunks import local_chunks
from indexing.collecting import Collecting, collecting_of
from indexing.collecting.owned import Collections
from indexing.documents import read_corpus
from indexing.embeddings import EmbeddingCounts, KnownVectors, read_hashes
from indexing.entries import entries_of
from indexing.probed import nearest_after, read_probes, write_nearest
from indexing.segments import (
    Fresh,
    Making,
    Written,
    contents_of,
    measured_recall,
    write_orders,
    write_segments,
)
from shortlist.bundle import layout
from shortlist.bundle.manifest import MOST_SPANS, Counts, Manifest, Span
from shortlist.bundle.places import GONE, EntryRows
from shortlist.bundle.profiles import ROLES
from shortlist.bundle.sections import calibration, off_topic
from shortlist.bundle.store import OnStep, no_step
from shortlist.bundle.tables import ItemTable
from shortlist.bundle.writer import BundleWriter
from shortlist.errors import CatalogError

_CARRIED = (calibration.SECTION, off_topic.SECTION)
"""What is learnt of a catalogue as a whole: a build learns it anew."""


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
    own: Collections,
    taken_back: Sequence[Span] = (),
    compact: bool = False,
    on_step: OnStep = no_step,
) -> Applied:
    """Write the version with what the changes come to into an empty folder, and seal it.

    `applied` are the sequence numbers up to which it has changes, by where they come from,
    `taken_back` those of the log that it passes over. Collections that are made are `own`ed by the
    artifacts folder. With `compact` segments are joined as a build
    does. Raises CatalogError for an item that cannot be read, and where none is left.
    """
    if not folded.n_items:
        raise CatalogError("changes: no item would be left; a version has at least one")
    collecting = collecting_of(target.config.retrieval, own)
    version = _Version(target, folded, compact=compact, collecting=collecting)
    writer = BundleWriter(folder, embedding_dim=target.live.manifest.embedding_dim)
    return version.write(writer, applied=applied, taken_back=taken_back, on_step=on_step)


_KEPT = (
    *("catalog", "encoder", "profiles", "default_profile", *ROLES, "experiment"),
    *("reads", "attributes", "intake"),
)
"""What changes leave as it is in a manifest."""


class _Version:
    """One version on the way to another."""

    def __init__(
        self, target: Target, folded: Folded, *, compact: bool, collecting: Collecting | None
    ) -> None:
        self._target, self._folded, self._compact = target, folded, compact
        self._collecting = collecting
        self._live = target.live

    def write(
        self,
        writer: BundleWriter,
        *,
        applied: Mapping[str, int],
        taken_back: Sequence[Span],
        on_step: OnStep,
    ) -> Applied:
        """Every file, then the manifest."""
        live, config = self._live, self._target.config
        carrying = Carrying(live, self._folded, self._is_other)
        items = self._items()
        popularity = carrying.popularity(items, config)
        if popularity is not None and items.popularity is not live.items.popularity:
            items = replace(items, popularity=popularity.columns)
        self._write_columns(writer, items)
        on_step("items written")
        written = write_segments(writer, live, self._arrangement, self._new(on_step))
        recall = self._recall(writer, written)
        features, volumes = carrying.write_features(
            writer, items, popularity, config, written.vectors
        )
        write_orders(writer, live, volumes, anew=self._compact)
        carrying.write_neighbours(writer)
        carrying.write_users(writer)
        labels, n_tags = carrying.write_labels(writer, items, self._target.source)
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
            recall=recall,
            applied={**known.applied, **applied},
            taken_back=(*known.taken_back, *taken_back)[-MOST_SPANS:],
        )
        on_step("sealed")
        return Applied(manifest, written.counts)

    def _recall(self, writer: BundleWriter, written: Written) -> float | None:
        """The recall of all segments, measured anew where one of them has changed."""
        live = self._live
        if layout.PROBES not in live.manifest.files:
            return None
        writer.link(live, [layout.PROBES])
        if self._same_segments(written):
            writer.link(live, [layout.PROBED] if layout.PROBED in live.manifest.files else [])
            return live.manifest.recall
        folded, probes = self._folded, read_probes(live)
        others = folded.changed_rows[self._is_other]
        rows = np.where(np.isin(folded.rows, others), -1, folded.rows)
        nearest = nearest_after(live, probes, written.vectors, rows=rows, fresh=others)
        write_nearest(writer.folder, nearest)
        return measured_recall(writer, written, probes, nearest)

    def _same_segments(self, written: Written) -> bool:
        """Whether every segment has the entries that it had, and there is no other."""
        before = [one.rows for one in self._live.segments]
        same = len(written.rows) == len(before)
        return same and all(map(np.array_equal, written.rows, before))

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
    def _chosen(self) -> Chosen:
        return Chosen(self._folded.chosen, self._live.n_items)

    @cached_property
    def _ids(self) -> pa.Array:
        """The ids in row order."""
        before = self._live.ids.ids
        changed = before.slice(0, 0) if self._changed is None else id_column(self._changed)
        return spliced(before, changed, self._chosen)

    def _items(self) -> ItemTable:
        """The item columns in row order, ratings as they were."""
        before, folded = self._live.items, self._folded
        changed = before if self._changed is None else item_table(self._changed, None)
        return spliced_items(before, changed, self._chosen, rated_as=folded.before)

    def _write_columns(self, writer: BundleWriter, items: ItemTable) -> None:
        live, folded = self._live, self._folded
        writer.link_encoder(live)
        writer.link(live, [layout.SETTINGS, ITEMS])
        if self._ids is live.ids.ids:
            writer.link(live, [layout.ID_MAP])
        else:
            writer.write_ids(self._ids)
        writer.write_items(items)
        if items.popularity is not None and items.popularity is live.items.popularity:
            writer.link(live, [layout.POPULARITY])
        else:
            writer.write_popularity(self._ids, items)
        self._target.source.write_changed(writer.folder, folded.overlays, folded.gone)

    def _new(self, on_step: OnStep) -> Fresh | None:
        """What is written into a new segment, None for nothing."""
        target, fresh = self._target, self._arrangement.fresh
        if not len(fresh):
            return None
        ids = self._ids.take(pa.array(fresh)).to_pylist()
        overlays = {**target.source.as_known(ids), **self._folded.overlays}
        overlays = {one: overlays[one] for one in ids}
        catalog = target.read(overlays)
        corpus = read_corpus(catalog)
        entries = entries_of(catalog, corpus)
        prompts = self._live.manifest.encoder
        encode = partial(target.encoder.encode, prompt=prompts.query_prompt)
        making = Making(
            embedding_dim=self._live.manifest.embedding_dim,
            encoding=partial(local_chunks, target.encoder, prompt=prompts.document_prompt),
            language=target.config.words.language,
            index_type=target.config.index.type,
            probes=lambda: encode(corpus.recall_probes()),
            known=[self._known_vectors()],
            on_progress=int,
            on_step=on_step,
            collecting=self._collecting,
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
