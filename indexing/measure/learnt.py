"""A version as it would be had it been built from other users' ratings only, fold by fold."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
from indexing.neighbours.ease import Ease
from indexing.neighbours.learn import learn_neighbours
from indexing.neighbours.likes import Likes
from indexing.neighbours.section import catalog_likes
from indexing.popularity import catalog_popularity
from shortlist.encoder.machine import Precision, available_cores
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Learnt:
    """A snapshot that knows nothing of some users, and the likes that it was learnt from.

    `ease` gives EASE fitted to these likes with a regularisation, each time the same one.
    """

    snapshot: Snapshot
    likes: Likes
    ease: Callable[[float], Ease]


def learn_from(snapshot: Snapshot, catalog: Catalog, ratings: pd.DataFrame) -> Learnt:
    """The snapshot with popularity, rating features and neighbours from these ratings alone.

    Documents stay as they are, also the tags in them that the users left out have given.
    """
    catalog = replace(catalog, ratings=Events(ratings, n_dropped=0))
    popularity, likes = catalog_popularity(catalog), catalog_likes(catalog)
    assert popularity is not None and likes is not None
    bundle, settings = snapshot.bundle, catalog.config.neighbours
    rated = rated_features(popularity, np.asarray(bundle.vectors))
    own = bundle.sections.features.columns if bundle.sections.features else {}
    kept = {name: values for name, values in own.items() if name not in rated.columns}
    ease = functools.cache(lambda strength: Ease(likes.matrix, regularisation=strength))
    learnt = learn_neighbours(
        likes,
        n_items=catalog.n_items,
        model=settings.model,
        regularisation=settings.regularisation,
        ease=ease,
        quiet=True,
    )
    sections = replace(
        bundle.sections,
        features=replace(rated, columns={**rated.columns, **kept}),
        neighbours=None if learnt is None else learnt.neighbours,
    )
    items = replace(bundle.items, popularity=popularity.columns)
    learnt_bundle = replace(bundle, items=items, sections=sections)
    return Learnt(replace(snapshot, bundle=learnt_bundle), likes, ease)


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
    opened, catalog = Opened(snapshot), replace(catalog, ratings=None, tags=None)
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
