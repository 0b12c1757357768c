"""What changes are made to: an open version, its settings, its sources and its encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from indexing.catalog import Catalog
from indexing.catalog.config import CatalogConfig
from indexing.catalog.settings import read_settings
from indexing.changing.folding import Folded, fold
from indexing.changing.intake import catalog_of
from indexing.changing.source import ITEMS, Overlay, Source
from indexing.embeddings import batch_encoder
from indexing.tag_counts import TAGS
from shortlist.bundle import layout
from shortlist.bundle.changes import Change
from shortlist.bundle.intake import Intake
from shortlist.bundle.reader import Bundle
from shortlist.bundle.tables import ItemId
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder
from shortlist.errors import BundleUnsupported, CatalogError


class Target:
    """An open version that changes are made to, with what making them takes."""

    def __init__(self, live: Bundle, *, before: Target | None = None) -> None:
        intake, files = live.manifest.intake, live.manifest.files
        if intake is None or ITEMS not in files or (intake.tags and TAGS not in files):
            raise BundleUnsupported(
                f"{live.version} was built without what changes need; build the catalogue again"
            )
        self.live = live
        self.intake: Intake = intake
        self.config: CatalogConfig = read_settings(live.folder)
        self.source: Source = Source(live, before=None if before is None else before.source)
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

    def read(self, overlays: Mapping[ItemId, Overlay]) -> Catalog:
        """Items as they are with what has changed of them. Raises CatalogError for one unsound."""
        ids = list(overlays)
        return catalog_of(
            self.config,
            self.intake,
            self.source.values_of(overlays),
            locate=lambda rows: [f"item {ids[row]!r}" for row in rows],
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
