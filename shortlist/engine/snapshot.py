"""One loaded bundle, read-only, with what answers queries from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shortlist.bundle import layout
from shortlist.bundle.arrays import RowArray
from shortlist.bundle.locks import Hold
from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.encoder.machine import MAX_WAITING, Precision
from shortlist.encoder.parity import check_canaries, read_canaries
from shortlist.encoder.runtime import SETTINGS, Encoder
from shortlist.engine.facets import Facets, count_all
from shortlist.engine.features import check_profiles
from shortlist.engine.kept import Kept
from shortlist.engine.lanes.segments import retriever_of
from shortlist.engine.lanes.semantic import Retriever
from shortlist.engine.query_encoder import BatchingEncoder, CachingEncoder, EncodesQuery, Observer
from shortlist.engine.row_sets import RowSet
from shortlist.engine.vocabulary import Vocabulary, vocabulary_of
from shortlist.errors import BundleCorrupt

if TYPE_CHECKING:
    from shortlist.bundle.signing import TrustedKeys


@dataclass(frozen=True)
class LoadOptions:
    """How a snapshot runs on this host, whatever bundle it holds.

    Where there are `trusted_keys`, only what one of them has signed is loaded.
    """

    precision: Precision = Precision.AUTO
    encoder_threads: int = 1
    max_batch: int = 16
    max_waiting: int = MAX_WAITING
    query_cache: int = 4096
    filter_exact_up_to: int = 1_000
    fixed_lengths: tuple[int, ...] = ()
    observer: Observer | None = None
    trusted_keys: TrustedKeys = ()


@dataclass(frozen=True)
class Snapshot:
    """A loaded, verified bundle and what answers queries from it. Never changes.

    `blocked_rows` (int64, rising) are never part of an answer. The holds keep other processes
    from pruning the version, and the one whose encoder is shared, as long as the snapshot
    lives: the encoder's weights are mapped from there. `vocabulary` is what texts are read by, and
    `kept` what was found for filters: every snapshot begins with none.
    """

    bundle: Bundle
    hold: Hold
    encoder_hold: Hold
    batching: BatchingEncoder
    encoder: EncodesQuery
    precision: Precision
    retriever: Retriever
    exact_up_to: int
    blocked_rows: RowArray = field(default_factory=lambda: np.empty(0, np.int64))
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    kept: Kept = field(default_factory=Kept, init=False, repr=False, compare=False)

    @cached_property
    def facets(self) -> Facets:
        """What all items that are not blocked count, found when it is first asked for."""
        every = RowSet.every(self.bundle.n_items)
        return count_all(self.bundle, every.without(self.blocked_rows), self.kept)

    @property
    def version(self) -> str:
        """The version it was loaded from."""
        return self.bundle.version

    def age_s(self, now: datetime | None = None) -> float:
        """Seconds since the bundle was made."""
        return self.bundle.manifest.age_s(now)


def load_snapshot(
    folder: Path, options: LoadOptions, *, sharing: Snapshot | None = None
) -> Snapshot:
    """Verify and load a published bundle: checksums, canaries, one query to warm it.

    What it shares with the snapshot `sharing` is used as it is there: the compiled encoder where
    its files are the same, and segments. Raises BundleMissing, BundleCorrupt, BundleUntrusted,
    BundleUnsupported or EncoderError.
    """
    hold = Hold(folder)
    shared = None if sharing is None else sharing.bundle
    bundle = open_bundle(folder, trusted_keys=options.trusted_keys, sharing=shared)
    check_profiles(bundle)
    held = None if sharing is None else (sharing.bundle, sharing.retriever)
    retriever = retriever_of(bundle, sharing=held)
    if sharing is not None and _encoder_files(sharing.bundle) == _encoder_files(bundle):
        encoder_hold, batching = sharing.encoder_hold, sharing.batching
        precision = sharing.precision
    else:
        encoder_hold = hold
        batching, precision = _load_encoder(folder, options)
    snapshot = Snapshot(
        bundle=bundle,
        hold=hold,
        encoder_hold=encoder_hold,
        batching=batching,
        encoder=CachingEncoder(
            batching, max_entries=options.query_cache, observer=options.observer
        ),
        precision=precision,
        retriever=retriever,
        exact_up_to=options.filter_exact_up_to,
        vocabulary=vocabulary_of(bundle),
    )
    for own in (bundle.sections.words, bundle.sections.titles):
        if own is not None:
            own.prepare()
    # One query through both stages, so that the first request finds everything paged in.
    vector = snapshot.encoder.encode("warm up")
    if len(vector) != bundle.manifest.embedding_dim:
        raise BundleCorrupt(
            f"{layout.ENCODER}/{SETTINGS}: gives vectors of {len(vector)} numbers, expected"
            f" {bundle.manifest.embedding_dim} as in {layout.VECTORS}"
        )
    snapshot.retriever.retrieve(vector, 50)
    return snapshot


def _encoder_files(bundle: Bundle) -> dict[str, str]:
    """Checksum of every file of the encoder: equal ones run alike."""
    files, inside = bundle.manifest.files, f"{layout.ENCODER}/"
    return {name: file.sha256 for name, file in files.items() if name.startswith(inside)}


def _load_encoder(folder: Path, options: LoadOptions) -> tuple[BatchingEncoder, Precision]:
    encoder = Encoder(
        folder / layout.ENCODER,
        precision=options.precision,
        n_threads=options.encoder_threads,
        fixed_lengths=options.fixed_lengths,
    )
    check_canaries(encoder, read_canaries(folder / layout.ENCODER))
    batching = BatchingEncoder(
        encoder,
        max_batch=options.max_batch,
        max_waiting=options.max_waiting,
        observer=options.observer,
    )
    return batching, encoder.precision
