"""Small catalogues whose right answers a person can see."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

FILMS = """\
movieId,title,genres
1,Star Voyage (1999),Adventure|Sci-Fi
2,"Kitchen, The (2005)",Comedy
3,Deep Love (1987),Drama|Romance
4,Robot Dawn (2020),Sci-Fi
5,Silent Farm,(no genres listed)
"""
TAGS = """\
userId,movieId,tag,timestamp
1,1,space travel,10
2,1,aliens,11
1,2,cooking,12
2,4,robots,13
"""
RATINGS = """\
userId,movieId,rating,timestamp
1,1,5.0,10
2,1,4.0,11
3,1,4.5,12
1,2,2.0,13
2,3,3.5,14
"""
CATALOG = """\
name = "tiny"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
categories = { column = "genres", separator = "|", none = "(no genres listed)" }
[items.attributes]
year = { column = "title", pattern = '\\((\\d{4})\\)\\s*$', type = "integer" }
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
"""

WriteCatalog = Callable[..., Path]
Films = Callable[..., Path]


def write_five_films(folder: Path, **replaced: str | bytes) -> Path:
    """Write the catalogue of five films; keyword arguments replace a file's text or bytes.

    `write_five_films(folder, catalog=..., movies=..., tags=..., ratings=...)` returns
    catalog.toml's path.
    """
    folder.mkdir(exist_ok=True)
    texts = {"movies": FILMS, "tags": TAGS, "ratings": RATINGS, **replaced}
    files = {"catalog.toml": texts.pop("catalog", CATALOG)}
    files |= {f"{name}.csv": content for name, content in texts.items()}
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "catalog.toml"


@pytest.fixture
def write_catalog(tmp_path: Path) -> WriteCatalog:
    """Writes the catalogue of five films, as `write_five_films` does."""
    return partial(write_five_films, tmp_path / "catalogue")


@pytest.fixture
def films(write_catalog: Callable[..., Path], tiny_model: Path, tiny_export: Path) -> Films:
    """Writes the catalogue of five films with the tiny model in f32.

    `films((old, new), ..., movies=..., tags=..., ratings=...)` replaces parts of catalog.toml's
    text, each of which must be there, and whole files.
    """

    def write(*edits: tuple[str, str], **files: str | bytes) -> Path:
        path = write_catalog(**files)
        text = path.read_text() + f'[encoder]\nmodel = "{tiny_model}"\nprecision = "f32"\n'
        for old, new in edits:
            assert old in text, f"catalog.toml holds no {old!r}"
            text = text.replace(old, new, 1)
        path.write_text(text)
        return path

    return write


TOYS = {
    "catalog.toml": """\
name = "tiny"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
categories = { column = "genres" }
[items.attributes]
year = { column = "title", pattern = '\\((\\d{4})\\)$', type = "integer" }
[tags]
file = "tags.csv"
item = "movieId"
tag = "tag"
[ratings]
file = "ratings.csv"
item = "movieId"
value = "rating"
scale = [0.5, 5.0]
[document]
template = "{title} {genres} {tags}"
[encoder]
model = "MODEL"
precision = "f32"
""",
    "movies.csv": """\
movieId,title,genres
30,Toy Story (1995),Adventure|Animation|Children|Comedy|Fantasy
10,Jumanji (1995),Adventure|Children|Fantasy
20,"Kitchen, The",
""",
    "tags.csv": "movieId,tag\n30,pixar\n30,pixar\n10,game\n30,fun\n",
    "ratings.csv": "movieId,rating\n30,4\n30,5\n10,3\n",
}


def with_another_rating(catalog: Path, folder: Path) -> Path:
    """A copy of a catalogue in which the last rating stands twice: a build has to publish it."""
    copy = Path(shutil.copytree(catalog.parent, folder)) / catalog.name
    ratings = copy.parent / "ratings.csv"
    text = ratings.read_text(encoding="utf-8")
    ratings.write_text(f"{text}{text.splitlines()[-1]}\n", encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The catalog.toml of three films in the order 30, 10, 20; 20 is cold. Read it only."""
    folder = tmp_path_factory.mktemp("toys")
    for name, text in TOYS.items():
        (folder / name).write_text(text.replace("MODEL", str(tiny_model)))
    return folder / "catalog.toml"
