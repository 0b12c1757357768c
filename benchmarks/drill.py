"""Builds, swaps and kills of every part of a cluster under load: what each of them costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cluster_parts import Parts
from benchmarks.dask_cluster import COUNTING, kill
from benchmarks.service_process import ServiceProcess
from benchmarks.steady import Steady, under_load
from benchmarks.waiting import until
from indexing import chunks
from indexing.job import build
from shortlist.errors import ShortlistError

_CHUNKS_FIRST = 2


@dataclass(frozen=True)
class Subject:
    """A catalogue to drill with: its name, the folders of its files, texts of a chunk."""

    name: str
    sources: list[Path]
    chunk_texts: int


@dataclass(frozen=True)
class Step:
    """What was done, what it cost, and how long it took until all was well.

    `away_s` of the seconds passed before the part that was killed was started again.
    """

    catalogue: str
    what: str
    well_s: float
    away_s: float | None
    answers: int
    elsewhere: int
    refused: int
    answers_lost: int
    builds_lost: int
    chunks_again: int
    why: list[str] = field(default_factory=list)


@dataclass
class Cost:
    """What a step has noted so far."""

    began: float = 0.0
    restarted: float | None = None
    chunks_again: int = 0
    lost_builds: list[str] = field(default_factory=list)


class Drill:
    """One catalogue, built through all parts and served by two services with own caches."""

    def __init__(self, parts: Parts, subject: Subject) -> None:
        self.parts, self.subject = parts, subject
        self.url = f"s3://{parts.bucket}/{subject.name}"
        self.catalog, self._chunks = parts.catalog(subject.name, subject.sources)
        own = (parts.scratch / f"{subject.name}-service-{n}" for n in (1, 2))
        self.services = [ServiceProcess(self.url, cache) for cache in own]
        self.version = ""

    def run(self, *, n_swaps: int) -> Iterator[Step]:
        """Every step in turn."""
        with ExitStack() as ends, _chunks_of(self.subject.chunk_texts):
            yield self._step("first build", Steady([]), self._first_build)
            for service in self.services:
                ends.callback(service.kill)
                service.start()
            self._wait_until_well()
            load = ends.enter_context(under_load([one.port for one in self.services]))
            for what, act in [*[("swap", self._swap)] * n_swaps, *self._kills()]:
                yield self._step(what, load, act)

    def _kills(self) -> list[tuple[str, Callable[[Cost], None]]]:
        return [
            ("a worker killed in a build", self._kill_worker),
            ("the scheduler killed in a build", self._kill_scheduler),
            ("the object store killed", self._kill_store),
            ("swap", self._swap),
            ("Milvus killed", self._kill_milvus),
            ("a service killed", self._kill_service),
            ("swap", self._swap),
        ]

    def _step(self, what: str, load: Steady, act: Callable[[Cost], None]) -> Step:
        load.cut()
        cost = Cost(time.monotonic())
        act(cost)
        ended, told = time.monotonic(), load.cut()
        away = None if cost.restarted is None else round(cost.restarted - cost.began, 2)
        return Step(
            *(self.subject.name, what, round(ended - cost.began, 2), away),
            *(len(told.answers), told.elsewhere, told.refused, len(told.lost)),
            *(len(cost.lost_builds), cost.chunks_again, [*cost.lost_builds, *told.lost]),
        )

    def _first_build(self, cost: Cost) -> None:
        self._build(cost)
        if cost.lost_builds:
            raise RuntimeError(f"nothing to serve: {cost.lost_builds}")

    def _swap(self, cost: Cost) -> None:
        """The seconds are those from the publish until both services serve it."""

        def note(step: str) -> None:
            if step == "published: CURRENT replaced":
                cost.began = time.monotonic()

        self._add_a_rating()
        self._build(cost, on_step=note)
        self._wait_until_well()

    def _kill_worker(self, cost: Cost) -> None:
        cluster = self.parts.cluster
        worker = next(one for one in cluster.workers if one.poll() is None)
        self._build_all(cost, lambda: cluster.kill_at_a_chunk(worker))
        self._wait_until_well()
        cluster.start_worker(COUNTING)

    def _kill_scheduler(self, cost: Cost) -> None:
        cluster = self.parts.cluster

        def interfere() -> None:
            kill(cluster.scheduler)
            for worker in cluster.workers:
                kill(worker)
            cost.restarted = time.monotonic()
            cluster.start_scheduler()
            cluster.start_worker(COUNTING)

        self._build_all(cost, interfere)
        self._wait_until_well()
        cluster.start_worker(COUNTING)

    def _kill_store(self, cost: Cost) -> None:
        self.parts.store.kill()
        self._wait_until_degraded()
        cost.restarted = time.monotonic()
        self.parts.store.start()
        self._wait_until_well()

    def _kill_milvus(self, cost: Cost) -> None:
        self.parts.milvus.kill()
        until(lambda: any(one.is_degraded() for one in self.services), "Milvus is missed")
        cost.restarted = time.monotonic()
        self.parts.milvus.start()
        self._wait_until_well()

    def _kill_service(self, cost: Cost) -> None:
        self.services[0].kill()
        cost.restarted = time.monotonic()
        self.services[0].start()
        self._wait_until_well()

    def _build_all(self, cost: Cost, interfere: Callable[[], None]) -> None:
        """Encode everything again, and interfere when the first chunks are finished."""
        ended: list[bool] = []

        def when_begun() -> None:
            until(lambda: bool(ended) or self._n_kept() >= _CHUNKS_FIRST, "the first chunks")
            if ended:
                raise RuntimeError("the build had ended before anything was killed")
            cost.began = time.monotonic()
            interfere()

        self._add_a_rating()
        with ThreadPoolExecutor(1) as beside:
            interfered = beside.submit(when_begun)
            try:
                self._build(cost, reuse=False)
            finally:
                ended.append(True)
            interfered.result()

    def _build(
        self, cost: Cost, *, reuse: bool = True, on_step: Callable[[str], None] | None = None
    ) -> None:
        begun = self.parts.encoded
        try:
            report = build(self.catalog, self.url, reuse=reuse, on_step=on_step or (lambda _: None))
        except ShortlistError as error:
            cost.lost_builds.append(str(error))
            return
        self.version = report.version
        needed = -(-report.counts.encoded // self.subject.chunk_texts)
        cost.chunks_again = self.parts.encoded - begun - needed

    def _n_kept(self) -> int:
        with suppress(FileNotFoundError):
            return sum(path.suffix != ".part" for path in self._chunks.iterdir())
        return 0

    def _add_a_rating(self) -> None:
        ratings = self.catalog.parent / "ratings.csv"
        text = ratings.read_text(encoding="utf-8")
        ratings.write_text(f"{text}{text.splitlines()[-1]}\n", encoding="utf-8")

    def _wait_until_well(self) -> None:
        for service in self.services:
            service.wait_until_well(self.version)

    def _wait_until_degraded(self) -> None:
        for service in self.services:
            until(service.is_degraded, f"{service.port} notices that a part is away")


@contextmanager
def _chunks_of(n_texts: int) -> Iterator[None]:
    """Chunks small enough that some are left to lose."""
    before, chunks.CHUNK_TEXTS = chunks.CHUNK_TEXTS, n_texts
    try:
        yield
    finally:
        chunks.CHUNK_TEXTS = before
