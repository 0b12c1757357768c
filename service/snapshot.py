"""One loaded bundle, and the holder that swaps it by one reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indexing.bundle import layout
from indexing.bundle.locks import Hold
from indexing.bundle.manifest import Manifest, parse_time
from indexing.bundle.reader import Bundle, open_bundle
from indexing.encoder.parity import check_canaries, read_canaries
from indexing.encoder.precision import Precision
from indexing.encoder.runtime import Encoder
from indexing.errors import BundleError, BundleUnsupported, NotReady
from service.query_encoder import BatchingEncoder, CachingEncoder, EncodesQuery, Observer
from service.retrieval.base import Retriever
from service.retrieval.faiss_backend import FaissRetriever

_SWAP_S = 2.0
_GLANCE_S = 0.02


@dataclass(frozen=True)
class LoadOptions:
    """How a snapshot runs on this host, whatever bundle it holds."""

    precision: Precision = Precision.AUTO
    encoder_threads: int = 1
    max_batch: int = 16
    max_waiting: int = 256
    query_cache: int = 4096
    filter_exact_up_to: int = 100_000
    fixed_lengths: tuple[int, ...] = ()
    observer: Observer | None = None


def _no_rows() -> npt.NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Snapshot:
    """A loaded, verified bundle and what answers queries from it. Never changes.

    `blocked_rows` (int64, rising) are never part of an answer. The holds keep other processes
    from pruning the version, and the one whose encoder is shared, as long as the snapshot
    lives: the encoder's weights are mapped from there.
    """

    bundle: Bundle
    hold: Hold
    encoder_hold: Hold
    batching: BatchingEncoder
    encoder: EncodesQuery
    precision: Precision
    retriever: Retriever
    exact_up_to: int
    blocked_rows: npt.NDArray[np.int64] = field(default_factory=_no_rows)

    @property
    def version(self) -> str:
        """The version it was loaded from."""
        return self.bundle.version

    def age_s(self, now: datetime | None = None) -> float:
        """Seconds since the bundle was built."""
        created_at = parse_time(self.bundle.manifest.created_at)
        return ((now or datetime.now(UTC)) - created_at).total_seconds()


def load_snapshot(
    folder: Path, options: LoadOptions, *, sharing: Snapshot | None = None
) -> Snapshot:
    """Verify and load a published bundle: checksums, canaries, one query to warm it.

    The compiled encoder of `sharing` is used where its files are the same. Raises
    BundleMissing, BundleCorrupt, BundleUnsupported or EncoderError.
    """
    hold = Hold(folder)
    bundle = open_bundle(folder)
    info = bundle.manifest.retrieval
    if info.backend != "faiss":
        raise BundleUnsupported(f"manifest.json: retrieval backend {info.backend!r} is unknown")
    if sharing is not None and _same_encoder(sharing.bundle.manifest, bundle.manifest):
        batching, precision = sharing.batching, sharing.precision
        encoder_hold = sharing.encoder_hold
    else:
        batching, precision = _load_encoder(folder, options)
        encoder_hold = hold
    snapshot = Snapshot(
        bundle=bundle,
        hold=hold,
        encoder_hold=encoder_hold,
        batching=batching,
        encoder=CachingEncoder(
            batching, max_entries=options.query_cache, observer=options.observer
        ),
        precision=precision,
        retriever=FaissRetriever(folder, info, bundle.vectors),
        exact_up_to=options.filter_exact_up_to,
    )
    _warm(snapshot)
    return snapshot


def _same_encoder(one: Manifest, other: Manifest) -> bool:
    return _encoder_files(one) == _encoder_files(other)


def _encoder_files(manifest: Manifest) -> dict[str, str]:
    """Checksum of every file of the encoder: equal ones run alike."""
    inside = f"{layout.ENCODER}/"
    return {name: file.sha256 for name, file in manifest.files.items() if name.startswith(inside)}


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


def _warm(snapshot: Snapshot) -> None:
    """One query through both stages, so that the first request finds everything paged in."""
    vector = snapshot.encoder.encode("warm up")
    snapshot.retriever.retrieve(vector, 50)


class SwapObserver(Protocol):
    """What is told of swaps and refusals as they happen."""

    def observe_swap(self, created_at: float) -> None:
        """A bundle made at this UNIX time is in use now."""
        ...

    def observe_refusal(self) -> None:
        """A bundle could not be used."""
        ...


class SnapshotHolder:
    """The snapshot in use: requests take it once, the reloader replaces it.

    `problem` is why what CURRENT names is not in use, None when it is; `refused` is that
    version. `blocklist_problem` is why BLOCKLIST cannot be read. `swaps` and `refusals` count
    since the process started.
    """

    def __init__(
        self,
        observer: SwapObserver | None = None,
        *,
        current: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._observer = observer
        self._current = current
        self._snapshot: Snapshot | None = None
        self.problem: str | None = "no bundle has been loaded yet"
        self.refused: str | None = None
        self.blocklist_problem: str | None = None
        self.swaps = 0
        self.refusals = 0

    def get(self) -> Snapshot:
        """The snapshot in use. Raises NotReady, with what to do, before the first is loaded."""
        snapshot = self._snapshot
        if snapshot is None:
            raise NotReady(self.problem)
        return snapshot

    def at(self, version: str) -> Snapshot:
        """The snapshot in use; while CURRENT names this version and it is on its way, that one.

        During a swap another worker may have handed out a cursor of a version that this one has
        yet to load: it is waited for up to 2 s.
        """
        snapshot = self.get()
        given_up = time.monotonic() + _SWAP_S
        while snapshot.version != version and time.monotonic() < given_up:
            if not self._is_due(version):
                break
            time.sleep(_GLANCE_S)
            snapshot = self.get()
        return snapshot

    def _is_due(self, version: str) -> bool:
        """Whether CURRENT names this version; one that cannot be read names none."""
        try:
            return self._current() == version
        except BundleError:
            return False

    def peek(self) -> Snapshot | None:
        """The snapshot in use, None before the first."""
        return self._snapshot

    def swap(self, snapshot: Snapshot) -> None:
        """Put a new snapshot in use; requests under way finish on the old one."""
        self._snapshot = snapshot
        self.swaps += 1
        if self._observer is not None:
            self._observer.observe_swap(parse_time(snapshot.bundle.manifest.created_at).timestamp())

    def put(self, snapshot: Snapshot) -> None:
        """Put the same version in use with another blocklist: not counted as a swap."""
        self._snapshot = snapshot

    def settle(self) -> None:
        """What CURRENT names is in use."""
        self.problem = self.refused = None

    def refuse(self, version: str | None, problem: str) -> bool:
        """Remember why what CURRENT names is not in use; returns whether that is news."""
        news = problem != self.problem
        self.problem, self.refused = problem, version
        self.refusals += news
        if news and self._observer is not None:
            self._observer.observe_refusal()
        return news
