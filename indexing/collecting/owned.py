"""The collections that the versions of an artifacts folder own in Milvus, and those that go.

Each is written down before it is made, so that what a killed build leaves is known, and nothing is
ever removed that somebody else made on the same server.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterator
from pathlib import Path

from shortlist.bundle import layout
from shortlist.bundle.files import write_durably
from shortlist.bundle.store import ArtifactStore
from shortlist.engine.remote.collection import BACKEND
from shortlist.engine.remote.server import server_at
from shortlist.errors import BundleError, RetrievalUnavailable, StoreError

log = logging.getLogger(__name__)

_OWNER = "owner"
_OWNER_BYTES = 5
_DROP_S = 30.0
_NOTE = ".json"


class Collections:
    """What is written down below `root`, the artifacts folder. Changing it needs its lock."""

    def __init__(self, root: Path) -> None:
        self._folder = root / layout.COLLECTIONS

    @property
    def owner(self) -> str:
        """Ten hex digits in the names of this folder's collections; drawn once."""
        path = self._folder / _OWNER
        if not path.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(path, f"{secrets.token_hex(_OWNER_BYTES)}\n".encode())
        return path.read_text(encoding="ascii").strip()

    def note(self, name: str, uri: str) -> None:
        """Write a collection down that is about to be made."""
        content = json.dumps({"uri": uri}).encode()
        write_durably(self._folder / f"{name}{_NOTE}", content)

    def noted(self) -> dict[str, str]:
        """The collections that are written down, with the server of each."""
        notes = sorted(self._folder.glob(f"*{_NOTE}"))
        return {one.stem: json.loads(one.read_bytes())["uri"] for one in notes}

    def forget(self, name: str) -> None:
        """A collection is there no more."""
        (self._folder / f"{name}{_NOTE}").unlink(missing_ok=True)


def drop_unused(store: ArtifactStore) -> list[str]:
    """Remove the collections that no version names; returns those removed. Needs the store's lock.

    A server that is away keeps what it has until the next time, and so do all where a version
    cannot be read: what it names is not known.
    """
    own = Collections(store.root)
    noted = own.noted()
    if not noted:
        return []
    try:
        used = set(_named(store))
    except (BundleError, StoreError) as error:
        log.warning("collections stay: %s", error)
        return []
    return [name for name, uri in noted.items() if name not in used and _drop(own, name, uri)]


def _named(store: ArtifactStore) -> Iterator[str]:
    for version in store.versions():
        for segment in store.manifest(version).parts:
            if segment.retrieval.backend == BACKEND:
                yield str(segment.retrieval.params["collection"])


def _drop(own: Collections, name: str, uri: str) -> bool:
    server = server_at(uri)
    try:
        server.ask(lambda client, time_s: client.drop_collection(name, timeout=time_s),
                   timeout_s=_DROP_S)  # fmt: skip
    except RetrievalUnavailable as error:
        log.warning("collection %s stays: %s", name, error)
        return False
    own.forget(name)
    return True
