"""What queries in fewer bits cost and give: python -m benchmarks.precisions --artifacts DIR.

Loads what is live in DIR once for every precision of queries that this processor computes in, asks
every one the same 500 texts, and compares vectors, retrieval, scores and order with those of f32
over the same bundle. Query times are of one text alone on one thread, the quickest of seven rounds
that go through all precisions in turn. Writes benchmarks/results/precisions.json and .md.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import report
from benchmarks.queries import distinct_queries
from indexing.measure.report import as_table, write_tables
from indexing.recall import RECALL_DEPTH, exact_nearest
from service.app import QUERY_LENGTHS
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision, resolve_precision
from shortlist.encoder.parity import check_canaries, read_canaries
from shortlist.encoder.runtime import Encoder
from shortlist.engine.answer import Answer
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

N_QUERIES = 500
N_TIMED = 200
ROUNDS = 7
SHOWN = 10


@click.command()
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(artifacts: Path) -> None:
    """Measure, print, write the results."""
    folder = ArtifactStore(artifacts).live_folder()
    texts = distinct_queries(N_QUERIES)
    snapshots = {one: _loaded(folder, one) for one in _precisions()}
    vectors = {
        one: np.stack([snapshot.encoder.encode(text) for text in texts])
        for one, snapshot in snapshots.items()
    }
    answers = {
        one: [_asked(snapshot, text) for text in texts] for one, snapshot in snapshots.items()
    }
    times = _query_ms(folder / "encoder", tuple(snapshots), texts[:N_TIMED])
    exact = exact_nearest(
        vectors[Precision.F32], snapshots[Precision.F32].bundle.vectors, depth=RECALL_DEPTH
    )
    lines = [
        {
            "precision": one.value,
            "query_ms": round(times[one], 2),
            **_canary(folder / "encoder", one),
            **_vectors_beside(vectors[one], vectors[Precision.F32]),
            "recall": _recall(snapshot, vectors[one], exact),
            **_answers_beside(answers[one], answers[Precision.F32]),
        }
        for one, snapshot in snapshots.items()
    ]
    found = {
        "machine": report.machine(),
        "items": snapshots[Precision.F32].bundle.n_items,
        "queries": N_QUERIES,
        "documents_in": snapshots[Precision.F32].bundle.manifest.encoder.precision,
        "lines": lines,
    }
    table = as_table(list(lines[0]), [list(map(str, one.values())) for one in lines], n_texts=1)
    write_tables(report.RESULTS / "precisions", table, found)
    click.echo(table)


def _precisions() -> tuple[Precision, ...]:
    """f32 first; bf16 where it is not emulated."""
    own = resolve_precision(Precision.AUTO)
    return tuple(dict.fromkeys((Precision.F32, own, Precision.INT8)))


def _loaded(folder: Path, precision: Precision) -> Snapshot:
    return load_snapshot(folder, LoadOptions(precision=precision, fixed_lengths=QUERY_LENGTHS))


def _asked(snapshot: Snapshot, text: str) -> Answer:
    return ask(snapshot, SearchQuery(q=text, k=SHOWN))


def _query_ms(
    folder: Path, precisions: Sequence[Precision], texts: Sequence[str]
) -> dict[Precision, float]:
    """The median over texts of the quickest of their times, one text at a time."""
    encoders = [
        Encoder(folder, precision=one, n_threads=1, fixed_lengths=QUERY_LENGTHS)
        for one in precisions
    ]
    tokens = encoders[0].query_tokens(texts)
    rounds = [
        [[_ms(encoder, ids) for ids in tokens] for encoder in encoders] for _ in range(ROUNDS)
    ]
    quickest = np.min(np.array(rounds), axis=0)
    return dict(zip(precisions, np.median(quickest, axis=1).tolist(), strict=True))


def _ms(encoder: Encoder, ids: list[int]) -> float:
    began = time.perf_counter()
    encoder.encode_tokens([ids])
    return 1e3 * (time.perf_counter() - began)


def _canary(folder: Path, precision: Precision) -> dict[str, float]:
    encoder = Encoder(folder, precision=precision, n_threads=1)
    return {"canaries_least_cosine": round(check_canaries(encoder, read_canaries(folder)), 5)}


def _vectors_beside(own: Vectors, true: Vectors) -> dict[str, float]:
    cosines = (own * true).sum(axis=1)
    return {
        "least_cosine": round(float(cosines.min()), 5),
        "mean_cosine": round(float(cosines.mean()), 5),
    }


def _recall(snapshot: Snapshot, vectors: Vectors, exact: Any) -> float:
    """Of the 50 items truly nearest to the f32 vector, the share that retrieval brings."""
    found = [snapshot.retriever.retrieve(one, RECALL_DEPTH).rows for one in vectors]
    pairs = zip(found, exact, strict=True)
    return round(float(np.mean([len(np.intersect1d(*pair)) / RECALL_DEPTH for pair in pairs])), 4)


def _answers_beside(own: Sequence[Answer], true: Sequence[Answer]) -> dict[str, float]:
    """How the ten results differ: which they are, in what order, by what scores."""
    pairs = list(zip(own, true, strict=True))
    lists = [([r.item_id for r in a.results], [r.item_id for r in b.results]) for a, b in pairs]
    apart = [
        abs(scores[one.item_id] - one.score)
        for a, b in pairs
        for scores in [{r.item_id: r.score for r in a.results}]
        for one in b.results
        if one.item_id in scores
    ]
    return {
        "same_first": round(float(np.mean([a[:1] == b[:1] for a, b in lists])), 3),
        "same_ten": round(float(np.mean([len(set(a) & set(b)) / len(b) for a, b in lists])), 4),
        "same_order": round(float(np.mean([a == b for a, b in lists])), 3),
        "score_apart_mean": round(float(np.mean(apart)), 5),
        "score_apart_most": round(float(np.max(apart)), 5),
    }


if __name__ == "__main__":
    main()
