"""The optional parts of a bundle that this code knows, and what becomes of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shortlist.bundle.manifest import Manifest, Section
from shortlist.bundle.sections import calibration
from shortlist.bundle.sections import item_features as features
from shortlist.bundle.sections import neighbour_lists as neighbours
from shortlist.bundle.sections import title_index as titles
from shortlist.bundle.sections.calibration import Calibration
from shortlist.bundle.sections.item_features import ItemFeatures
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.bundle.sections.title_index import TitleIndex
from shortlist.errors import BundleCorrupt, BundleUnsupported

_MODULES = (titles, features, calibration, neighbours)

KNOWN = {module.SECTION: module.VERSION for module in _MODULES}
"""The latest version of each section that this code reads."""

_FILES = {module.SECTION: module.FILES for module in _MODULES}

T = TypeVar("T")


@dataclass(frozen=True)
class Sections:
    """What a bundle has beyond the files that every bundle has; None for what it lacks."""

    titles: TitleIndex | None = None
    features: ItemFeatures | None = None
    calibration: Calibration | None = None
    neighbours: Neighbours | None = None


def read_sections(folder: Path, manifest: Manifest) -> Sections:
    """Map every known section. Raises BundleCorrupt for one that is not what it should be."""
    n_items = manifest.counts.items

    def read(name: str, reader: Callable[[], T]) -> T | None:
        section = manifest.sections.get(name)
        if section is None or not _readable(name, section):
            return None
        _check_files(name, section)
        return reader()

    return Sections(
        titles=read(titles.SECTION, lambda: titles.read_titles(folder, n_items=n_items)),
        features=read(features.SECTION, lambda: features.read_features(folder, n_items=n_items)),
        calibration=read(calibration.SECTION, lambda: calibration.read_calibration(folder)),
        neighbours=read(
            neighbours.SECTION, lambda: neighbours.read_neighbours(folder, n_items=n_items)
        ),
    )


def unknown_sections(manifest: Manifest) -> tuple[str, ...]:
    """The optional sections that this code cannot read and leaves alone.

    Raises BundleUnsupported for a required one.
    """
    unknown = {
        name: section for name, section in manifest.sections.items() if not _readable(name, section)
    }
    for name, section in unknown.items():
        if section.required:
            raise BundleUnsupported(
                f"manifest.json: section {name!r} is required and unknown to this program;"
                " upgrade it"
            )
    return tuple(sorted(unknown))


def described(name: str, /, **params: int | float | str | bool) -> Section:
    """The manifest's entry for a section that was written, with what it was made with."""
    return Section(
        version=KNOWN[name],
        files=_FILES[name],
        params=params,
    )


def _readable(name: str, section: Section) -> bool:
    latest: int = KNOWN.get(name, 0)
    return section.version <= latest


def _check_files(name: str, section: Section) -> None:
    """Only files that the manifest describes, and so the checksums cover, are opened."""
    missing = sorted(set(_FILES[name]) - set(section.files))
    if missing:
        raise BundleCorrupt(f"manifest.json: sections.{name}: its files lack {missing[0]!r}")
