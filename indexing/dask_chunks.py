"""Chunks encoded by the workers of a Dask cluster; the only place that imports distributed.

A worker is given the export once and is then asked for one chunk after the other. A worker that is
lost costs the chunks it was at; a scheduler that is lost is waited for.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from distributed import Client, KilledWorker
from distributed import TimeoutError as DaskTimeoutError
from distributed.comm import CommClosedError

from indexing import dask_worker
from indexing.chunks import OnProgress
from indexing.dask_worker import Export, Likeness
from indexing.encoding import Encoding
from shortlist.bundle.arrays import Vectors
from shortlist.errors import EncoderError

log = logging.getLogger(__name__)

_PER_WORKER = 2
"""Chunks on their way for each worker: the next one is there when it has finished one."""

_MOST_WAITING = 64
_LOOK_EVERY_S = 2.0
_CONNECT_S = 10.0
_LOST = (CommClosedError, DaskTimeoutError, CancelledError, OSError)


@dataclass(frozen=True)
class Task:
    """What every chunk of a build has in common."""

    name: str
    export: Export
    precision: str
    prompt: str
    likeness: Likeness


class _Cluster:
    """A connection to a scheduler, and the workers that encode as this machine does."""

    def __init__(self, address: str, task: Task, *, patience_s: float) -> None:
        self._address = address
        self._task = task
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._known: dict[str, str | None] = {}
        self._closed = threading.Event()
        self._client = self._connected()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The vectors of one chunk, whatever is lost meanwhile.

        Raises EncoderError where no worker is left, or the scheduler stays away.
        """
        while not self._closed.is_set():
            client = self._client
            try:
                return self._encoded(client, texts)
            except EncoderError:
                raise
            except KilledWorker as error:
                raise EncoderError(
                    f"{self._address}: several workers ended while they encoded one chunk of"
                    f" {len(texts)} documents; their logs say why (is there memory enough?)"
                ) from error
            except Exception as error:  # a client closed under a call raises what it happens to
                if not isinstance(error, _LOST) and client.status == "running":
                    raise
                self._recover(client, error)
        raise CancelledError

    def workers(self, client: Client) -> list[str]:
        """The addresses of the workers that are there and encode as this machine does."""
        with self._lock:
            there = list(client.scheduler_info(n_workers=-1)["workers"])
            for address in there:
                if address not in self._known:
                    self._known[address] = self._prepared(client, address)
            return [address for address in there if self._known[address] is None]

    @property
    def n_workers(self) -> int:
        """How many workers encode as far as was seen last; those that are lost too."""
        return sum(why is None for why in self._known.copy().values())

    def close(self) -> None:
        """Leave the cluster as it was; who waits for something waits no longer."""
        self._closed.set()
        with suppress(Exception):  # it may be gone
            self._client.close(timeout=_CONNECT_S)

    def _encoded(self, client: Client, texts: Sequence[str]) -> Vectors:
        """The vectors of one chunk, by whichever worker is free; again where all of them go."""
        workers = self._some_workers(client)
        future = client.submit(
            dask_worker.encode,
            *(self._task.name, texts, self._task.prompt),
            workers=workers,
            key=f"shortlist-{uuid.uuid4().hex}",
            pure=False,
        )
        while True:
            with suppress(DaskTimeoutError):
                found: Vectors = future.result(timeout=_LOOK_EVERY_S)
                return found
            if client.status != "running":
                raise CommClosedError("the scheduler is away")
            if not set(workers) & set(self.workers(client)):
                future.cancel()
                raise CommClosedError("every worker that could encode is away")

    def _some_workers(self, client: Client) -> list[str]:
        """As `workers`, waited for where there are none."""
        given_up = time.monotonic() + self._patience_s
        while not (workers := self.workers(client)):
            refused = {one: why for one, why in self._known.items() if why}
            if time.monotonic() > given_up or self._closed.is_set():
                said = "; ".join(f"{one}: {why}" for one, why in refused.items())
                raise EncoderError(
                    f"{self._address}: no worker encodes documents as this machine does"
                    f" ({said or 'there is none'}); start `dask worker {self._address}` where the"
                    " same release of this program and `distributed` are installed"
                )
            self._closed.wait(_LOOK_EVERY_S / 4)
        return workers

    def _prepared(self, client: Client, address: str) -> str | None:
        """Give a worker the export unless it has it; why it is refused, None where it is not."""
        task = self._task
        found = client.run(
            dask_worker.prepare,
            *(task.name, task.export, task.precision),
            workers=[address],
            on_error="return",
        ).get(address, "it went away")
        why = task.likeness.difference(found) if isinstance(found, Likeness) else str(found)
        if why is None:
            log.info("%s: encodes documents", address)
        else:
            log.warning("%s: is not asked: %s", address, why)
        return why

    def _recover(self, lost: Client, error: BaseException) -> None:
        """Connect anew, once for all who have lost the same connection."""
        with self._lock:
            if self._client is not lost or lost.status == "running":
                return
            log.warning("%s: the scheduler is away, waiting for it: %s", self._address, error)
            with suppress(Exception):
                lost.close(timeout=0)
            self._known.clear()
            self._client = self._connected()

    def _connected(self) -> Client:
        given_up = time.monotonic() + self._patience_s
        timeout_s = min(_CONNECT_S, max(1.0, self._patience_s))
        while True:
            try:
                return Client(self._address, timeout=timeout_s, set_as_default=False)
            except (OSError, ValueError) as error:
                over = time.monotonic() > given_up or self._closed.is_set()
                if over or isinstance(error, ValueError):
                    raise EncoderError(
                        f"{self._address}: no scheduler of a Dask cluster answers there: {error};"
                        " run the build again when it does, finished chunks are kept"
                    ) from error
                self._closed.wait(_LOOK_EVERY_S / 4)


