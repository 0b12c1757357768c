"""The weight of the taste of who searches: python -m benchmarks.personal --catalog C --artifacts A.

Asks every topic of the protocol "personal search" by nobody known, and by the user with each of
these weights as a prior. What a prior costs is measured by titles: users search for items by their
titles, and the item should stand first whoever asks. The weight is chosen with half of the users:
the highest nDCG@10 of those with which at most a fiftieth of these is lost. What it brings is
measured with the other half, with a 95 % interval. Writes
benchmarks/results/personal-<catalogue>.json and .md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np

from benchmarks import report
from indexing.measure.evaluate import Subject, open_subject
from indexing.measure.learnt import Asked, Learnt, in_each_fold
from indexing.measure.metrics import measure, paired_bootstrap
from indexing.measure.protocols.tastes import SEARCHED, taste_protocols
from indexing.measure.report import as_table, write_tables
from indexing.measure.searched import rank_search
from indexing.measure.systems import person_in
from indexing.measure.topic import Topic
from shortlist.bundle.arrays import FloatArray
from shortlist.engine import wanted
from shortlist.engine.person import Person
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ranked
from shortlist.engine.snapshot import Snapshot

METRIC = "nDCG@10"
SHOWN, LEAST_KEPT, N_TITLES = 10, 0.98, 400
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
FEATURES = ("collaborative", "co_liked")
PRIORS: tuple[Mapping[str, float], ...] = tuple(
    {name: weight} for name in FEATURES for weight in WEIGHTS
)

Values = list[tuple[Topic, list[tuple[float, float]]]]
"""Of each topic, for every search: its metric, and how many of the first ten carry the text."""


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(catalog: Path, artifacts: Path) -> None:
    """Measure, print, write the results."""
    subject = open_subject(catalog, artifacts)
    found = list(_found(subject))
    held_out = np.array([topic.held_out for topic, _ in found])
    values, carrying = np.array([each for _, each in found]).transpose(2, 0, 1)
    first = _titles_first(subject, [topic for topic, _ in found])
    means = np.where(first >= LEAST_KEPT * first[0], values[~held_out].mean(axis=0), -1)
    best = int(means.argmax())
    lines = [
        {
            **_line(name, values[:, number], values[:, 0], carrying[:, number], held_out),
            "title first": f"{first[number]:.3f}",
        }
        for number, name in enumerate(("nobody known", *map(_named, PRIORS)))
    ]
    table = as_table(list(lines[0]), [list(map(str, one.values())) for one in lines])
    name = subject.bundle.manifest.catalog.name
    chosen = {} if best == 0 else PRIORS[best - 1]
    whole = {
        "machine": report.machine(),
        "metric": METRIC,
        "users": len(found),
        "held_out": int(held_out.sum()),
        "chosen": chosen,
        "lines": lines,
    }
    write_tables(report.RESULTS / f"personal-{name}", table, whole)
    click.echo(f"{table}\n\nchosen: {chosen}")


def _found(subject: Subject) -> Iterable[tuple[Topic, list[tuple[float, float]]]]:
    protocols, folds = taste_protocols(subject.catalog)
    (searched,) = (one for one in protocols if one.name == SEARCHED)
    if searched.skipped:
        raise click.ClickException(f"{SEARCHED}: {searched.skipped}")
    for part in in_each_fold(_of_fold, subject.snapshot, subject.catalog, [searched], folds):
        yield from part


def _titles_first(subject: Subject, persons: Sequence[Topic]) -> FloatArray:
    """How often an item stands first that is looked for by its title, by every search, [priors]."""
    titles = subject.known_item().topics
    titles = titles[:: max(1, len(titles) // N_TITLES)][:N_TITLES]
    asking = [person_in(persons[number % len(persons)]) for number in range(len(titles))]
    hits = []
    for prior in ({}, *PRIORS):
        with patch.object(wanted, "prior_of", lambda _, prior=prior: dict(prior)):
            hits.append([
                _first(subject.snapshot, topic, person) in topic.relevant
                for topic, person in zip(titles, asking, strict=True)
            ])  # fmt: skip
    found: FloatArray = np.array(hits).mean(axis=1)
    return found


def _first(snapshot: Snapshot, topic: Topic, person: Person) -> int:
    pool = ranked(snapshot, SearchQuery(q=topic.text), person=person)
    return int(pool.rows[pool.order[0]])


def _of_fold(learnt: Learnt, asked: Asked) -> Values:
    (topics,) = asked.values()
    rank = partial(rank_search, snapshot=learnt.snapshot)
    lists = [[rank(topic, person=None) for topic in topics]]
    for prior in PRIORS:
        with patch.object(wanted, "prior_of", lambda _, prior=prior: dict(prior)):
            lists.append([rank(topic, person=person_in(topic)) for topic in topics])
    columns = [measure(topics, each, (METRIC,))[METRIC] for each in lists]
    return [
        (
            topic,
            [
                (float(column[place]), float(np.isin(each[place][:SHOWN], topic.carriers).mean()))
                for column, each in zip(columns, lists, strict=True)
            ],
        )
        for place, topic in enumerate(topics)
    ]


def _named(prior: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in prior.items())


def _line(
    name: str,
    own: FloatArray,
    reference: FloatArray,
    carrying: FloatArray,
    held_out: np.ndarray,
) -> dict[str, Any]:
    difference = paired_bootstrap(own[held_out], reference[held_out])
    return {
        "prior": name,
        f"{METRIC}, chosen from": f"{own[~held_out].mean():.4f}",
        f"{METRIC}, held out": f"{own[held_out].mean():.4f}",
        "Δ": "" if np.array_equal(own, reference) else str(difference),
        "carry the text, chosen from": f"{carrying[~held_out].mean():.3f}",
        "held out": f"{carrying[held_out].mean():.3f}",
    }


if __name__ == "__main__":
    main()
