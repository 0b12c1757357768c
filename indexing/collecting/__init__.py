"""Unit vectors and filter columns to collections of Milvus."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexing.catalog.retrieval import Backend, CollectionIndex, RetrievalConfig
from indexing.collecting.making import make
from indexing.collecting.owned import Collections
from indexing.collecting.tuning import tuned
from shortlist.bundle import layout
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import RetrievalInfo
from shortlist.bundle.places import EntryRows
from shortlist.bundle.reader import sha256_of_file
from shortlist.engine.remote.collection import BACKEND, PATIENT_S, MilvusCollection
from shortlist.errors import PublishError, RetrievalUnavailable

_FORM = "1"
"""Of what a collection holds: another one gives it another name."""


@dataclass(frozen=True)
class Collecting:
    """What collections are made by: the catalogue's settings, and where they are written down."""

    config: RetrievalConfig
    own: Collections

    def build(
        self,
        vectors: Vectors,
        folder: Path,
        *,
        items: Path,
        rows: EntryRows,
        probes: Callable[[], Vectors],
    ) -> RetrievalInfo:
        """Make the collection of a segment and describe it, measured.

        `vectors` are float32 unit rows [m, dim] in vectors.npy of the `folder`; the entries are of
        these `rows` (int32 [m]) of the columns in the file `items`. The search parameters are the
        first that reach recall@50 of 0.98 on the probes (float32 [n_probes, dim]), else the best.
        Raises PublishError where the server does not do what it is asked.
        """
        _link(items, folder / layout.FILTERS)
        np.save(folder / layout.FILTER_ROWS, rows)
        assert self.config.uri is not None
        name = f"shortlist_{self.own.owner}_{_digest(folder, self.config.index)}"
        info = RetrievalInfo(
            backend=BACKEND,
            file=layout.FILTERS,
            type=self.config.index.value,
            exact=False,
            params={"uri": self.config.uri, "collection": name},
        )
        with _explained():
            collection = MilvusCollection(folder, info, vectors)
            collection.patience_s = PATIENT_S
            self.own.note(name, self.config.uri)
            make(collection, self.config.index)
            return tuned(collection, info, probes())


def collecting_of(config: RetrievalConfig, own: Collections) -> Collecting | None:
    """What makes the collections of a catalogue with these settings, None where it has none."""
    return Collecting(config, own) if config.backend is Backend.MILVUS else None


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without them
        shutil.copyfile(source, target)


def _digest(folder: Path, index: CollectionIndex) -> str:
    """What a collection's content is told from others by."""
    names = (layout.VECTORS, layout.FILTERS, layout.FILTER_ROWS)
    parts = [_FORM, index.value, *(sha256_of_file(folder / name) for name in names)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:24]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RetrievalUnavailable as error:
        raise PublishError(f"{error}; nothing is published, run again when it answers") from error
