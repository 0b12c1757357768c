"""Large catalogues of films put together anew: python -m benchmarks.catalogues --out DIR.

A film has half the title of one film of MovieLens (the folder that MOVIELENS names; else of the
bundled sample) and half that of another, the genres of a third, tags as often as people gave them,
and ratings by people who have a taste. Some 30 tokens a document. Beside these it has a price, is
in stock or not, and is of one of five parts, whose shares of the films are known. Written in
blocks, as CSV beside a catalog.toml.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
SEED = 20261129
BLOCK = 200_000

MEAN_TAGS = 7.0
PARTS = {"half": 0.5, "tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001, "rest": 0.389}
"""What share of the films is of each part."""

N_TASTES = 50
"""Groups of people: half of what one of them rates is of the group's own films."""

_POPULARITY_EXPONENT, _ACTIVITY_EXPONENT = 0.85, 0.4
"""The film of rank r is rated in proportion to r^-0.85, and so for people: long tails."""

CATALOG = """\
name = "recombined-films"

[items]
file = "items.csv"
id = "movieId"
title = "title"
categories = { column = "genres", separator = "|", none = "(no genres listed)" }

[items.attributes]
year = { column = "year", type = "integer" }
price = { column = "price", type = "number" }
part = { column = "part", type = "string" }
in_stock = { column = "in_stock", type = "boolean" }

[tags]
file = "tags.csv"
item = "movieId"
tag = "tag"

[ratings]
file = "ratings.csv"
item = "movieId"
user = "userId"
value = "rating"
time = "timestamp"
scale = [0.5, 5.0]

[document]
template = "{title} {genres} {tags}"

[recency]
attribute = "year"
half_life = 10

[reads]
year = "year"

[index]
type = "auto"
"""


def source_folder() -> Path:
    """The folder whose films are put together anew."""
    return Path(os.environ.get("MOVIELENS") or SAMPLE)


def recombined(
    folder: Path, *, n_items: int, n_ratings: int, n_users: int, seed: int = SEED
) -> Path:
    """Write a catalogue of so many films, ratings and people; returns its catalog.toml.

    Equal arguments and an equal source give equal files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = source_folder()
    rng = np.random.default_rng(seed)
    _write(folder / "items.csv", _items(source, n_items, rng, np.random.default_rng([seed, 1])))
    _write(folder / "tags.csv", _tags(source, n_items, rng))
    _write(folder / "ratings.csv", _ratings(n_items, n_ratings, n_users, rng))
    path = folder / "catalog.toml"
    path.write_text(CATALOG, encoding="utf-8")
    return path


def _write(path: Path, blocks: Iterator[pa.RecordBatch]) -> None:
    first = next(blocks)
    with pa.csv.CSVWriter(str(path), first.schema) as writer:
        writer.write_batch(first)
        for block in blocks:
            writer.write_batch(block)


def column(source: Path, file: str, name: str) -> pa.Array:
    """A column of one of the source's files, as texts."""
    convert = pa.csv.ConvertOptions(include_columns=[name], column_types={name: pa.large_string()})
    table = pa.csv.read_csv(source / file, convert_options=convert)
    return table.column(name).combine_chunks()


def _spans(n: int) -> Iterator[tuple[int, int]]:
    return ((begin, min(begin + BLOCK, n)) for begin in range(0, max(1, n), BLOCK))


