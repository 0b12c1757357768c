"""The release diff: how one version differs from another, in items, scores and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute

from indexing.embeddings import read_hashes
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.reader import Bundle
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.tables import ItemId
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

N_PROBES = 40
TOP = 10
_WORST = 5


@dataclass(frozen=True)
class Probe:
    """One probe query: the share of its first ten that both versions have, in [0, 1]."""

    query: str
    overlap: float


@dataclass(frozen=True)
class ReleaseDiff:
    """What changed from one version to another.

    `changed` counts items whose document differs; the popularity shift is the mean and the
    largest absolute difference of the popularity scores of items that both versions have.
    """

    before: str
    after: str
    items_before: int
    items_after: int
    added: int
    removed: int
    changed: int
    mean_popularity_shift: float
    largest_popularity_shift: float
    mean_overlap: float
    probes: tuple[Probe, ...]

    @property
    def share_lost(self) -> float:
        """The share of the items before that are gone, in [0, 1]."""
        return self.removed / self.items_before

    @property
    def worst(self) -> tuple[Probe, ...]:
        """The probe queries whose answers changed most, worst first."""
        return tuple(sorted(self.probes, key=lambda probe: probe.overlap)[:_WORST])


def comparable(before: Bundle, after: Bundle) -> bool:
    """Whether limits make sense: same catalogue, template, model and default profile.

    The precision may differ: it belongs to the building machine, not to the model.
    """
    one, other = before.manifest, after.manifest
    return (
        one.catalog == other.catalog
        and one.encoder.model_copy(update={"precision": other.encoder.precision}) == other.encoder
        and one.default_profile == other.default_profile
        and one.profiles[one.default_profile] == other.profiles[other.default_profile]
    )


def release_diff(before: Snapshot, after: Snapshot) -> ReleaseDiff:
    """Compare two loaded versions, through the engine that serves."""
    old_rows, new_rows = common_rows(before.bundle, after.bundle)
    one, other = (read_hashes(each.bundle) for each in (before, after))
    old, new = before.bundle.items.popularity, after.bundle.items.popularity
    shift = np.empty(0)
    if old is not None and new is not None:
        shift = np.abs(old.popularity_score[old_rows] - new.popularity_score[new_rows])
    probes = tuple(
        Probe(query, _overlap(first_items(before, query), first_items(after, query)))
        for query in probe_queries(before.bundle)
    )
    return ReleaseDiff(
        before=before.version,
        after=after.version,
        items_before=before.bundle.n_items,
        items_after=after.bundle.n_items,
        added=after.bundle.n_items - len(new_rows),
        removed=before.bundle.n_items - len(old_rows),
        changed=int((one[old_rows] != other[new_rows]).sum()),
        mean_popularity_shift=float(shift.mean()) if len(shift) else 0.0,
        largest_popularity_shift=float(shift.max(initial=0.0)),
        mean_overlap=float(np.mean([probe.overlap for probe in probes])),
        probes=probes,
    )


def diff_versions(store: ArtifactStore, before: str, after: str) -> ReleaseDiff:
    """Load two published versions and compare them. Raises BundleMissing for an unknown one."""
    one = load_snapshot(store.existing(before), LoadOptions())
    other = load_snapshot(store.existing(after), LoadOptions(), sharing=one)
    return release_diff(one, other)


def common_rows(before: Bundle, after: Bundle) -> tuple[RowArray, RowArray]:
    """The rows of the items that both have, in the order of the ids of the first, int64 [m]."""
    one, other = before.ids.ids, after.ids.ids
    if one.type != other.type:
        one, other = one.cast("large_string"), other.cast("large_string")
    rows = pyarrow.compute.index_in(one, value_set=other)
    present = rows.is_valid().to_numpy(zero_copy_only=False)
    return np.flatnonzero(present), rows.drop_null().to_numpy().astype(np.int64)


def probe_queries(bundle: Bundle) -> list[str]:
    """Up to 40 queries that the bundle's own catalogue suggests: categories and titles."""
    rng = np.random.default_rng(0)
    categories = list(bundle.items.categories.names)[: N_PROBES // 4]
    n_titles = min(bundle.n_items, N_PROBES - len(categories))
    rows = np.sort(rng.choice(bundle.n_items, size=n_titles, replace=False))
    titles = [bundle.items.titles[int(row)].as_py()[:200] for row in rows]
    return [text for text in [*categories, *titles] if text.strip()] or ["anything"]


def first_items(snapshot: Snapshot, query: str, *, top: int = TOP) -> list[ItemId]:
    """The ids that a text finds: `top`, or as many as the default profile orders."""
    manifest = snapshot.bundle.manifest
    k = min(top, manifest.profiles[manifest.default_profile].n_candidates)
    return [result.item_id for result in ask(snapshot, SearchQuery(q=query, k=k)).results]


def _overlap(one: Sequence[ItemId], other: Sequence[ItemId]) -> float:
    """The share of the longer list that both have; ids are compared as text."""
    common = set(map(str, one)) & set(map(str, other))
    return len(common) / max(len(one), len(other))


def diff_report(diff: ReleaseDiff) -> str:
    """The release diff as a few lines of text."""
    lines = [
        f"{diff.before} -> {diff.after}",
        f"items       {diff.items_before:,} -> {diff.items_after:,}: {diff.added:,} added,"
        f" {diff.removed:,} removed, {diff.changed:,} with another document",
        f"popularity  shifted by {diff.mean_popularity_shift:.4f} on average, at most"
        f" {diff.largest_popularity_shift:.4f}",
        f"answers     the first ten of {len(diff.probes)} probe queries overlap by"
        f" {diff.mean_overlap:.2f} on average",
    ]
    changed = [f"  {one.overlap:.2f}  {one.query}" for one in diff.worst if one.overlap < 1]
    return "\n".join([*lines, *(["most changed:", *changed] if changed else [])])
