"""What loading costs: python -m benchmarks.loading --scratch DIR [--items N].

Writes a bundle of made-up items with every section and an exact index into DIR, loads it three
times with its pages in memory, and prints the medians: seconds to hash it, to map each file and
look at every value in it, to load it whole with its encoder. Writes
benchmarks/results/loading.json. A million items of 384 dimensions take 4 GB, which stay there.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from benchmarks import report
from indexing.embeddings import batch_encoder
from indexing.export import cached_export, default_cache, with_prompts
from indexing.index import describe, write_index
from indexing.models import resolve_model
from shortlist.bundle import layout, manifest, segments
from shortlist.bundle.arrays import Csr, Vectors, map_array
from shortlist.bundle.attributes import DATE, POINTS, TIMES
from shortlist.bundle.profiles import NOTEBOOK_PROFILE
from shortlist.bundle.reader import read_manifest, verify_files
from shortlist.bundle.rules import check_unit_rows
from shortlist.bundle.sections import (
    calibration,
    described,
    item_features,
    neighbour_lists,
    title_index,
)
from shortlist.bundle.segments import folder_of
from shortlist.bundle.store import ArtifactStore
from shortlist.bundle.tables import (
    Categories,
    ItemTable,
    PopularityColumns,
    read_id_map,
    read_items,
)
from shortlist.bundle.writer import BundleWriter, SegmentWriter
from shortlist.encoder.machine import Precision
from shortlist.engine.lanes.faiss_backend import FaissRetriever
from shortlist.engine.snapshot import LoadOptions, load_snapshot

SEED = 20261125
ROUNDS = 3
BATCH = 65_536
NEIGHBOURS = 20
WORDS = 50_000
CATEGORIES = 20


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", "n_items", default=1_000_000, show_default=True)
def main(scratch: Path, n_items: int) -> None:
    """Measure, print, write benchmarks/results/loading.json."""
    folder = write_bundle(scratch, n_items)
    load_snapshot(folder, LoadOptions())
    rounds = [measure(folder, n_items) for _ in range(ROUNDS)]
    seconds = {name: round(statistics.median(one[name] for one in rounds), 3) for name in rounds[0]}
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    measured = {
        "machine": report.machine(),
        "items": n_items,
        "gigabytes": round(size / 1e9, 2),
        "seconds": seconds,
        "validation_s": round(sum(s for name, s in seconds.items() if name.endswith("check")), 3),
    }
    text = json.dumps(measured, indent=1)
    (report.RESULTS / "loading.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def measure(folder: Path, n_items: int) -> dict[str, float]:
    """Seconds of each part of loading, by part; reading a section maps and checks it."""
    known = read_manifest(folder)
    (info,) = known.parts
    own = folder / folder_of(info.name)
    vectors = map_array(own / layout.VECTORS, np.float32, n_items, known.embedding_dim)
    retriever = FaissRetriever(own, info.retrieval, vectors)
    parts: dict[str, Callable[[], object]] = {
        "hash": partial(verify_files, folder, known),
        "vectors: check": partial(check_unit_rows, layout.VECTORS, vectors),
        "index: check": retriever.check,
        "ids: check": partial(read_id_map, folder / layout.ID_MAP),
        "items: check": partial(read_items, folder / layout.ITEMS),
        "titles: check": partial(title_index.read_titles, own, n_items=n_items),
        "features: check": partial(item_features.read_features, folder, n_items=n_items),
        "neighbours: check": partial(neighbour_lists.read_neighbours, folder, n_items=n_items),
        "load whole": partial(load_snapshot, folder, LoadOptions()),
    }
    return {name: _seconds(part) for name, part in parts.items()}


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


Draw = Callable[[np.random.Generator, int, int], Vectors]
"""Makes so many unit vectors of a dimension up, float32 [n, dim]."""


def any_direction(rng: np.random.Generator, n: int, dim: int) -> Vectors:
    """Unit vectors that lie evenly in all directions."""
    rows = rng.normal(size=(n, dim))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def exact_index(vectors: Vectors, folder: Path) -> manifest.RetrievalInfo:
    """Write an index that holds the vectors themselves."""
    write_index("Flat", vectors, folder)
    return describe("Flat", exact=True)


def write_bundle(
    scratch: Path,
    n_items: int,
    *,
    draw: Draw = any_direction,
    index: Callable[[Vectors, Path], manifest.RetrievalInfo] = exact_index,
    more: Callable[[], dict[str, pa.Array]] = dict,
) -> Path:
    """A bundle of so many items with every section, below `scratch`.

    `more` attributes are asked for once all vectors are drawn.
    """
    rng = np.random.default_rng(SEED)
    export = cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())
    settings = with_prompts(export, query_prompt=None, document_prompt=None)
    folder = scratch / "staged"
    folder.mkdir(parents=True)
    bundle = BundleWriter(folder, embedding_dim=settings.embedding_dim)
    bundle.copy_encoder(export, settings)
    own = bundle.new_segment("s1")
    writer = SegmentWriter(own, n_entries=n_items, embedding_dim=settings.embedding_dim)
    for begin in range(0, n_items, BATCH):
        unit = draw(rng, min(BATCH, n_items - begin), settings.embedding_dim)
        writer.append(np.full(len(unit), b"x" * 16, dtype="S16"))
        writer.put(np.arange(begin, begin + len(unit)), unit)
    titles = _titles(rng, n_items)
    writer.close(np.full(n_items, b"x" * 16, dtype="S16"))
    bundle.write_tables(pa.array(rng.permutation(n_items)), _items(rng, titles, more()))
    retrieval = index(writer.vectors, own)
    title_index.write_titles(own, titles, np.arange(n_items))
    info = manifest.SegmentInfo(
        name="s1",
        entries=n_items,
        live=n_items,
        retrieval=retrieval,
        sections={title_index.SECTION: segments.described(title_index)},
    )
    bundle.add_segment(info, np.arange(n_items, dtype=np.int32))
    _write_sections(rng, folder, n_items)
    precision = batch_encoder(export, Precision.AUTO).precision.value
    named = {name: getattr(settings, name) for name in ("name", "weights_sha256", "max_length")}
    counts = dict.fromkeys(("tags", "ratings", "dropped_tags", "dropped_ratings"), 0)
    sealed = bundle.seal(
        catalog=manifest.CatalogInfo(name="made", template="{title}"),
        encoder=manifest.EncoderInfo(
            **named, query_prompt="", document_prompt="", precision=precision
        ),
        counts=manifest.Counts(items=n_items, **counts),
        popularity=manifest.PopularityInfo(
            prior_mean=3.5, prior_count=1.0, prior_quantile=0.9, scale=(0.5, 5.0)
        ),
        profiles={"notebook": NOTEBOOK_PROFILE},
        default_profile="notebook",
        sections={
            module.SECTION: described(module.SECTION)
            for module in (item_features, neighbour_lists, calibration)
        },
    )
    return ArtifactStore(scratch).name_staged(folder, sealed)


def _titles(rng: np.random.Generator, n_items: int) -> list[str]:
    """Titles of one to six made-up words."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, size=size)) for size in rng.integers(3, 11, size=WORDS)]
    chosen = rng.integers(WORDS, size=(n_items, 6)).tolist()
    sizes = rng.integers(1, 7, size=n_items).tolist()
    return [
        " ".join(words[one] for one in of_item[:size])
        for of_item, size in zip(chosen, sizes, strict=True)
    ]


