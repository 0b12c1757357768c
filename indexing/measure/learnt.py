"""A version as it would be had it been built from other users' ratings only, fold by fold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from indexing.catalog import Catalog
from indexing.catalog.events import Events
from indexing.features import rated_features
from indexing.measure.topic import Protocol, Topic
from indexing.neighbours.learn import learn_neighbours
from indexing.neighbours.likes import Likes
from indexing.neighbours.section import catalog_likes, liked_from, select_for
from indexing.popularity import catalog_popularity
from shortlist.bundle.manifest import Manifest
from shortlist.bundle.profiles import Profile
from shortlist.bundle.sections.neighbour_lists import SECTION
from shortlist.encoder.machine import Precision, available_cores
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Learnt:
    """A snapshot that knows nothing of some users, and the likes that it was learnt from."""

    snapshot: Snapshot
    likes: Likes


def learn_from(snapshot: Snapshot, catalog: Catalog, ratings: pd.DataFrame) -> Learnt:
    """The snapshot with popularity, rating features and neighbours from these ratings alone.

    Documents stay as they are, also the tags in them that the users left out have given.
    """
    catalog = replace(catalog, ratings=Events(ratings, n_dropped=0))
    popularity, likes = catalog_popularity(catalog), catalog_likes(catalog)
    bundle = snapshot.bundle
    selected = select_for(catalog, np.asarray(bundle.vectors))
    own_likes = catalog_likes(catalog, unliked=selected.settings.unliked)
    assert popularity is not None and likes is not None and own_likes is not None
    rated = rated_features(popularity, np.asarray(bundle.vectors))
    own = bundle.sections.features.columns if bundle.sections.features else {}
    kept = {name: values for name, values in own.items() if name not in rated.columns}
    learnt = learn_neighbours(
        own_likes,
        n_items=catalog.n_items,
        model=catalog.config.neighbours.model,
        settings=selected.settings,
        quiet=True,
    )
    sections = replace(
        bundle.sections,
        features=replace(rated, columns={**rated.columns, **kept}),
        neighbours=None if learnt is None else learnt.neighbours,
    )
    items = replace(bundle.items, popularity=popularity.columns)
    profiles = {**selected.profiles, **catalog.config.profiles}
    rule = {"liked_from": liked_from(catalog), **asdict(selected.settings)}
    manifest = _learnt_manifest(bundle.manifest, profiles, rule)
    learnt_bundle = replace(bundle, items=items, sections=sections, manifest=manifest)
    return Learnt(replace(snapshot, bundle=learnt_bundle), likes)


def _learnt_manifest(
    manifest: Manifest, profiles: Mapping[str, Profile], rule: Mapping[str, Any]
) -> Manifest:
    """The manifest with these profiles, its neighbours learnt by this rule."""
    sections = dict(manifest.sections)
    if SECTION in sections:
        params = {**sections[SECTION].params, **rule}
        sections[SECTION] = sections[SECTION].model_copy(update={"params": params})
    changed = {"profiles": {**manifest.profiles, **profiles}, "sections": sections}
    return manifest.model_copy(update=changed)


Asked = dict[str, list[Topic]]
"""The topics of one fold, by protocol."""


def in_each_fold(
    work: Callable[[Learnt, Asked], Outcome],
    snapshot: Snapshot,
    catalog: Catalog,
    protocols: Sequence[Protocol],
    folds: Sequence[pd.DataFrame],
    *,
    n_jobs: int | None = None,
) -> Iterator[Outcome]:
    """What `work` makes of each fold that is asked something, in their order.

    A fold is learnt once, however many protocols ask it.
    """
    asked: dict[int, Asked] = {}
    for protocol in protocols:
        for topic in protocol.topics:
            asked.setdefault(topic.fold, {}).setdefault(protocol.name, []).append(topic)
    opened, catalog = Opened(snapshot), replace(catalog, ratings=None, tags=None, acts=None)
    tasks = [(work, opened, catalog, folds[fold], asked[fold]) for fold in sorted(asked)]
    return in_parallel(_learn_and, tasks, n_jobs=n_jobs, desc="folds")


def _learn_and(
    work: Callable[[Learnt, Asked], Outcome],
    opened: Opened,
    catalog: Catalog,
    ratings: pd.DataFrame,
    asked: Asked,
) -> Outcome:
    # with more threads a product is summed up in another order: no figure shall depend on cores
    with threadpool_limits(1, "blas"):
        return work(learn_from(opened.snapshot, catalog, ratings), asked)


class Opened:
    """A snapshot that another process can be given: it opens the same folder, once.

    A loaded encoder, an index and a lock cannot be sent; their folder's name can.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __reduce__(self) -> tuple[Callable[..., Opened], tuple[Path, Precision]]:
        return _open_again, (self.snapshot.bundle.folder, self.snapshot.precision)


@functools.cache
def _open_again(folder: Path, precision: Precision) -> Opened:
    return Opened(load_snapshot(folder, LoadOptions(precision=precision)))


def in_parallel(
    work: Callable[..., Outcome],
    tasks: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int | None = None,
    desc: str,
) -> Iterator[Outcome]:
    """What `work` makes of each task's arguments, in their order.

    As many processes as there are cores, or `n_jobs`; with one, nothing leaves this process.
    """
    listed = list(tasks)
    n_jobs = min(n_jobs or available_cores(), max(1, len(listed)))
    found = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(work)(*task) for task in listed)
    return iter(tqdm(found, total=len(listed), desc=desc, disable=None))
