"""A published catalogue, opened in this process: what a notebook or another program asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shortlist.bundle.blocklist import Blocklist
from shortlist.bundle.signing import read_trusted_keys
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.stores import open_store
from shortlist.bundle.tables import ItemId
from shortlist.encoder.machine import Precision, available_cores
from shortlist.engine import query as queries
from shortlist.engine.answer import Answer, Item, RecommendAnswer
from shortlist.engine.batch import ask_many
from shortlist.engine.query import SearchQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.search import ask, item
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.engine.suggest import SuggestAnswer, suggest
from shortlist.errors import QueryError, ShortlistError

log = logging.getLogger(__name__)

_LOOK_S = 0.5


def open(  # noqa: A001  # read as shortlist.open
    artifacts: str | Path,
    *,
    version: str | None = None,
    follow: bool = False,
    precision: str = "auto",
    trusted_keys: Iterable[str] = (),
) -> OpenCatalog:
    """The live version of an artifacts folder, or this `version`: verified and memory-mapped.

    The folder may be an address in an object store (`s3://bucket/prefix`).

    With `follow` a later publish, rollback or takedown is picked up while it is open. `precision`
    is that of queries: auto, f32 or bf16. With `trusted_keys`, public keys or paths of their files,
    only a version that one of them has signed is opened. Raises BundleMissing, BundleCorrupt,
    BundleUntrusted, BundleUnsupported, SigningError, EncoderError or StoreError.
    """
    store = open_store(artifacts)
    options = LoadOptions(
        precision=Precision(precision),
        encoder_threads=available_cores(),
        trusted_keys=read_trusted_keys(trusted_keys),
    )
    return OpenCatalog(store, options, version=version, follow=follow)


class OpenCatalog:
    """One version of a catalogue, for any number of threads.

    Every list takes the options of the API by the names they have in a JSON body (`k`, `profile`,
    `weights`, `filters`, …) and raises what the API would answer: InvalidParameter and others.
    """

    def __init__(
        self, store: ArtifactStore, options: LoadOptions, *, version: str | None, follow: bool
    ) -> None:
        self._store = store
        self._options = options
        self._follows = follow and version is None
        self._loading = threading.Lock()
        self._looked_at = time.monotonic()
        self._blocked = store.blocklist()
        self._blocklist: Blocklist | None = None
        folder = store.live_folder() if version is None else store.existing(version)
        self._snapshot = self._loaded(folder, None)

    @property
    def version(self) -> str:
        """The version that answers."""
        return self._current().version

    def __len__(self) -> int:
        return self._current().bundle.n_items

    def __repr__(self) -> str:
        name = self._snapshot.bundle.manifest.catalog.name
        return f"<{name}: {len(self):,} items, version {self._snapshot.version}>"

    def search(self, text: str, **options: Any) -> Answer:
        """Items for a text; a blank one with `filters` lists by popularity."""
        return ask(self._current(), read_query(SearchQuery, {"q": text, **options}))

    def similar(self, item_id: ItemId, **options: Any) -> Answer:
        """Items like one of the catalogue."""
        return ask(
            self._current(), read_query(queries.SimilarQuery, {"item_id": item_id, **options})
        )

    def recommend(
        self,
        liked: Iterable[ItemId] | Mapping[ItemId, float] = (),
        disliked: Iterable[ItemId] = (),
        text: str = "",
        **options: Any,
    ) -> RecommendAnswer:
        """Items for a taste; a mapping of liked ids to ratings says how much."""
        given: tuple[Any, ...] = tuple(liked)
        if isinstance(liked, Mapping):
            given = tuple({"item_id": one, "rating": float(liked[one])} for one in liked)
        values = {"liked": given, "disliked": tuple(disliked), "text": text, **options}
        found = ask(self._current(), read_query(queries.RecommendQuery, values))
        assert isinstance(found, RecommendAnswer)
        return found

    def recommend_to(self, user: str, **options: Any) -> Answer:
        """Items for a user whose ratings are in the bundle; popular ones for any other."""
        values = {"user": user, **options}
        return ask(self._current(), read_query(queries.UserQuery, values))

    def popular(self, **options: Any) -> Answer:
        """Items by popularity."""
        return ask(self._current(), read_query(queries.PopularQuery, options))

    def suggest(self, text: str, *, k: int = 8) -> SuggestAnswer:
        """Titles, categories and tags that what is typed may become."""
        return suggest(self._current(), read_query(queries.SuggestQuery, {"q": text, "k": k}))

    def item(self, item_id: ItemId) -> Item:
        """One item."""
        return item(self._current(), item_id)

    def batch(
        self, queries: Iterable[str | Mapping[str, Any]], **options: Any
    ) -> list[Answer | QueryError]:
        """An answer for each search, or what is wrong with it; encoded together.

        A query is a text or a mapping as in a body of the API; `options` hold for all of them.
        """
        values = [{"q": one} if isinstance(one, str) else one for one in queries]
        read = [read_query(SearchQuery, {**options, **one}) for one in values]
        return ask_many(self._current(), read)

    def _current(self) -> Snapshot:
        """The snapshot to answer from; one thread looks for a later one twice a second."""
        due = self._follows and time.monotonic() - self._looked_at >= _LOOK_S
        if due and self._loading.acquire(blocking=False):
            if self._store.is_remote:  # nobody waits for an object store
                threading.Thread(target=self._look, name="looking", daemon=True).start()
            else:
                self._look()
        return self._snapshot

    def _look(self) -> None:
        """Load the live version if it is another; the one before stays in use where it fails."""
        try:
            self._snapshot = self._loaded(self._store.live_folder(), self._snapshot)
        except (ShortlistError, OSError) as error:
            log.warning("%s serves on: %s", self._snapshot.version, error)
        finally:
            self._looked_at = time.monotonic()
            self._loading.release()

    def _loaded(self, folder: Path, before: Snapshot | None) -> Snapshot:
        """The snapshot of this version, which may be in use, without what is blocked now."""
        snapshot = before
        if snapshot is None or snapshot.version != folder.name:
            snapshot = load_snapshot(folder, self._options, sharing=before)
        blocklist = self._blocked.read()
        if snapshot is before and blocklist is self._blocklist:
            return snapshot
        self._blocklist = blocklist
        return replace(snapshot, blocked_rows=blocklist.rows(snapshot.bundle.ids))
