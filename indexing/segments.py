"""Writing segments: items to vectors, indexes, words and titles, and where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from indexing.arrangement import Arrangement, arrange, rows_of_entries, whole
from indexing.catalog.config import CatalogConfig
from indexing.catalog.settings import read_settings
from indexing.chunks import ChunkEncoder
from indexing.collecting import Collecting
from indexing.documents import HASH_DTYPE, HashArray
from indexing.embeddings import EmbeddingCounts, KnownVectors, embed_corpus
from indexing.entries import Entries
from indexing.index import EXACT_BESIDE, build_index, kind_beside
from indexing.probed import Nearest
from indexing.recall import RECALL_DEPTH
from indexing.titles import write_titles
from indexing.words import write_words
from shortlist.bundle import layout
from shortlist.bundle.arrays import FloatArray, Vectors, map_array
from shortlist.bundle.manifest import SegmentInfo
from shortlist.bundle.places import EntryRows, places_of
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections.suggestion_order import write_order
from shortlist.bundle.sections.title_index import read_titles
from shortlist.bundle.segments import folder_of, ranks_file, rows_file
from shortlist.bundle.store import OnStep
from shortlist.bundle.vectors import AllVectors
from shortlist.bundle.writer import BundleWriter, SegmentWriter
from shortlist.encoder.machine import available_cores
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.lanes.segments import (
    AnySegment,
    RetrievedSegment,
    SegmentsRetriever,
    open_index,
)
from shortlist.engine.remote.collection import CollectedSegment
from shortlist.errors import BundleCorrupt

NOTHING = EmbeddingCounts(encoded=0, reused=0, repeated=0, cut=0)

_NUMBER = re.compile(r"s(\d{1,9})")


@dataclass(frozen=True)
class Making:
    """What a new segment is made with.

    `encoding` opens what encodes documents; `probes` gives the query vectors that an approximate
    index is measured with; `known` are vectors that need not be computed again. Indexes are in the
    bundle unless they are `collecting`.
    """

    embedding_dim: int
    encoding: Callable[[], AbstractContextManager[ChunkEncoder]]
    language: str
    index_type: str
    probes: Callable[[], Vectors]
    known: Sequence[KnownVectors]
    on_progress: Callable[[int], object]
    on_step: OnStep
    collecting: Collecting | None = None


@dataclass(frozen=True)
class Written:
    """The segments of a version: all vectors in row order, and what was computed for them.

    `rows` are those of each segment's entries.
    """

    vectors: AllVectors
    counts: EmbeddingCounts
    rows: Sequence[EntryRows]


def contents_of(live: Bundle) -> list[HashArray] | None:
    """What the entries of every segment are, S16 [m] each; None for a bundle without segments."""
    if not all(one.name for one in live.segments):
        return None
    return [
        map_array(one.folder / layout.CONTENTS, HASH_DTYPE, len(one.rows)) for one in live.segments
    ]


def made_alike(live: Bundle, config: CatalogConfig) -> bool:
    """Whether segments of the live version may stand beside those made by these settings."""
    try:
        own = read_settings(live.folder)
    except BundleCorrupt:
        return False  # of a bundle from before there were segments
    indexed = own.index == config.index and own.retrieval == config.retrieval
    return own.words == config.words and indexed


def arrange_over(live: Bundle | None, wanted: HashArray, *, compact: bool = True) -> Arrangement:
    """What a version of items with these contents (S16 [n]) keeps of the live one's segments."""
    contents = None if live is None else contents_of(live)
    if contents is None:
        return whole(len(wanted))
    rows = rows_of_entries(contents, wanted)
    return arrange(rows, n_items=len(wanted), compact=compact)


@dataclass(frozen=True)
class Fresh:
    """What is written into a new segment: its entries, and their contents, S16 [m]."""

    entries: Entries
    contents: HashArray
    making: Making


