"""Segments: the immutable parts that a version is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np

from shortlist.bundle import all_titles, all_words, layout
from shortlist.bundle.all_titles import AllTitles
from shortlist.bundle.all_words import AllWords
from shortlist.bundle.arrays import Vectors, map_array
from shortlist.bundle.manifest import Manifest, Section, SegmentInfo
from shortlist.bundle.places import GONE, EntryRows, Places, is_in_order
from shortlist.bundle.rules import check_range, check_unit_rows
from shortlist.bundle.sections import document_terms, suggestion_order, title_index, word_index
from shortlist.bundle.sections.document_terms import DocumentTerms
from shortlist.bundle.sections.key_terms import WRITTEN as KEY_TERMS
from shortlist.bundle.sections.key_terms import KeyTerms
from shortlist.bundle.sections.suggestion_order import WordOrder
from shortlist.bundle.sections.title_index import TitleIndex
from shortlist.bundle.sections.word_index import WordIndex
from shortlist.errors import BundleCorrupt


@dataclass(frozen=True)
class Segment:
    """An opened segment: what it holds of its entries, each the state of one item.

    `vectors` is float32 [m, dim], unit rows. `rows` int32 [m] is the row of each entry, -1 where
    the item is gone or its newer state stands elsewhere; that and `order` are the version's own,
    all else is the segment's. `order` is how the word starts of its titles are offered.
    """

    info: SegmentInfo
    folder: Path
    rows: EntryRows
    vectors: Vectors
    titles: TitleIndex | None = None
    words: WordIndex | None = None
    terms: DocumentTerms | None = None
    order: WordOrder | None = None

    @property
    def name(self) -> str:
        """Its name in the version."""
        return self.info.name


def folder_of(name: str) -> PurePosixPath:
    """Where a segment lies in its bundle; before format 7 it is the bundle itself."""
    return PurePosixPath(layout.SEGMENTS, name) if name else PurePosixPath()


def rows_file(name: str) -> str:
    """The file that says which row each entry of a segment is, below the bundle's folder."""
    return f"{layout.ROWS}/{name}.npy"


def ranks_file(name: str) -> str:
    """The file with the order of a segment's word starts, below the bundle's folder."""
    return f"{layout.WORD_RANKS}/{name}.npy" if name else suggestion_order.RANKS


_READERS = {
    "titles": (title_index, title_index.read_titles),
    "words": (word_index, word_index.read_words),
    "terms": (document_terms, document_terms.read_document_terms),
}


def described(module: ModuleType) -> Section:
    """The manifest's entry for a section of a segment that was written."""
    return Section(version=module.VERSION, files=module.FILES)


def files_of(manifest: Manifest) -> list[str]:
    """The files of all segments that are opened, below the bundle's folder."""
    found = []
    for info in manifest.parts:
        inside = folder_of(info.name)
        own = [layout.VECTORS, info.retrieval.file]
        own += [] if not info.name else [layout.HASHES, layout.CONTENTS]
        own += [layout.FILTER_ROWS] if info.retrieval.file == layout.FILTERS else []
        own += [name for section in info.sections.values() for name in section.files]
        found += [str(inside / name) for name in own]
        found += [rows_file(info.name)] if info.name else []
    return found


def read_segment(root: Path, manifest: Manifest, info: SegmentInfo) -> Segment:
    """Map a segment of a bundle. Raises BundleCorrupt for files that do not fit together."""
    folder = root / folder_of(info.name)
    vectors = map_array(folder / layout.VECTORS, np.float32, info.entries, manifest.embedding_dim)
    check_unit_rows(str(folder_of(info.name) / layout.VECTORS), vectors)
    found: dict[str, Any] = {}
    for field, (module, read) in _READERS.items():
        section = info.sections.get(module.SECTION)
        if section is None or section.version > module.VERSION:
            continue
        if missing := sorted(set(module.FILES) - set(section.files)):
            raise BundleCorrupt(f"manifest.json: {module.SECTION}: its files lack {missing[0]!r}")
        found[field] = read(folder, n_items=info.entries)
    segment = Segment(info, folder, np.empty(0, np.int32), vectors, **found)
    if segment.terms is not None and segment.words is not None and len(segment.terms.terms):
        most = len(segment.words.terms) - 1
        check_range(f"{document_terms.WRITTEN}: term", segment.terms.terms, 0, most)
    return segment


def in_version(segment: Segment, root: Path, manifest: Manifest, info: SegmentInfo) -> Segment:
    """The segment as it stands in a version: its rows there, and the order of its titles."""
    n_items = manifest.counts.items
    if not info.name:
        rows: EntryRows = np.arange(info.entries, dtype=np.int32)
    else:
        rows = map_array(root / rows_file(info.name), np.int32, info.entries)
        check_range(rows_file(info.name), rows, GONE, n_items - 1)
    if int((rows >= 0).sum()) != info.live:
        raise BundleCorrupt(f"{rows_file(info.name)}: expected {info.live} entries that count")
    order, ranks = None, ranks_file(info.name)
    if segment.titles is not None and ranks in manifest.files:
        order = suggestion_order.read_order(root / ranks, segment.titles)
    folder = root / folder_of(info.name)
    return replace(segment, info=info, folder=folder, rows=rows, order=order)


def all_words_of(
    segments: Sequence[Segment], places: Places, key_terms: KeyTerms | None
) -> AllWords | None:
    """The words of all segments, None where one has none."""
    if key_terms is not None and len(key_terms.terms):
        most = -1 if segments[0].words is None else len(segments[0].words.terms) - 1
        check_range(KEY_TERMS, key_terms.terms, 0, most)
    parts = tuple(
        all_words.part_of(one.words, _rows_of(one, places), one.terms)
        for one in segments
        if one.words is not None
    )
    return AllWords(parts, places, key_terms) if len(parts) == len(segments) else None


def all_titles_of(segments: Sequence[Segment], places: Places) -> AllTitles | None:
    """The titles of all segments, None where one has none."""
    parts = tuple(
        all_titles.part_of(one.titles, _rows_of(one, places), one.order)
        for one in segments
        if one.titles is not None
    )
    return AllTitles(parts) if len(parts) == len(segments) else None


def _rows_of(segment: Segment, places: Places) -> EntryRows | None:
    """The rows of the entries, None where they are in order, which needs no copy."""
    in_order = places.entries is None or is_in_order(segment.rows, len(places.entries))
    return None if in_order else segment.rows
