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
                f"{live.version} cannot be changed: it was built before items could be, or its"
                " catalogue has tags and a column called tags; build the catalogue again, the"
                " column under another name"
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
        """Changes that cannot be made one after the other, by their places, and why; none left out.

        Where nothing is wrong with a change alone it is the first that spoils what is before it.
        """
        folded = self.fold(changes)
        if folded.problems or self._read_problem(changes) is None:
            return folded.problems
        found = {place: self._read_problem([change]) for place, change in enumerate(changes)}
        alone = {place: said for place, said in found.items() if said is not None}
        return alone or self._first_problem(changes)

    def _first_problem(self, changes: Sequence[Change]) -> dict[int, str]:
        """The first change with which those before it cannot be read."""
        sound, spoilt = 0, len(changes)
        while spoilt - sound > 1:
            middle = (sound + spoilt) // 2
            if self._read_problem(changes[:middle]) is None:
                sound = middle
            else:
                spoilt = middle
        return {spoilt - 1: str(self._read_problem(changes[:spoilt]))}

    def _read_problem(self, changes: Sequence[Change]) -> str | None:
        """Why the items of these changes cannot be read, None where they can."""
        folded = self.fold(changes)
        try:
            if folded.overlays:
                self.read(folded.overlays)
        except CatalogError as error:
            return str(error)
        return None
