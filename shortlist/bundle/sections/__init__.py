"""The optional parts of a bundle that this code knows, and what becomes of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shortlist.bundle.all_titles import AllTitles
from shortlist.bundle.all_words import AllWords
from shortlist.bundle.manifest import OF_SEGMENTS, Manifest, Section
from shortlist.bundle.sections import (
    calibration,
    item_features,
    key_terms,
    neighbour_lists,
    off_topic,
    suggestion_order,
    users,
)
from shortlist.bundle.sections.calibration import Calibration
from shortlist.bundle.sections.item_features import ItemFeatures
from shortlist.bundle.sections.key_terms import KeyTerms
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.bundle.sections.off_topic import OffTopicTexts
from shortlist.bundle.sections.suggestion_order import Labels
from shortlist.bundle.sections.users import Users
from shortlist.errors import BundleCorrupt, BundleUnsupported

_KNOWN: dict[str, tuple[Any, Callable[..., Any]]] = {
    module.SECTION: (module, read)
    for module, read in (
        (item_features, item_features.read_features),
        (calibration, calibration.read_calibration),
        (neighbour_lists, neighbour_lists.read_neighbours),
        (key_terms, key_terms.read_key_terms),
        (suggestion_order, suggestion_order.read_suggestions),
        (off_topic, off_topic.read_off_topic),
        (users, users.read_users),
    )
}


@dataclass(frozen=True)
class Sections:
    """What a bundle has beyond the files that every bundle has; None for what it lacks.

    Titles and words are those of the segments; `key_terms` stood apart from words before these.
    """

    titles: AllTitles | None = None
    features: ItemFeatures | None = None
    calibration: Calibration | None = None
    neighbours: Neighbours | None = None
    words: AllWords | None = None
    key_terms: KeyTerms | None = None
    suggestions: Labels | None = None
    off_topic: OffTopicTexts | None = None
    users: Users | None = None


def read_sections(
    folder: Path, manifest: Manifest, *, sharing: tuple[Manifest, Sections] | None = None
) -> Sections:
    """Map every known section but those of segments. Raises BundleCorrupt for an unsound one.

    A section whose files an opened bundle has too is the one that is open there, if both have as
    many items.
    """
    found = {}
    for name, (module, read) in _KNOWN.items():
        section = manifest.sections.get(name)
        if section is None or not _readable(name, section):
            continue
        # Only files that the manifest describes, and so the checksums cover, are opened.
        if missing := sorted(set(module.FILES) - set(section.files)):
            raise BundleCorrupt(f"manifest.json: sections.{name}: its files lack {missing[0]!r}")
        held = None if sharing is None else _held(name, section, manifest, *sharing)
        found[name] = held or read(folder, n_items=manifest.counts.items)
    sections = Sections(**found)
    _check_together(sections, manifest.embedding_dim)
    return sections


def _held(
    name: str, section: Section, manifest: Manifest, other: Manifest, opened: Sections
) -> Any:
    """The section of an opened bundle that is this one, None if it is another."""
    same = other.sections.get(name) == section and other.counts.items == manifest.counts.items
    return getattr(opened, name) if same and manifest.shares(other, section.files) else None


def _check_together(sections: Sections, embedding_dim: int) -> None:
    """What one section says of values elsewhere fits them."""
    texts = sections.off_topic
    if texts is not None and texts.vectors.shape[1] != embedding_dim:
        raise BundleCorrupt(
            f"{off_topic.TEXTS}: expected vectors of {embedding_dim} numbers, found"
            f" {texts.vectors.shape[1]}"
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
    if name in OF_SEGMENTS:
        return True  # each segment reads its own
    return name in _KNOWN and section.version <= _KNOWN[name][0].VERSION
