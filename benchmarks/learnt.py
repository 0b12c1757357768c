"""What builds learn of ratings, against tuned references.

python -m benchmarks.learnt --scratch DIR. On the sample, on a sparse synthetic catalogue and, with
the variable MOVIELENS, on MovieLens, five folds of users each: EASE, ItemKNN and ALS get the
settings that are best on the same users of the training data by which the build chooses its own.
Writes benchmarks/results/learnt.json and .md.
"""

from __future__ import annotations

import csv
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy import sparse

from benchmarks import report
from indexing.job import build
from indexing.measure.evaluate import open_subject
from indexing.measure.learnt import Asked, Learnt, in_each_fold
from indexing.measure.metrics import by_user, measure, paired_bootstrap
from indexing.measure.protocols.tastes import ITEM_TO_ITEM, PERSONAL, taste_protocols
from indexing.measure.report import as_table, write_tables
from indexing.measure.systems import OURS, System, best_unseen, engine
from indexing.measure.topic import Topic
from indexing.neighbours.cosine import cosine
from indexing.neighbours.ease import Ease
from indexing.neighbours.held_out import HeldOut, Ratings, hold_out
from indexing.neighbours.section import liked_from
from indexing.neighbours.select import REGULARISATIONS
from shortlist.bundle.arrays import FloatArray, RowArray, Vectors
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import Snapshot

ROOT = Path(__file__).parent.parent
METRICS = ("nDCG@10", "Recall@20")
UNLIKED = (0.0, 1.0)
SEED = 20261125

Score = Callable[[sparse.csr_matrix], Vectors]
"""From users' interactions, [users, items], to scores of all items."""


def ease(known: sparse.csr_matrix, strength: float) -> Score:
    """EASE's whole matrix."""
    weights = np.concatenate(list(Ease(known, regularisation=strength).blocks()))
    return lambda given: np.asarray(given @ weights)


def item_knn(known: sparse.csr_matrix, n_neighbours: int) -> Score:
    """Sums of the cosines of so many neighbours."""
    blocks = cosine(known, per_item=n_neighbours, on_progress=int)
    near = sparse.vstack(list(blocks), format="csr")
    return lambda given: (given @ near).toarray().astype(np.float32)


def als(known: sparse.csr_matrix, factors: int, alpha: float) -> Score:
    """Implicit's alternating least squares; a single item by the cosine of factors."""
    from implicit.als import AlternatingLeastSquares

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AlternatingLeastSquares(
            factors=factors, regularization=0.05, alpha=alpha, iterations=15, random_state=1,
            num_threads=1, use_gpu=False,
        )  # fmt: skip
        model.fit(known, show_progress=False)
    items = np.asarray(model.item_factors)
    units = items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-9)

    def score(given: sparse.csr_matrix) -> Vectors:
        if given.shape[0] == 1 and given.nnz == 1:
            return np.asarray(units[given.indices] @ units.T)
        users = np.arange(given.shape[0])
        found: Vectors = np.asarray(model.recalculate_user(users, given)) @ items.T
        return found

    return score


GRIDS: dict[str, tuple[Callable[..., Score], list[tuple[float, ...]]]] = {
    "EASE": (ease, [(strength,) for strength in REGULARISATIONS]),
    "ItemKNN": (item_knn, [(n,) for n in (20, 50, 100, 200, 500)]),
    "ALS": (als, [(factors, alpha) for factors in (16, 32, 64, 128) for alpha in (1.0, 10.0)]),
}


def tuned(name: str, folds: list[HeldOut], whole: Ratings, rows: RowArray) -> tuple[System, Any]:
    """A reference with the settings that find most of what is held out, learnt from all ratings."""
    fit, grid = GRIDS[name]
    scores = {}
    for unliked in UNLIKED:
        for settings in grid:
            fold = folds[0]
            score = fit(fold.known.interactions(unliked), *settings)
            found = score(fold.given.interactions(unliked))
            scores[unliked, settings] = float(np.mean(fold.values(np.array(found, np.float32))))
    unliked, settings = max(scores, key=lambda each: scores[each])
    score = fit(whole.interactions(unliked), *settings)

    def rank(topic: Topic, snapshot: Snapshot) -> RowArray:
        given = np.concatenate([topic.liked, topic.others if unliked else topic.others[:0]])
        counts = np.where(np.arange(len(given)) < len(topic.liked), 1.0, unliked)
        place = np.searchsorted(rows, given)
        known = (place < len(rows)) & (rows[np.minimum(place, len(rows) - 1)] == given)
        values = (counts[known].astype(np.float32), (np.zeros(known.sum(), int), place[known]))
        every = np.full(snapshot.bundle.n_items, -np.inf)
        every[rows] = score(sparse.csr_matrix(values, shape=(1, len(rows))))[0]
        return best_unseen(every, topic)

    return System(name, rank), (unliked, *settings)


def _rank_fold(
    learnt: Learnt, asked: Asked, *, of_fold: dict[int, Any]
) -> list[tuple[str, str, Topic, FloatArray]]:
    """The metrics of every system for the topics of a fold."""
    number = next(iter(asked.values()))[0].fold
    ratings, least = of_fold[number]
    folds = hold_out(ratings, liked_from=least)
    whole, rows = everything(ratings, least)
    found = []
    references = [tuned(name, folds, whole, rows) for name in GRIDS]
    for name, topics in asked.items():
        for system in [*(one for one, _ in references), engine(OURS)]:
            ranked = [system.rank(topic, learnt.snapshot)[:50] for topic in topics]
            values = measure(topics, ranked, METRICS)
            for place, topic in enumerate(topics):
                own = np.array([values[metric][place] for metric in METRICS])
                found.append((name, system.name, topic, own))
    return found