class DaskChunks:
    """Chunks encoded by a cluster; see `ChunkEncoder`."""

    def __init__(self, encoding: Encoding, cluster: _Cluster, threads: ThreadPoolExecutor) -> None:
        self._encoding = encoding
        self._cluster = cluster
        self._threads = threads

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self._encoding.encoder.embedding_dim

    @property
    def at_once(self) -> int:
        """Two chunks a worker that is there, so that none waits for the next one."""
        return min(_MOST_WAITING, _PER_WORKER * max(1, self._cluster.n_workers))

    def submit(self, texts: list[str], on_progress: OnProgress) -> Future[Vectors]:
        """As `ChunkEncoder` says; a chunk's progress is told when all of it is done."""

        def encoded() -> Vectors:
            vectors = self._cluster.encode(texts)
            on_progress(len(texts))
            return vectors

        return self._threads.submit(encoded)

    def n_cut(self, texts: Sequence[str]) -> int:
        """As `ChunkEncoder` says."""
        return self._encoding.encoder.n_cut(texts, prompt=self._encoding.settings.document_prompt)


@contextmanager
def dask_chunks(encoding: Encoding, address: str, *, patience_s: float) -> Iterator[DaskChunks]:
    """What encodes documents on the cluster of a scheduler, while it is open.

    Raises EncoderError where no scheduler answers for `patience_s` seconds.
    """
    export = Export.of(encoding.export)
    task = Task(
        name=uuid.uuid4().hex,
        export=export,
        precision=encoding.wanted.value,
        prompt=encoding.settings.document_prompt,
        likeness=dask_worker.likeness_of(encoding.encoder, encoding.export, export.digest),
    )
    cluster = _Cluster(address, task, patience_s=patience_s)
    threads = ThreadPoolExecutor(_MOST_WAITING, thread_name_prefix="on-cluster")
    try:
        yield DaskChunks(encoding, cluster, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        cluster.close()
        threads.shutdown()
