"""On MovieLens the answers are those of the reference notebook."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indexing.job import build
from indexing.models import resolve_model
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot

PRINTED_QUERY = "Space travel and futuristic wars"
PRINTED_TABLE = [
    ("Interstellar (2014)", 0.592011),
    ("War of the Worlds (2005)", 0.574664),
    ("Battlestar Galactica (2003)", 0.558079),
    ("Right Stuff, The (1983)", 0.557627),
    ("Star Wars: Episode V - The Empire Strikes Back (1980)", 0.554978),
    ("The Space Between Us (2016)", 0.55443),
    ("Star Wars: Episode IV - A New Hope (1977)", 0.55407),
    ("Star Trek (2009)", 0.551554),
    ("Matrix, The (1999)", 0.543027),
    ("Space Buddies (2009)", 0.542655),
]
QUERIES = [
    # themes
    "a heist that goes wrong", "coming of age in a small town", "courtroom drama about injustice",
    "post-apocalyptic survival", "a boy and his dog", "time travel paradox",
    "samurai in feudal Japan", "artificial intelligence turns against its makers",
    "romantic comedy in New York", "haunted house", "World War II submarine",
    "road trip friendship",
    "serial killer investigation", "a musical about love and fame", "boxing underdog",
    "animals that talk", "dystopian society", "political conspiracy thriller",
    "magic school for wizards", "western with a lone gunslinger", "vampires in love",
    "mountain climbing disaster", "chess prodigy", "jazz musician's life",
    # tags
    "pixar", "twist ending", "atmospheric", "quirky", "superhero", "dark comedy", "mafia",
    "surreal", "based on a book", "thought-provoking", "cult film", "visually appealing",
    "Leonardo DiCaprio", "mindfuck", "time-travel", "aliens", "zombies", "dreamlike",
    # titles
    "The Matrix", "Toy Story", "The Godfather", "Pulp Fiction", "Finding Nemo", "Amelie",
    "Spirited Away", "Blade Runner", "Jurassic Park", "Titanic", "Alien", "Casablanca",
    "Psycho", "The Lord of the Rings", "Fargo", "Memento",
    # odd ones
    "ünïcödé", "1984",
]  # fmt: skip


class Notebook:
    """The notebook's steps, written plainly: pandas, sentence-transformers, every cosine."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        movies = pd.read_csv(folder / "movies.csv")
        tags = pd.read_csv(folder / "tags.csv")
        ratings = pd.read_csv(folder / "ratings.csv")
        joined = tags.groupby("movieId")["tag"].apply(lambda x: " ".join(x.astype(str)))
        self.movies = movies.merge(joined.reset_index(), on="movieId", how="left")
        self.movies["tag"] = self.movies["tag"].fillna("")
        documents = (
            self.movies["title"] + " " + self.movies["genres"].replace("|", " ") + " "
        ) + self.movies["tag"]
        self.model = SentenceTransformer(
            str(resolve_model("all-MiniLM-L6-v2").folder), device="cpu"
        )
        self.embeddings = self.model.encode(documents.tolist(), show_progress_bar=False)
        stats = ratings.groupby("movieId")["rating"].agg(["mean", "count"])
        self.c = stats["mean"].mean()
        self.m = stats["count"].quantile(0.9)
        v, r = stats["count"], stats["mean"]
        self.popularity = (v / (v + self.m) * r) + (self.m / (self.m + v) * self.c)

    def answer(self, query: str, k: int = 10) -> tuple[list[int], list[float]]:
        """Item ids and final scores of the notebook's top k."""
        vector = self.model.encode([query], show_progress_bar=False)[0]
        lengths = np.linalg.norm(self.embeddings, axis=1) * np.linalg.norm(vector)
        cosines = (self.embeddings @ vector) / lengths
        candidates = cosines.argsort()[-50:][::-1]
        ids = self.movies["movieId"].to_numpy()[candidates]
        popularity = self.popularity.reindex(ids).fillna(self.c).to_numpy()
        final = cosines[candidates] * 0.7 + (popularity / 5.0) * 0.3
        order = np.argsort(-final, kind="stable")[:k]
        return ids[order].tolist(), final[order].tolist()


