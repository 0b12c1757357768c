"""What a multilingual model costs: python -m benchmarks.encoders --scratch DIR.

Makes models of random weights in the shape of the published ones, with a tokenizer of as many
pieces, exports them as a build does, and times them beside all-MiniLM-L6-v2 on as many tokens as
queries and 1,000 documents of the bundled sample have; of fifteen rounds the quickest counts. Then
serves the sample with each and says what a worker holds. Writes benchmarks/results/encoders.json.
Needs 9 GB in DIR and as much memory.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import string
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import report, server
from benchmarks.queries import distinct_queries
from indexing.catalog import read_catalog
from indexing.catalog.toml import read_catalog_config
from indexing.documents import read_corpus
from indexing.embeddings import batch_encoder
from indexing.export import cached_export, default_cache
from indexing.job import build
from indexing.models import PACKAGED_NAME, resolve_model
from service.app import load_options
from service.config import Settings
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import WEIGHTS, Encoder

SAMPLE = Path(__file__).resolve().parents[1] / "data/sample"
CATALOG = """\
name = "sample-films"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
categories = {{ column = "genres", separator = "|", none = "(no genres listed)" }}
[tags]
file = "tags.csv"
item = "movieId"
tag = "tag"
[encoder]
model = "{model}"
"""
"""The sample without ratings: what is learnt from them costs the same with every model."""

SEED = 20261125
ROUNDS = 15
N_QUERIES = 200
N_DOCUMENTS = 1000


@dataclass(frozen=True)
class Shape:
    """The sizes of a published model, from its config.json."""

    like: str
    vocabulary: int
    width: int
    layers: int
    max_length: int


SHAPES = (
    Shape("paraphrase-multilingual-MiniLM-L12-v2", 250_037, 384, 12, 128),
    Shape("multilingual-e5-base", 250_002, 768, 12, 512),
)

Tokens = list[list[int]]


@dataclass(frozen=True)
class Measured:
    """A model's name and export, loaded as a service asks it and as a build does."""

    name: str
    model: str
    export: Path
    alone: Encoder
    many: Encoder


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(scratch: Path) -> None:
    """Measure, print, write benchmarks/results/encoders.json."""
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    models = [_loaded(PACKAGED_NAME, PACKAGED_NAME)]
    models += [_loaded(one.like, str(made_model(one, scratch / one.like))) for one in SHAPES]
    reader = models[0].alone
    queries = reader.query_tokens(distinct_queries(N_QUERIES))
    documents = reader.query_tokens(_documents())
    rounds = [[_timed(one, queries, documents) for one in models] for _ in range(ROUNDS)]
    quickest = np.min(np.array(rounds), axis=0)  # of each query, and of all documents
    precision = str(reader.precision)
    lines = [
        {
            **_sizes(one),
            "query_ms": round(float(np.median(times[:-1])), 2),
            "documents_s": round(float(times[-1]), 2),
        }
        for one, times in zip(models, quickest, strict=True)
    ]
    served = [(one.name, one.model) for one in models]
    del models, reader
    found = {
        "machine": report.machine(),
        "precision": precision,
        "tokens_a_query": _mean_length(queries),
        "tokens_a_document": _mean_length(documents),
        "shapes": [asdict(shape) for shape in SHAPES],
        "models": [
            {**line, **_worker_mb(name, model, scratch)}
            for line, (name, model) in zip(lines, served, strict=True)
        ],
    }
    text = json.dumps(found, indent=1)
    (report.RESULTS / "encoders.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def _mean_length(tokens: Tokens) -> float:
    return round(float(np.mean([len(ids) for ids in tokens])), 1)


def _documents() -> list[str]:
    """The first 1,000 documents of the sample."""
    corpus = read_corpus(read_catalog(read_catalog_config(SAMPLE / "catalog.toml")))
    return [text for batch in corpus.documents(batch_rows=N_DOCUMENTS) for text in batch][
        :N_DOCUMENTS
    ]


def made_model(shape: Shape, folder: Path) -> Path:
    """A sentence-transformers model of this shape: XLM-R's kind of tokenizer, random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, XLMRobertaTokenizer

    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=12,
        intermediate_size=4 * shape.width,
        max_position_embeddings=512,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        BertModel(config, add_pooling_layer=False).save_pretrained(folder / "raw")
        XLMRobertaTokenizer(vocab=_pieces(shape.vocabulary)).save_pretrained(folder / "raw")
        modules = [
            Transformer(str(folder / "raw"), max_seq_length=shape.max_length),
            Pooling(shape.width, "mean"),
            Normalize(),
        ]
        SentenceTransformer(modules=modules, device="cpu").save(str(folder / shape.like))
    return folder / shape.like


def _pieces(n: int) -> list[tuple[str, float]]:
    """As many pieces of words as told, letters among them, each with its logarithm of chance."""
    rng = random.Random(SEED)
    pieces = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>", "▁", *string.printable.strip()], -12.0)
    while len(pieces) < n - 1:
        letters = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9)))
        pieces[rng.choice(("", "▁")) + letters] = -8 - 6 * rng.random()
    return [*pieces.items(), ("<mask>", 0.0)]


def _loaded(name: str, model: str) -> Measured:
    export = cached_export(resolve_model(model), default_cache())
    options = load_options(Settings())
    alone = Encoder(export, n_threads=options.encoder_threads, fixed_lengths=options.fixed_lengths)
    return Measured(name, model, export, alone, batch_encoder(export, Precision.AUTO))


def _timed(model: Measured, queries: Tokens, documents: Tokens) -> list[float]:
    """Milliseconds of each query, one after the other, and last seconds of all documents.

    Every model is given the same numbers, which all vocabularies have: a tokenizer that cuts
    texts into more tokens costs that much more.
    """
    times = [1e3 * _seconds(model.alone, [query]) for query in queries]
    return [*times, _seconds(model.many, documents)]


def _seconds(encoder: Encoder, tokens: Tokens) -> float:
    started = time.perf_counter()
    encoder.encode_tokens(tokens)
    return time.perf_counter() - started


def _sizes(model: Measured) -> dict[str, Any]:
    files = {path.name: path.stat().st_size for path in model.export.iterdir()}
    return {
        "model": model.name,
        "parameters_m": round(files[WEIGHTS] / 4e6, 1),
        "dimension": model.alone.embedding_dim,
        "export_mb": round(sum(files.values()) / 1e6),
    }


def _worker_mb(name: str, model: str, scratch: Path) -> dict[str, float]:
    """Megabytes of a worker that serves the sample: its own, and with its share of file pages."""
    folder = Path(shutil.copytree(SAMPLE, scratch / "catalogues" / name))
    catalogue = folder / "catalog.toml"
    catalogue.write_text(CATALOG.format(model=model), encoding="utf-8")
    artifacts = scratch / "artifacts" / name
    build(catalogue, artifacts)
    with server.running(artifacts, "--query-cache", "0") as started:
        server.one_client(started)
        memory = server.memory_mb(started.workers()[0])
    return {f"worker_{what}": round(value) for what, value in memory.items()}


if __name__ == "__main__":
    main()
