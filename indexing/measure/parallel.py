"""Work that several processes share: folds, chunks of topics, ascents."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed
from tqdm import tqdm

from shortlist.encoder.machine import Precision, available_cores
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

Outcome = TypeVar("Outcome")


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

    As many processes as there are cores, or `n_jobs`; with one, nothing leaves this process. Each
    process computes with one thread of linear algebra, so that no sum depends on how many there
    are.
    """
    listed = list(tasks)
    n_jobs = min(n_jobs or available_cores(), max(1, len(listed)))
    found = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(work)(*task) for task in listed)
    return iter(tqdm(found, total=len(listed), desc=desc, disable=None))
