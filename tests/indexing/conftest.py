"""A tiny random encoder, small catalogues, and what a refused build must leave as it was."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexing.build import build
from indexing.bundle.store import ArtifactStore
from indexing.errors import CatalogError, ShortlistError


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model hub is never asked."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def quiet_models() -> Iterator[None]:
    """For a test that loads a model itself: transformers warns of its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


Films = Callable[..., Path]


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


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The catalog.toml of three films in the order 30, 10, 20; 20 is cold. Read it only."""
    folder = tmp_path_factory.mktemp("toys")
    for name, text in TOYS.items():
        (folder / name).write_text(text.replace("MODEL", str(tiny_model)))
    return folder / "catalog.toml"


@pytest.fixture(scope="session")
def toys_artifacts(tmp_path_factory: pytest.TempPathFactory, toys: Path, tiny_export: Path) -> Path:
    """An artifacts folder with the three films published. Read it, never write it."""
    folder = tmp_path_factory.mktemp("toys-artifacts")
    build(toys, folder)
    return folder


@pytest.fixture
def live(tmp_path: Path, toys_artifacts: Path) -> Path:
    """A copy of `toys_artifacts` to write to."""
    return Path(shutil.copytree(toys_artifacts, tmp_path / "live"))


@pytest.fixture
def live_folder(live: Path) -> Path:
    """The folder of the version that is live in `live`."""
    return ArtifactStore(live).live_folder()


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, live: Path) -> Refused:
    """Builds a catalogue that must be refused; returns the error's message.

    Asserts that every file below a live artifacts folder is what it was, and that an empty one
    gets no version, no CURRENT and no leftovers.
    """

    def refuse(catalog: Path, error: type[ShortlistError] = CatalogError) -> str:
        before, empty = _digests(live), tmp_path / "empty"
        with pytest.raises(error) as caught:
            build(catalog, live)
        assert _digests(live) == before
        with pytest.raises(error):
            build(catalog, empty)
        assert {path.name for path in empty.glob("*")} <= {".lock"}
        assert ArtifactStore(empty).versions() == []
        assert ArtifactStore(empty).current() is None
        return str(caught.value)

    return refuse


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