def everything(ratings: Any, least: float) -> tuple[Ratings, RowArray]:
    """All ratings as matrices, and the rows of their columns."""
    rows = np.unique(ratings["row"].to_numpy(np.int64))
    users = np.unique(ratings["user"].to_numpy(dtype=object).astype("U"), return_inverse=True)[1]
    columns = np.searchsorted(rows, ratings["row"].to_numpy(np.int64))
    liked = (ratings["value"] >= least).to_numpy()
    shape = (int(users.max()) + 1, len(rows))
    parts = []
    for which in (liked, ~liked):
        ones = np.ones(int(which.sum()), np.float32)
        entries = (ones, (users[which], columns[which]))
        parts.append(sparse.csr_matrix(entries, shape=shape))
    return Ratings(*parts), rows


def sparse_catalogue(folder: Path) -> Path:
    """3,000 people of twelve tastes with 6 to 20 ratings each of 4,000 items, most of them rare."""
    rng = np.random.default_rng(SEED)
    n_items, n_users, n_tastes = 4000, 3000, 12
    kinds = np.array(("river", "stone", "glass", "copper", "linen", "cedar",
                      "amber", "salt", "paper", "iron", "wool", "clay"))  # fmt: skip
    taste = rng.dirichlet(np.full(n_tastes, 0.15), n_items)
    fame = rng.zipf(1.6, n_items).clip(1, 500).astype(float)
    folder.mkdir(parents=True)
    with (folder / "items.csv").open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(["id", "title", "about"])
        for item in range(n_items):
            about = " ".join(kinds[np.argsort(-taste[item])[:2]])
            out.writerow([item, f"Piece {item}", f"made of {about}"])
    with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(["user", "item", "rating", "time"])
        for user in range(n_users):
            own = rng.dirichlet(np.full(n_tastes, 0.3))
            pull = np.log(fame) + 3.0 * np.log(taste @ own + 0.02) + rng.gumbel(size=n_items)
            chosen = rng.permutation(np.argsort(-pull)[: rng.integers(6, 21)])
            stars = 2.2 + 6.0 * (taste[chosen] @ own) + rng.normal(0, 0.8, len(chosen))
            for time, (item, value) in enumerate(zip(chosen.tolist(), stars, strict=True)):
                out.writerow([user, item, int(np.clip(round(value), 1, 5)), time])
    (folder / "catalog.toml").write_text(
        'name = "sparse"\n[items]\nfile = "items.csv"\nid = "id"\ntitle = "title"\n'
        'text = ["about"]\n[ratings]\nfile = "ratings.csv"\nitem = "item"\nuser = "user"\n'
        'value = "rating"\ntime = "time"\nscale = [1, 5]\n',
        encoding="utf-8",
    )
    return folder / "catalog.toml"


def measured(name: str, catalog: Path, scratch: Path) -> Iterator[dict[str, Any]]:
    """A line for each protocol and system, with differences of ours to it."""
    build(catalog, scratch / name, precision=Precision.F32)
    subject = open_subject(catalog, scratch / name)
    protocols, folds = taste_protocols(subject.catalog)
    asked = [one for one in protocols if one.name in {PERSONAL, ITEM_TO_ITEM} and not one.skipped]
    of_fold = {number: (each, liked_from(subject.catalog)) for number, each in enumerate(folds)}
    work = partial(_rank_fold, of_fold=of_fold)
    found: dict[tuple[str, str], list[tuple[Topic, FloatArray]]] = {}
    for part in in_each_fold(work, subject.snapshot, subject.catalog, asked, folds):
        for protocol, system, topic, values in part:
            found.setdefault((protocol, system), []).append((topic, values))
    for (protocol, system), each in found.items():
        users = [topic.user for topic, _ in each]
        own, ours = (
            np.array([values for _, values in found[protocol, which]]) for which in (system, OURS)
        )
        line = {"catalogue": name, "protocol": protocol, "system": system}
        for place, metric in enumerate(METRICS):
            one, other = (by_user(users, values[:, place]) for values in (own, ours))
            line[metric] = f"{one.mean():.4f}"
            line[f"ours, {metric}"] = "" if system == OURS else str(paired_bootstrap(other, one))
        yield line


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--only", multiple=True, help="Only these of: sample, sparse, movielens.")
def main(scratch: Path, only: tuple[str, ...]) -> None:
    """Measure, print, write the results."""
    catalogues: dict[str, Callable[[], Path]] = {
        "sample": lambda: ROOT / "data/sample/catalog.toml",
        "sparse": lambda: sparse_catalogue(scratch / "sparse-files"),
    }
    if os.environ.get("MOVIELENS"):
        catalogues["movielens"] = lambda: ROOT / "data/movielens/catalog.toml"
    lines: list[dict[str, Any]] = []
    for name, path in catalogues.items():
        if not only or name in only:
            lines += measured(name, path(), scratch)
            click.echo(f"{name}: done")
    shutil.rmtree(scratch)
    columns = list(lines[0])
    table = as_table(columns, [list(map(str, each.values())) for each in lines], n_texts=3)
    write_tables(report.RESULTS / "learnt", table, {"lines": lines})
    click.echo(table)


if __name__ == "__main__":
    main()
