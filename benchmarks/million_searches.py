"""Searches of a large catalogue: how long over HTTP, and how much of exact search they find."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import numpy as np

from benchmarks.catalogues import PARTS
from benchmarks.million_table import spread
from benchmarks.queries import N_DISTINCT, distinct_queries
from benchmarks.server import Running, timed
from benchmarks.shortlist import FLOP_PER_TOKEN, ceiling
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.documents import read_corpus
from indexing.encoding import encoding_of
from indexing.recall import RECALL_DEPTH, exact_nearest
from shortlist.engine.conditions import Attributes, Filters
from shortlist.engine.filters import passing
from shortlist.engine.snapshot import LoadOptions, load_snapshot

N_QUERIES = 200
N_FIRST = 20
"""Queries of each kind that are asked before any is timed."""

N_PROBES = 100
N_ENCODED = 5000
FACETS = ("categories", "year", "price", "part", "in_stock")
SHARES = {name: share for name, share in PARTS.items() if name != "rest"}
"""What is filtered by: parts, by the share of the items that are of each."""

_OFFSETS = itertools.cycle(range(0, N_DISTINCT - N_QUERIES - N_FIRST, N_QUERIES + N_FIRST))
_NOBODY = np.empty(0, np.int64)


def searches(running: Running, *, filtered: bool) -> dict[str, Any]:
    """Milliseconds of uncached searches by one client: plain, by what filters pass, with facets.

    Every kind of search is asked some times before it is timed.
    """
    found = {"plain": _times(running, "")}
    if filtered:
        found |= {name: _times(running, f"&attr=part:{name}") for name in SHARES}
        found["facets"] = _times(running, "".join(f"&facet={name}" for name in FACETS))
        found["plain again"] = _times(running, "")
    return found


def _times(running: Running, more: str) -> list[float]:
    """Median and 99th percentile of queries that nobody asked before."""
    texts = distinct_queries(N_QUERIES + N_FIRST, offset=next(_OFFSETS))
    targets = [f"/v1/search?q={quote_plus(text)}{more}" for text in texts]
    timed(running, targets[:N_FIRST])
    return spread(timed(running, targets[N_FIRST:]))


def recalls(folder: Path, *, filtered: bool = True) -> dict[str, float]:
    """Recall@50 against scoring one and all, of queries without a filter and with."""
    snapshot = load_snapshot(folder, LoadOptions())
    probes = np.stack([snapshot.encoder.encode(text) for text in distinct_queries(N_PROBES)])
    retriever, bundle = snapshot.retriever, snapshot.bundle
    exact = exact_nearest(probes, bundle.vectors, depth=RECALL_DEPTH)
    found = [retriever.retrieve(probe, RECALL_DEPTH).rows for probe in probes]
    measured = {"plain": _recall(found, list(exact))}
    for name in SHARES if filtered else ():
        wanted = Filters(attributes=Attributes(any={"part": (name,)}))
        rows = passing(bundle, wanted, _NOBODY).whole
        through, true = (
            [
                retriever.retrieve_among(probe, RECALL_DEPTH, rows, exact_up_to=most).rows
                for probe in probes
            ]
            for most in (snapshot.exact_up_to, len(rows))
        )
        measured[name] = _recall(through, true)
    return measured


def _recall(found: list[Any], true: list[Any]) -> float:
    shares = [
        len(np.intersect1d(*pair)) / max(1, len(pair[1])) for pair in zip(found, true, strict=True)
    ]
    return round(float(np.mean(shares)), 4)


def encoding_rate(catalog: Path) -> dict[str, float]:
    """How fast documents of a catalogue are encoded, and what share of a bf16 product that is."""
    config = read_catalog_config(catalog)
    corpus = read_corpus(read_catalog(config))
    step = max(1, len(corpus) // N_ENCODED)
    documents = next(
        corpus.of(np.arange(0, len(corpus), step)[:N_ENCODED]).documents(batch_rows=N_ENCODED)
    )
    encoding = encoding_of(config, None)
    began = time.perf_counter()
    encoding.encoder.encode(documents, prompt=encoding.settings.document_prompt)
    took_s = time.perf_counter() - began
    n_tokens = encoding.encoder.count_tokens(documents)
    return {
        "texts_per_s": round(len(documents) / took_s, 1),
        "tokens_per_text": round(n_tokens / len(documents), 1),
        "tflop_per_s": round(n_tokens * FLOP_PER_TOKEN / took_s / 1e12, 3),
        **{name: round(value, 3) for name, value in ceiling().items()},
    }