def write_segments(
    writer: BundleWriter, live: Bundle | None, arrangement: Arrangement, new: Fresh | None
) -> Written:
    """Keep what stays, and write what is `new` as a segment: the arrangement's fresh rows."""
    n_items = len(arrangement.fresh) + sum(int((one.rows >= 0).sum()) for one in arrangement.kept)
    vectors, rows = [], []
    for one in arrangement.kept:
        assert live is not None
        segment = live.segments[one.place]
        writer.keep_segment(live, segment, one.rows)
        vectors.append(segment.vectors)
        rows.append(one.rows)
    counts = NOTHING
    if new is not None and len(arrangement.fresh):
        name, kind = next_name(live), new.making.index_type
        fresh = arrangement.fresh.astype(np.int32)
        if arrangement.kept:
            dim = new.making.embedding_dim
            kind = kind_beside(kind, n_entries=len(fresh), n_items=n_items, embedding_dim=dim)
        making = replace(new.making, index_type=kind)
        if arrangement.kept and len(fresh) <= EXACT_BESIDE:
            making = replace(making, collecting=None)
        info, own, counts = _write_segment(writer, name, replace(new, making=making), fresh)
        writer.add_segment(info, fresh)
        vectors.append(own)
        rows.append(fresh)
    return Written(AllVectors(vectors, places_of(rows, n_items=n_items)), counts, rows)


def measured_recall(
    writer: BundleWriter, written: Written, probes: Vectors, nearest: Nearest
) -> float | None:
    """The recall at 50 of a version's segments together; None where every one is exact.

    `nearest` are the rows that truly are nearest to each of the probes.
    """
    infos = writer.segments
    if all(info.retrieval.exact for info in infos):
        return None
    vectors = written.vectors
    parts: list[AnySegment] = []
    for info, own, rows in zip(infos, vectors.of_segments, written.rows, strict=True):
        index = open_index(writer.folder / folder_of(info.name), info.retrieval, own)
        if isinstance(index, FaissRetriever):
            parts.append(RetrievedSegment(index, rows))
        else:
            parts.append(CollectedSegment(index, rows))
    retriever = SegmentsRetriever(parts, vectors)
    depth = min(RECALL_DEPTH, len(vectors))
    with ThreadPoolExecutor(available_cores()) as threads:
        found = threads.map(lambda probe: retriever.retrieve(probe, depth).rows, probes)
        exact = nearest[:, :depth]
        shares = [len(np.intersect1d(*pair)) / depth for pair in zip(found, exact, strict=True)]
    return round(float(np.mean(shares)), 4)


def next_name(live: Bundle | None) -> str:
    """A name that no segment of the live version has: s1, s2 and so on."""
    names = [] if live is None else [one.name for one in live.segments]
    numbers = [int(found[1]) for name in names if (found := _NUMBER.fullmatch(name))]
    return f"s{1 + max(numbers, default=0)}"


def _write_segment(
    bundle: BundleWriter, name: str, new: Fresh, rows: EntryRows
) -> tuple[SegmentInfo, Vectors, EmbeddingCounts]:
    entries, making = new.entries, new.making
    folder = bundle.new_segment(name)
    writer = SegmentWriter(folder, n_entries=len(entries), embedding_dim=making.embedding_dim)
    sections = write_titles(folder, entries.titles, entries.alternatives)
    sections |= write_words(folder, entries.fields, n_rows=len(entries), language=making.language)
    with making.encoding() as encoder:
        counts = embed_corpus(
            entries.documents(),
            encoder,
            writer,
            live=making.known,
            on_progress=making.on_progress,
        )
    writer.close(new.contents)
    making.on_step("vectors written")
    if making.collecting is None:
        kind = making.index_type
        retrieval = build_index(writer.vectors, folder, kind=kind, probes=making.probes)
    else:
        of_items: dict[str, Any] = {"items": bundle.folder / layout.ITEMS, "rows": rows}
        retrieval = making.collecting.build(
            writer.vectors, folder, **of_items, probes=making.probes
        )
    making.on_step("index written")
    info = SegmentInfo(
        name=name,
        entries=len(entries),
        live=len(entries),
        retrieval=retrieval,
        sections=sections,
    )
    return info, writer.vectors, counts


def write_orders(
    writer: BundleWriter, live: Bundle | None, volumes: FloatArray | None, *, anew: bool
) -> None:
    """Write how the words of every segment's titles are offered, best first; see `by_priority`.

    `volumes` float64 [n] is how many people rated each item, in [0, 1], None without ratings.
    Unless it is made `anew`, the order of a segment that stays is kept: it changes with ratings.
    """
    kept = set() if live is None or anew else {one.name for one in live.segments}
    for info in writer.segments:
        ranks = ranks_file(info.name)
        if live is not None and info.name in kept and ranks in live.manifest.files:
            writer.link(live, [ranks])
            continue
        titles = read_titles(writer.folder / folder_of(info.name), n_items=info.entries)
        rows = np.load(writer.folder / rows_file(info.name))[titles.rows]
        path = writer.folder / ranks
        path.parent.mkdir(exist_ok=True)
        write_order(path, titles, rows, volumes)
