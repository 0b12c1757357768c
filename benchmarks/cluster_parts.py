"""An object store, Milvus, and a Dask scheduler with two workers, all of this machine."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dask_cluster import COUNTING, Cluster
from benchmarks.milvus_server import MilvusServer, milvus_server
from benchmarks.object_store import ObjectStore
from benchmarks.server import HERE

_SETTINGS = """
[build]
engine = "dask"
address = "{address}"
chunks = "{chunks}"

[retrieval]
backend = "milvus"
uri = "{uri}"
"""


@dataclass(frozen=True)
class Parts:
    """What runs, and a working folder."""

    scratch: Path
    store: ObjectStore
    milvus: MilvusServer
    cluster: Cluster
    bucket: str

    @property
    def encoded(self) -> int:
        """How many chunks workers have begun."""
        counted = self.scratch / "dask" / "encoded"
        return len(counted.read_text()) if counted.exists() else 0

    def catalog(self, name: str, sources: list[Path]) -> tuple[Path, Path]:
        """A catalogue's files copied and told to use all parts, and where its chunks wait."""
        folder = self.scratch / name
        for source in sources:
            shutil.copytree(source, folder, dirs_exist_ok=True)
        path, chunks = folder / "catalog.toml", self.scratch / f"{name}-chunks"
        told = _SETTINGS.format(address=self.cluster.address, chunks=chunks, uri=self.milvus.uri)
        path.write_text(path.read_text(encoding="utf-8") + told, encoding="utf-8")
        return path, chunks


@contextmanager
def parts(scratch: Path) -> Iterator[Parts]:
    """Everything started, and ended when the block is left, in whatever way.

    This process and those it starts reach the object store meanwhile. Raises NoNetwork, NoServer.
    """
    with ExitStack() as ends:
        for name in ("objects", "dask"):
            (scratch / name).mkdir(parents=True)
        store = ObjectStore(scratch / "objects")
        ends.callback(store.kill)
        store.start()
        bucket = f"bucket-{os.getpid()}-{time.time_ns()}"
        store.make_bucket(bucket)
        told = {**store.environment, "SHORTLIST_CACHE": str(scratch / "builder")}
        ends.enter_context(_environment(told))
        milvus = ends.enter_context(milvus_server())
        cluster = Cluster(scratch / "dask", HERE)
        ends.callback(cluster.end)
        for _ in range(2):
            cluster.start_worker(COUNTING)
        yield Parts(scratch, store, milvus, cluster, bucket)


@contextmanager
def _environment(told: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