def title_halves(source: Path) -> tuple[list[str], list[str]]:
    """The first and the second half of every title, without its year."""
    titles = [text.rpartition("(")[0].split() or [text]
              for text in column(source, "movies.csv", "title").to_pylist()]  # fmt: skip
    begins = [" ".join(words[: (len(words) + 1) // 2]) for words in titles]
    return begins, [" ".join(words[(len(words) + 1) // 2 :] or words) for words in titles]


def _items(
    source: Path, n_items: int, rng: np.random.Generator, beside: np.random.Generator
) -> Iterator[pa.RecordBatch]:
    """Films by draws of `rng`; their prices and parts by `beside`."""
    begins, ends = (pa.array(half) for half in title_halves(source))
    genres = column(source, "movies.csv", "genres").dictionary_encode()
    parts = pa.array(list(PARTS))
    for begin, end in _spans(n_items):
        one, two, three = rng.integers(len(begins), size=(3, end - begin))
        years = pa.array(
            2025 - rng.gamma(2.0, 12.0, size=end - begin).astype(np.int64).clip(0, 120)
        )
        written = pa.compute.binary_join_element_wise("(", years.cast(pa.string()), ")", "")
        names = (begins.take(pa.array(one)), ends.take(pa.array(two)), written)
        yield pa.record_batch({
            "movieId": pa.array(np.arange(begin + 1, end + 1)),
            "title": pa.compute.binary_join_element_wise(*names, " "),
            "genres": genres.take(pa.array(three)).cast(pa.large_string()),
            "year": years,
            "price": pa.array(np.round(beside.lognormal(2.5, 0.6, size=end - begin), 2)),
            "in_stock": pa.array(beside.random(end - begin) < 0.8),
            "part": parts.take(
                pa.array(beside.choice(len(PARTS), size=end - begin, p=list(PARTS.values())))
            ),
        })  # fmt: skip


def _tags(source: Path, n_items: int, rng: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """In the order of the films, of each as many as a Poisson draw says."""
    tags = column(source, "tags.csv", "tag").dictionary_encode()
    for begin, end in _spans(n_items):
        counts = rng.poisson(MEAN_TAGS, size=end - begin)
        drawn = pa.array(rng.integers(len(tags), size=int(counts.sum())))
        yield pa.record_batch({
            "movieId": pa.array(np.repeat(np.arange(begin + 1, end + 1), counts)),
            "tag": tags.take(drawn).cast(pa.large_string()),
        })  # fmt: skip


def _ratings(
    n_items: int, n_ratings: int, n_users: int, rng: np.random.Generator
) -> Iterator[pa.RecordBatch]:
    """Ratings in the order of their times."""
    by_rank = rng.permutation(n_items)
    taste_of = rng.integers(N_TASTES, size=n_users)
    quality = rng.normal(3.4, 0.5, size=n_items)
    for begin, end in _spans(n_ratings):
        n = end - begin
        users = _ranks(n_users, n, _ACTIVITY_EXPONENT, rng)
        ranks = _ranks(n_items, n, _POPULARITY_EXPONENT, rng)
        own = rng.random(n) < 0.5
        ranks[own] = np.minimum(
            ranks[own] // N_TASTES * N_TASTES + taste_of[users[own]], n_items - 1
        )
        films = by_rank[ranks]
        liking = quality[films] + own + rng.normal(0.0, 0.8, size=n)
        yield pa.record_batch({
            "userId": pa.array(users + 1),
            "movieId": pa.array(films + 1),
            "rating": pa.array(np.round(liking * 2).clip(1, 10) / 2),
            "timestamp": pa.array(1_000_000_000 + 60 * np.arange(begin, end)),
        })  # fmt: skip


def _ranks(n: int, size: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Ranks from 0 to before `n`, int64 [size], of which rank r has about (r + 1)^-exponent."""
    return np.minimum((n * rng.random(size) ** (1 / (1 - exponent))).astype(np.int64), n - 1)


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", "n_items", default=1_000_000, show_default=True)
@click.option("--ratings", "n_ratings", default=6_000_000, show_default=True)
@click.option("--users", "n_users", default=200_000, show_default=True)
@click.option("--seed", default=SEED, show_default=True)
def main(out: Path, n_items: int, n_ratings: int, n_users: int, seed: int) -> None:
    """Write a catalogue into a folder."""
    size = {"n_items": n_items, "n_ratings": n_ratings, "n_users": n_users}
    click.echo(recombined(out, **size, seed=seed))


if __name__ == "__main__":
    main()
