"""Another language needs another model: one of another dimension, from its files to its answers."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shortlist.bundle.reader import Bundle, open_bundle
from shortlist.bundle.store import ArtifactStore
from tests.languages import CASED_DIM, PIECES_DIM, documents, write_books
from tests.publishing import publish
from tests.serving import clients

ClientOf = Callable[[Path], FlaskClient]

CASED = ("cased", CASED_DIM, "", "")
PIECES = ("pieces", PIECES_DIM, "query: ", "passage: ")
"""Models: name, dimension, what goes before queries and before documents."""

BY_MEANING = {"profile": "notebook", "w_popularity": 0, "w_similarity": 1}
QUERY = "Ogród babci: źdźbło trawy, Straße, été"


@dataclass(frozen=True)
class Other:
    """A model that is not the packaged one: its folder, sizes, and what the catalogue tells of it.

    `query` and `document` are what goes before texts; `model` is sentence-transformers' own.
    """

    folder: Path
    dim: int
    query: str
    document: str
    model: Any

    @property
    def lines(self) -> list[str]:
        """What stands below `[encoder]`."""
        prompts = [f'query_prompt = "{self.query}"', f'document_prompt = "{self.document}"']
        return [f'model = "{self.folder}"', 'precision = "f32"', *(prompts if self.query else [])]

    def similarities(self, query: str) -> dict[int, float]:
        """sentence-transformers' cosine of a query and each book, by the book's number."""
        asked = self._encoded([self.query + query])
        return dict(enumerate((self.of_documents() @ asked[0]).tolist(), start=1))

    def of_documents(self) -> Any:
        """sentence-transformers' unit vectors of the books, float32 [6, dim]."""
        return self._encoded([self.document + text for text in documents()])

    def _encoded(self, texts: list[str]) -> Any:
        return self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


@pytest.fixture(scope="module", params=[CASED, PIECES], ids=lambda param: param[0])
def other(request: pytest.FixtureRequest) -> Other:
    """Each of the models, its export made."""
    name, dim, query, document = request.param
    folder = request.getfixturevalue(f"{name}_model")
    request.getfixturevalue(f"{name}_export")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder), device="cpu")
    return Other(folder, dim, query, document, model)


