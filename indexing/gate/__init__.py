"""The gate: what a bundle must pass before it goes live."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexing.gate.clicks import broken_by_clicks
from indexing.gate.diff import (
    ReleaseDiff,
    common_rows,
    comparable,
    first_items,
    release_diff,
)
from indexing.gate.integrity import check_integrity
from shortlist.bundle.reader import read_manifest
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import BundleError, EncoderError, GateError, RetrievalUnavailable

if TYPE_CHECKING:
    from indexing.catalog.config import CatalogConfig
    from indexing.catalog.gate import GateConfig, GoldenQuery
    from shortlist.bundle.reader import Bundle
    from shortlist.bundle.signing import TrustedKeys

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GateReport:
    """What was looked at; `overridden` are the limits that `force` let pass."""

    diff: ReleaseDiff | None
    overridden: tuple[str, ...] = ()


def pass_gate(
    staged: Path,
    live: Path | None,
    config: CatalogConfig,
    *,
    force: bool = False,
    events: str = "",
) -> GateReport:
    """Check a sealed bundle: integrity, canaries, golden queries, distance from the live one.

    Where the catalogue asks for it, also what the people in the store at `events` would click.
    Raises GateError saying what failed. `force` lets limits pass, never the other checks.
    """
    try:
        new = load_as_served(staged)
    except (BundleError, EncoderError, RetrievalUnavailable) as error:
        raise GateError(f"the new bundle cannot be served: {error}") from error
    _check_golden(new, config.gate.golden)
    old = _load_live(live, new)
    if old is None:
        return GateReport(None)
    diff = release_diff(old, new)
    broken = list(_broken_limits(old, new, diff, config.gate))
    if config.gate.replay is not None and _is_same_catalog(old, new):
        too_few = broken_by_clicks(old, new, config.gate.replay, events)
        broken += [] if too_few is None else [too_few]
    if broken and not force:
        raise GateError(
            f"the build is too far from the live {old.version}: {'; '.join(broken)}. Answers that"
            f" changed most: {', '.join(repr(probe.query) for probe in diff.worst)}. Look at the"
            " catalogue; --force publishes it all the same"
        )
    for limit in broken:
        log.warning("overridden by --force: %s", limit)
    return GateReport(diff, tuple(broken))


def pass_changes(
    staged: Path, live: Snapshot, config: CatalogConfig, *, force: bool = False
) -> Snapshot:
    """Check a sealed version of changes to the live one, and return it loaded.

    What it shares with the live one was checked with that. Looked at are what is new, golden
    queries, and how many items are lost. Raises GateError saying what failed; `force` lets that
    limit pass.
    """
    try:
        new = load_as_served(staged, sharing=live)
    except (BundleError, EncoderError, RetrievalUnavailable) as error:
        raise GateError(f"the new version cannot be served: {error}") from error
    _check_golden(new, config.gate.golden)
    lost = _n_lost(live.bundle, new.bundle)
    share, most = lost / live.bundle.n_items, config.gate.max_items_lost
    if share > most:
        limit = f"{lost} of {live.bundle.n_items} items ({share:.1%}, at most {most:.1%})"
        if not force:
            raise GateError(f"too much would be gone: {limit}; --force publishes it all the same")
        log.warning("overridden by --force: %s", limit)
    return new


def _n_lost(before: Bundle, after: Bundle) -> int:
    """How many items are there no more; looked up only where rows have moved."""
    n_items = before.n_items
    if after.ids.ids.slice(0, n_items).equals(before.ids.ids):
        return 0
    return n_items - len(common_rows(before, after)[0])


def check_name(live: str | None, name: str, *, replace_catalog: bool) -> None:
    """Refuse to publish a catalogue over one of another name, before any work is done."""
    if live not in {None, name} and not replace_catalog:
        raise GateError(
            f"the live catalogue is {live!r}, this one is {name!r}; --replace-catalog (REPLACE=1"
            " with make) says that it is meant"
        )


def load_as_served(
    folder: Path,
    *,
    sharing: Snapshot | None = None,
    trusted_keys: TrustedKeys = (),
) -> Snapshot:
    """A bundle loaded as the service would, its content checked; in the precision it names.

    Raises BundleMissing, BundleCorrupt, BundleUntrusted, BundleUnsupported, EncoderError or
    GateError.
    """
    precision = Precision(read_manifest(folder).encoder.precision)
    options = LoadOptions(
        precision=precision, encoder_threads=2, max_batch=64, trusted_keys=trusted_keys
    )
    snapshot = load_snapshot(folder, options, sharing=sharing)
    check_integrity(snapshot.bundle, sharing=None if sharing is None else sharing.bundle)
    return snapshot


def _load_live(live: Path | None, new: Snapshot) -> Snapshot | None:
    """The live version; a broken one is no reason to keep a sound one back."""
    try:
        return None if live is None else load_as_served(live, sharing=new)
    except (BundleError, EncoderError, GateError, RetrievalUnavailable) as error:
        log.warning("the live version cannot be compared with: %s", error)
        return None


def _check_golden(new: Snapshot, golden: tuple[GoldenQuery, ...]) -> None:
    for wanted in golden:
        found = first_items(new, wanted.query, top=wanted.top)
        if new.bundle.ids.row_of(wanted.item) not in map(new.bundle.ids.row_of, found):
            raise GateError(
                f"golden query {wanted.query!r}: item {wanted.item!r} is not among the first"
                f" {len(found)}: {', '.join(map(repr, found))}"
            )


def _is_same_catalog(old: Snapshot, new: Snapshot) -> bool:
    return old.bundle.manifest.catalog.name == new.bundle.manifest.catalog.name


def _broken_limits(
    old: Snapshot, new: Snapshot, diff: ReleaseDiff, limits: GateConfig
) -> Iterator[str]:
    """Items lost unless it is another catalogue; answers changed where they should be alike."""
    if _is_same_catalog(old, new) and diff.share_lost > limits.max_items_lost:
        yield (
            f"{diff.removed} of {diff.items_before} items are gone ({diff.share_lost:.1%}, at most"
            f" {limits.max_items_lost:.1%})"
        )

    if comparable(old.bundle, new.bundle) and diff.mean_overlap < limits.min_overlap:
        yield (
            f"the first ten of {len(diff.probes)} probe queries overlap by"
            f" {diff.mean_overlap:.2f} on average (at least {limits.min_overlap:.2f})"
        )
