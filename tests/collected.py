"""A catalogue whose index is in Milvus."""

from __future__ import annotations

from pathlib import Path

N_FILMS = 600


def write_films(folder: Path, tiny_model: Path, uri: str) -> Path:
    """A catalogue of 600 films, half of them of one genre, whose index is in Milvus."""
    folder.mkdir()
    films = [f"{n},film number {n},{'even' if n % 2 == 0 else 'odd'}" for n in range(N_FILMS)]
    (folder / "movies.csv").write_text("\n".join(["id,title,genre", *films]))
    (folder / "ratings.csv").write_text("movie,rating\n7,4\n7,5\n9,3\n")
    (folder / "catalog.toml").write_text(f"""\
name = "films"
[items]
file = "movies.csv"
id = "id"
title = "title"
categories = {{ column = "genre", separator = "|" }}
[ratings]
file = "ratings.csv"
item = "movie"
value = "rating"
scale = [0.5, 5.0]
[encoder]
model = "{tiny_model}"
precision = "f32"
[retrieval]
backend = "milvus"
uri = "{uri}"
""")
    return folder / "catalog.toml"


def add_a_film(catalog: Path) -> None:
    """Let there be one film more."""
    movies = catalog.parent / "movies.csv"
    movies.write_text(f"{movies.read_text()}\n{N_FILMS},film of its own,odd")