@pytest.fixture(scope="module")
def notebook(movielens: Path) -> Notebook:
    return Notebook(movielens)


def publish(movielens: Path, repository: Path, folder: Path, precision: Precision) -> Snapshot:
    for path in movielens.glob("*.csv"):
        shutil.copy(path, folder)
    shutil.copy(repository / "data/movielens/catalog.toml", folder)
    build(folder / "catalog.toml", folder / "artifacts", precision=precision)
    live = ArtifactStore(folder / "artifacts").live_folder()
    return load_snapshot(live, LoadOptions(precision=precision, encoder_threads=2))


@pytest.fixture(scope="module")
def exact(movielens: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return publish(movielens, repository, tmp_path_factory.mktemp("f32"), Precision.F32)


@pytest.fixture(scope="module")
def automatic(
    movielens: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Snapshot:
    return publish(movielens, repository, tmp_path_factory.mktemp("auto"), Precision.AUTO)


def test_the_printed_table_of_the_notebook_is_reproduced(exact: Snapshot) -> None:
    results = ask(exact, SearchQuery(q=PRINTED_QUERY)).results
    assert [result.title for result in results] == [title for title, _ in PRINTED_TABLE]
    scores = [result.score for result in results]
    assert scores == pytest.approx([score for _, score in PRINTED_TABLE], abs=1e-4)


def test_popularity_constants_are_the_notebooks(exact: Snapshot) -> None:
    popularity = exact.bundle.manifest.popularity
    assert popularity is not None
    assert popularity.prior_mean == pytest.approx(3.2624482748, abs=1e-10)
    assert popularity.prior_count == 27


@pytest.mark.parametrize("query", QUERIES)
def test_ids_and_scores_equal_a_plain_implementation(
    exact: Snapshot, notebook: Notebook, query: str
) -> None:
    ids, scores = notebook.answer(query)
    results = ask(exact, SearchQuery(q=query)).results
    assert [result.score for result in results] == pytest.approx(scores, abs=1e-4)
    assert_same_order([int(result.item_id) for result in results], ids, scores, tolerance=2e-6)


def assert_same_order(
    found: list[int], expected: list[int], scores: list[float], *, tolerance: float
) -> None:
    """Equal but for neighbours whose scores differ by less than float32 can tell apart."""
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one != other:
            assert one in expected, f"item {one} at place {place + 1} is not among {expected}"
            assert abs(scores[expected.index(one)] - scores[place]) < tolerance


def test_sixty_queries_are_compared() -> None:
    assert len(QUERIES) == len(set(QUERIES)) == 60


def test_automatic_precision_stays_close_to_the_notebook(
    automatic: Snapshot, notebook: Notebook
) -> None:
    overlaps, worst = [], 0.0
    for query in QUERIES:
        ids, scores = notebook.answer(query)
        by_id = dict(zip(*notebook.answer(query, k=50), strict=True))
        results = ask(automatic, SearchQuery(q=query)).results
        overlaps.append(len({result.item_id for result in results} & set(ids)) / len(ids))
        common = [result for result in results if result.item_id in by_id]
        worst = max([worst, *(abs(result.score - by_id[int(result.item_id)]) for result in common)])
        assert len(scores) == len(results)
    assert np.mean(overlaps) >= 0.98
    assert worst <= 3e-3


def test_a_query_of_the_notebook_reaches_years_and_categories(exact: Snapshot) -> None:
    first = ask(exact, SearchQuery(q=PRINTED_QUERY)).results[0]
    assert first.item_id == 109487
    assert first.categories == ["Sci-Fi", "IMAX"]
    assert first.attributes == {"year": 2014}
    assert first.rating_count == 73