@pytest.fixture(scope="module")
def client(other: Other, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The service over the six books, built with the other model."""
    folder = tmp_path_factory.mktemp("other")
    publish(write_books(folder / "books", *other.lines), folder / "artifacts")
    with clients() as start:
        yield start(folder / "artifacts")


def live(artifacts: Path) -> Bundle:
    return open_bundle(ArtifactStore(artifacts).live_folder())


def results(client: FlaskClient, path: str, **parameters: object) -> list[dict[str, Any]]:
    return answered(client.get(path, query_string=parameters))


def recommended(client: FlaskClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    return answered(client.post("/v1/recommend", json=body))


def answered(response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.get_json()["results"]
    return found


def feature(result: dict[str, Any], name: str) -> float:
    (value,) = [one["value"] for one in result["components"] if one["feature"] == name]
    return float(value)


def assert_ranked_by(found: list[dict[str, Any]], expected: dict[int, float]) -> None:
    """All of these items in the order of these cosines, each with its own."""
    order = sorted(expected, key=lambda item: -expected[item])
    assert [result["item_id"] for result in found] == order
    cosines = [feature(result, "similarity") for result in found]
    np.testing.assert_allclose(cosines, [expected[item] for item in order], atol=1e-4, rtol=0)


def test_the_command_builds_with_it_and_the_manifest_says_so(other: Other, tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    command = [sys.executable, "-m", "shortlist", "build"]
    done = subprocess.run(
        [
            *command,
            "--catalog",
            write_books(tmp_path / "books", *other.lines),
            "--artifacts",
            artifacts,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    assert "6 items (6 encoded, 0 reused, 0 repeated)" in done.stdout
    bundle = live(artifacts)
    encoder = bundle.manifest.encoder
    assert bundle.manifest.embedding_dim == other.dim
    assert (encoder.name, encoder.precision) == (other.folder.name, "f32")
    assert (encoder.query_prompt, encoder.document_prompt) == (other.query, other.document)
    np.testing.assert_allclose(bundle.vectors, other.of_documents(), atol=1e-5, rtol=0)


def test_a_search_ranks_by_the_cosines_of_sentence_transformers(
    client: FlaskClient, other: Other
) -> None:
    found = results(client, "/v1/search", q=QUERY, **BY_MEANING, k=6)
    assert_ranked_by(found, other.similarities(QUERY))


def test_items_like_one_are_ranked_by_the_same_vectors(client: FlaskClient, other: Other) -> None:
    found = results(client, "/v1/items/3/similar", **BY_MEANING, k=5)
    of_documents = other.of_documents()
    cosines = dict(enumerate((of_documents @ of_documents[2]).tolist(), start=1))
    assert_ranked_by(found, {item: cosine for item, cosine in cosines.items() if item != 3})


def test_a_taste_is_recommended_for_by_texts_and_by_neighbours(
    client: FlaskClient, other: Other
) -> None:
    meaning = {"profile": "notebook", "weights": {"similarity": 1, "popularity": 0}}
    found = recommended(client, {"liked": [4], "k": 5, **meaning})
    of_documents = other.of_documents()
    cosines = dict(enumerate((of_documents @ of_documents[3]).tolist(), start=1))
    assert_ranked_by(found, {item: cosine for item, cosine in cosines.items() if item != 4})
    # who likes 1 likes 2: two of two readers
    assert recommended(client, {"liked": [1], "k": 1})[0]["item_id"] == 2


@pytest.mark.parametrize(
    ("typed", "item"), [("lodz", 1), ("zdzblo", 2), ("strasse", 3), ("zazolc gesla", 6)]
)
def test_letters_may_be_typed_without_their_marks(
    client: FlaskClient, typed: str, item: int
) -> None:
    best = results(client, "/v1/search", q=typed, k=1)[0]
    assert best["item_id"] == item
    assert feature(best, "words") > 0
    (first,) = client.get("/v1/suggest", query_string={"q": typed, "k": 1}).get_json()[
        "suggestions"
    ]
    assert first["item_id"] == item


@pytest.mark.parametrize(
    ("language", "found"),
    [
        ("polish", {"fabryki": {1}, "fabryke": {1}}),  # the document has "fabrykę"
        ("none", {"fabryki": set(), "fabryke": {1}}),
        ("french", {"histoires amour": {4}}),  # the document has "histoire d'amour"
    ],
)
def test_words_are_found_by_the_stems_of_the_catalogues_language(
    language: str,
    found: dict[str, set[int]],
    tiny_model: Path,
    tmp_path: Path,
    client_of: ClientOf,
) -> None:
    catalog = write_books(tmp_path / "books", f'model = "{tiny_model}"', language=language)
    publish(catalog, tmp_path / "artifacts")
    client = client_of(tmp_path / "artifacts")
    for typed, items in found.items():
        answer = results(client, "/v1/search", q=typed, k=6)
        assert {one["item_id"] for one in answer if feature(one, "coverage") == 1} == items


@pytest.mark.parametrize("other", [PIECES], ids=["pieces"], indirect=True)
def test_a_service_goes_over_to_another_dimension_and_back(
    other: Other, minilm_export: Path, tmp_path: Path, client_of: ClientOf
) -> None:
    books, store = partial(write_books, tmp_path / "books"), ArtifactStore(tmp_path / "artifacts")
    publish(books(), store.root)
    client = client_of(store.root)

    def now() -> list[dict[str, Any]]:
        client.application.extensions["reloader"].check()
        return results(client, "/v1/search", q=QUERY, **BY_MEANING, k=6)

    packaged = now()
    versions = []
    for lines, dim in ((other.lines, other.dim), ([], 384)):
        report = publish(books(*lines), store.root)
        assert (report.counts.encoded, report.counts.reused) == (6, 0)
        assert live(store.root).vectors.shape == (6, dim)
        versions.append((report.version, now()))
    (version, found), (_, back) = versions
    assert_ranked_by(found, other.similarities(QUERY))
    assert back == packaged
    with store.lock():
        store.rollback(version)
    assert now() == found