def _items(rng: np.random.Generator, titles: list[str], more: dict[str, pa.Array]) -> ItemTable:
    n_items = len(titles)
    offsets = np.arange(n_items + 1, dtype=np.int64) * 2
    codes = rng.integers(CATEGORIES, size=2 * n_items).astype(np.int32)
    names = tuple(f"category {n}" for n in range(CATEGORIES))
    return ItemTable(
        titles=pa.array(titles, pa.large_string()),
        categories=Categories(Csr(offsets, codes), names),
        attributes={**_attributes(rng, n_items), **more},
        popularity=PopularityColumns(
            rng.integers(1000, size=n_items).astype(np.int32),
            rng.uniform(0.5, 5, size=n_items),
            rng.uniform(size=n_items),
        ),
    )


def _attributes(rng: np.random.Generator, n_items: int) -> dict[str, pa.Array]:
    """Ten attributes of all types, one in ten without a value."""
    missing = pa.array(rng.uniform(size=n_items) < 0.1)

    def some(values: npt.NDArray[Any]) -> pa.Array:
        return pa.compute.if_else(missing, None, pa.array(values))

    def coded(n: int, size: int) -> pa.Array:
        names = pa.array([f"value {number:06}" for number in range(n)], pa.large_string())
        return pa.DictionaryArray.from_arrays(rng.integers(n, size=size).astype(np.int32), names)

    lengths = rng.integers(1, 4, size=n_items)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    day = 86_400_000_000
    moments = rng.integers(15_000, 20_000, size=n_items) * day
    times = [pa.array(moments), pa.array(np.full(n_items, DATE, np.int16))]
    degrees = [pa.array(rng.uniform(-most, most, size=n_items)) for most in (90, 180)]
    return {
        "year": some(rng.integers(1900, 2027, size=n_items)),
        "pieces": some(rng.integers(1, 100, size=n_items)),
        "price": some(np.round(rng.lognormal(3, 1, size=n_items), 2)),
        "weight": some(rng.uniform(0, 200, size=n_items)),
        "brand": coded(1000, n_items),
        "part": coded(n_items, n_items),
        "in_stock": some(rng.uniform(size=n_items) < 0.7),
        "colours": pa.LargeListArray.from_arrays(offsets, coded(12, int(offsets[-1]))),
        "added": pa.StructArray.from_arrays(times, fields=list(TIMES), mask=missing),
        "town": pa.StructArray.from_arrays(degrees, fields=list(POINTS), mask=missing),
    }


def _write_sections(rng: np.random.Generator, folder: Path, n_items: int) -> None:
    names = ("expected_popularity", "rating_volume", "rating_percentile", "recency")
    columns = {name: rng.uniform(size=n_items) for name in names}
    estimated = np.zeros(n_items, dtype=np.uint8)
    item_features.write_features(
        folder, item_features.ItemFeatures(columns, estimated, np.arange(min(n_items, 1000)))
    )
    rows = np.sort(rng.integers(n_items, size=(n_items, NEIGHBOURS)), axis=1)
    lists = Csr(
        np.arange(n_items + 1, dtype=np.int64) * NEIGHBOURS,
        rows.astype(np.int32).ravel(),
        rng.uniform(size=rows.size).astype(np.float16),
    )
    neighbour_lists.write_neighbours(folder, neighbour_lists.Neighbours(lists, lists))
    similarities: Any = rng.uniform(-0.2, 0.4, size=10_000).astype(np.float32)
    calibration.write_calibration(folder, calibration.calibrate(similarities))


if __name__ == "__main__":
    main()
