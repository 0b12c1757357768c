"""The optional parts of a bundle that this code knows, and what becomes of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shortlist.bundle.manifest import Manifest, Section
from shortlist.bundle.rules import check_range
from shortlist.bundle.sections import (
    calibration,
    item_features,
    key_terms,
    neighbour_lists,
    off_topic,
    suggestion_order,
    title_index,
    word_index,
)
from shortlist.bundle.sections.calibration import Calibration
from shortlist.bundle.sections.item_features import ItemFeatures
from shortlist.bundle.sections.key_terms import KeyTerms
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.bundle.sections.off_topic import OffTopicTexts
from shortlist.bundle.sections.suggestion_order import SuggestionOrder
from shortlist.bundle.sections.title_index import TitleIndex
from shortlist.bundle.sections.word_index import WordIndex
from shortlist.errors import BundleCorrupt, BundleUnsupported

_KNOWN: dict[str, tuple[Any, Callable[..., Any]]] = {
    module.SECTION: (module, read)
    for module, read in (
        (title_index, title_index.read_titles),
        (item_features, item_features.read_features),
        (calibration, calibration.read_calibration),
        (neighbour_lists, neighbour_lists.read_neighbours),
        (word_index, word_index.read_words),
        (key_terms, key_terms.read_key_terms),
        (suggestion_order, suggestion_order.read_suggestions),
        (off_topic, off_topic.read_off_topic),
    )
}


@dataclass(frozen=True)
class Sections:
    """What a bundle has beyond the files that every bundle has; None for what it lacks."""

    titles: TitleIndex | None = None
    features: ItemFeatures | None = None
    calibration: Calibration | None = None
    neighbours: Neighbours | None = None
    words: WordIndex | None = None
    key_terms: KeyTerms | None = None
    suggestions: SuggestionOrder | None = None
    off_topic: OffTopicTexts | None = None


def read_sections(folder: Path, manifest: Manifest) -> Sections:
    """Map every known section. Raises BundleCorrupt for one that is not what it should be."""
    found = {}
    for name, (module, read) in _KNOWN.items():
        section = manifest.sections.get(name)
        if section is None or not _readable(name, section):
            continue
        # Only files that the manifest describes, and so the checksums cover, are opened.
        if missing := sorted(set(module.FILES) - set(section.files)):
            raise BundleCorrupt(f"manifest.json: sections.{name}: its files lack {missing[0]!r}")
        found[name] = read(folder, n_items=manifest.counts.items)
    sections = Sections(**found)
    _check_together(sections, manifest.embedding_dim)
    return sections


def _check_together(sections: Sections, embedding_dim: int) -> None:
    """What one section says of values elsewhere fits them."""
    texts = sections.off_topic
    if texts is not None and texts.vectors.shape[1] != embedding_dim:
        raise BundleCorrupt(
            f"{off_topic.TEXTS}: expected vectors of {embedding_dim} numbers, found"
            f" {texts.vectors.shape[1]}"
        )
    words, named = sections.words, sections.key_terms
    if named is not None and len(named.terms):
        check_range(key_terms.WRITTEN, named.terms, 0, len(words.terms) - 1 if words else -1)
    titles, order = sections.titles, sections.suggestions
    if titles is not None and order is not None and len(order.ranks) != len(titles.words):
        raise BundleCorrupt(
            f"{suggestion_order.RANKS}: expected {len(titles.words)} ranks, one for each word of"
            f" {title_index.WORDS}, found {len(order.ranks)}"
        )


def unknown_sections(manifest: Manifest) -> tuple[str, ...]:
    """The optional sections that this code cannot read and leaves alone.

    Raises BundleUnsupported for a required one.
    """
    unknown = [name for name, one in manifest.sections.items() if not _readable(name, one)]
    for name in unknown:
        if manifest.sections[name].required:
            raise BundleUnsupported(
                f"manifest.json: section {name!r} is required and unknown to this program;"
                " upgrade it"
            )
    return tuple(sorted(unknown))


def described(name: str, /, **params: int | float | str | bool) -> Section:
    """The manifest's entry for a section that was written, with what it was made with."""
    module, _ = _KNOWN[name]
    return Section(version=module.VERSION, files=module.FILES, params=params)


def _readable(name: str, section: Section) -> bool:
    return name in _KNOWN and section.version <= _KNOWN[name][0].VERSION
