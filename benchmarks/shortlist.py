"""Shortlist's side of what runs in process: python -m benchmarks.shortlist encode|query DIR.

`encode FOLDER` encodes a catalogue's documents; `query ARTIFACTS` asks the engine uncached
queries; `ceiling` measures this machine's bf16 matrix product. Each prints one line of JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.queries import distinct_queries

N_QUERIES = 300
FLOP_PER_TOKEN = 2 * 6 * (4 * 384 * 384 + 2 * 384 * 1536)
"""Multiply-adds of the model's linear layers: six layers, four square and two wide matrices."""


def encode(folder: Path) -> dict[str, float]:
    """Seconds to encode every document of the catalogue, model loaded, and what that takes."""
    from indexing.catalog import read_catalog
    from indexing.catalog.toml import read_catalog_config
    from indexing.documents import read_corpus
    from indexing.export import cached_export, default_cache
    from indexing.models import resolve_model
    from shortlist.encoder.runtime import Encoder

    corpus = read_corpus(read_catalog(read_catalog_config(folder / "catalog.toml")))
    documents = [text for batch in corpus.documents(batch_rows=65_536) for text in batch]
    n_cores = len(os.sched_getaffinity(0))
    export = cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())
    encoder = Encoder(export, n_streams=n_cores, n_threads=n_cores)
    started = time.perf_counter()
    encoder.encode(documents)
    encode_s = time.perf_counter() - started
    n_tokens = encoder.count_tokens(documents)
    return {
        "encode_s": encode_s,
        "documents": len(documents),
        "tokens": n_tokens,
        "tflop_per_s": n_tokens * FLOP_PER_TOKEN / encode_s / 1e12,
    }


def query(artifacts: Path) -> dict[str, float]:
    """Milliseconds of an uncached search in process."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from service.app import load_options
    from service.config import Settings
    from shortlist.bundle.store import ArtifactStore
    from shortlist.engine.query import SearchQuery
    from shortlist.engine.search import ask
    from shortlist.engine.snapshot import load_snapshot

    snapshot = load_snapshot(ArtifactStore(artifacts).live_folder(), load_options(Settings()))
    times_ms = []
    for text in distinct_queries(N_QUERIES):
        started = time.perf_counter()
        ask(snapshot, SearchQuery(q=text))
        times_ms.append((time.perf_counter() - started) * 1e3)
    times_ms.sort()
    return {"query_p50_ms": times_ms[N_QUERIES // 2], "query_p99_ms": times_ms[-N_QUERIES // 100]}


def ceiling() -> dict[str, float]:
    """TFLOP/s of a plain bf16 product of the shape of the model's widest layer."""
    import torch

    rows, inner, columns = 2048, 384, 1536
    one = torch.randn(rows, inner, dtype=torch.bfloat16)
    other = torch.randn(inner, columns, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(30):
        started = time.perf_counter()
        for _ in range(10):
            one @ other
        best = min(best, time.perf_counter() - started)
    return {"bf16_tflop_per_s": 10 * 2 * rows * inner * columns / best / 1e12}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["encode", folder]:
            print(json.dumps(encode(Path(folder))))
        case ["query", artifacts]:
            print(json.dumps(query(Path(artifacts))))
        case _:
            print(json.dumps(ceiling()))
