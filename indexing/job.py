"""The offline job's table of contents: catalogue in, published bundle out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.bundling import write_bundle
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.changing.follower import Follower
from indexing.changing.publisher import Publisher
from indexing.collecting.owned import Collections, drop_unused
from indexing.embeddings import EmbeddingCounts
from indexing.gate import GateReport, check_name, pass_gate
from indexing.workplace import workplace
from shortlist.bundle import layout, signing
from shortlist.bundle.change_log import LOG, ChangeLog
from shortlist.bundle.manifest import Manifest
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore, OnStep, no_step
from shortlist.bundle.stores import open_store
from shortlist.encoder.machine import Precision
from shortlist.errors import BundleError, BundleUntrusted, PublishError

if TYPE_CHECKING:
    from shortlist.bundle.signing import PrivateKey

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildReport:
    """What a build published, how much of it had to be encoded, and how it differs.

    Where nothing has changed nothing is `published`: the version is the live one.
    """

    version: str
    manifest: Manifest
    counts: EmbeddingCounts
    gate: GateReport
    published: bool = True


def build(
    catalog_path: Path,
    artifacts: str | Path | ArtifactStore,
    *,
    precision: Precision | None = None,
    reuse: bool = True,
    force: bool = False,
    replace_catalog: bool = False,
    signing_key: Path | None = None,
    events: str = "",
    dask: str | None = None,
    on_step: OnStep = no_step,
) -> BuildReport:
    """Read, embed, index, check and publish a catalogue.

    `precision` overrides the catalogue's; `force` and `replace_catalog` are the gate's; the version
    is signed with the private key in the file `signing_key`, if there is one. `events` is the url
    of the store of events, for a gate that asks what people would click. `dask` is the address of
    a scheduler whose workers encode new documents, before what the catalogue says. `on_step` is
    called with a name at every step's end, and for parts of a step with names like
    "published: renamed".
    The live version is as it was when an error is raised, and when nothing has changed: then
    nothing is published.
    """
    config = read_catalog_config(catalog_path)
    key = None if signing_key is None else signing.read_private_key(signing_key)
    store = open_store(artifacts)
    place = workplace(config.build, store.root, dask=dask)
    with store.lock(), _leftovers_dropped(store):
        store.reconcile()
        drop_unused(store)
        expected = store.current_text()
        changes = ChangeLog(store.root)
        absorbed = changes.last()  # what came before the sources are read is in them
        catalog = read_catalog(config)
        on_step("catalogue read")
        live = _live_bundle(store)
        check_name(store.live_catalog(), config.name, replace_catalog=replace_catalog)
        with store.staging() as folder:
            manifest, counts = write_bundle(
                folder,
                catalog,
                precision,
                live=_trusted(live, key) if reuse else None,
                applied=_applied(live, config.name, absorbed),
                place=place,
                own=Collections(store.root),
                on_step=on_step,
            )
            if live is not None and key is None and manifest.has_content_of(live.manifest):
                return BuildReport(
                    live.version, live.manifest, counts, GateReport(None), published=False
                )
            staged = store.name_staged(folder, manifest)
            if key is not None:
                signing.sign(staged, key)
            gate = pass_gate(
                staged, live.folder if live else None, config, force=force, events=events
            )
            on_step("gate passed")
            why = "; ".join(["publish", *(f"forced: {limit}" for limit in gate.overridden)])
            version = store.publish(
                staged,
                expected=expected,
                why=why,
                on_step=lambda part: on_step(f"published: {part}"),
            )
            on_step("published")
        place.forget()
        if absorbed:
            changes.done(max(absorbed, changes.through()))
        if changes.last() > absorbed:  # what came while the sources were read
            Follower(store, Publisher(store, signing_key=signing_key)).absorb()
            on_step("changes absorbed")
        try:
            store.prune(config.publish.keep)
        except PublishError as error:  # the build is published already
            log.warning("old versions stay: %s", error)
        on_step("pruned")
    return BuildReport(version, manifest, counts, gate)


@contextmanager
def _leftovers_dropped(store: ArtifactStore) -> Iterator[None]:
    """What a build made in an engine and no version names goes with it, however it ends."""
    try:
        yield
    finally:
        drop_unused(store)


def _trusted(live: Bundle | None, key: PrivateKey | None) -> Bundle | None:
    """The live version; None if what is built is signed and that is not, by the same key."""
    if live is None or key is None:
        return live
    try:
        content = (live.folder / layout.MANIFEST).read_bytes()
        signing.check_signature(live.folder, content, (key.public_key(),))
    except BundleUntrusted:
        log.warning("%s is not signed with this key: nothing of it is taken over", live.version)
        return None
    return live


def _applied(live: Bundle | None, name: str, absorbed: int) -> dict[str, int]:
    """How far the version has changes: the sources have all that came before they were read."""
    before = {} if live is None or live.manifest.catalog.name != name else live.manifest.applied
    return {**before, **({LOG: absorbed} if absorbed else {})}


def _live_bundle(store: ArtifactStore) -> Bundle | None:
    """The live bundle if there is a sound one; a broken one is neither reused nor compared."""
    try:
        return open_bundle(store.live_folder()) if store.current() else None
    except BundleError as error:
        log.warning("the live version cannot be read: %s", error)
        return None
