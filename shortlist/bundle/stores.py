"""What is published, wherever it lies."""

from __future__ import annotations

from pathlib import Path

from shortlist.bundle.location import Address, Location, location_of, require_usable
from shortlist.bundle.store import ArtifactStore


def open_store(
    artifacts: str | Path | Location | ArtifactStore, *, cache: Path | None = None
) -> ArtifactStore:
    """What is published at a location; one in an object store has its local copies below `cache`.

    Without `cache` they lie below $SHORTLIST_CACHE, else in the user's cache folder. A store is
    given back as it is. Raises StoreError for an address that cannot be used here.
    """
    if isinstance(artifacts, ArtifactStore):
        return artifacts
    found = artifacts if isinstance(artifacts, Address) else location_of(artifacts)
    if isinstance(found, Path):
        return ArtifactStore(found)
    require_usable(found)
    from shortlist.bundle.remote.store import RemoteStore

    return RemoteStore(found, cache=cache)
