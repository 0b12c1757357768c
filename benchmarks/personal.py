"""The weight of the taste of who searches: python -m benchmarks.personal --catalog C --artifacts A.

Asks every topic of the protocol "personal search" by nobody known, and by the user with each of
these weights as a prior. The weight is chosen by nDCG@10 of half of the users; what it brings is
measured with the other half, with a 95 % interval. Writes
benchmarks/results/personal-<catalogue>.json and .md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
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

METRIC = "nDCG@10"
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
FEATURES = ("collaborative", "co_liked")
PRIORS: tuple[Mapping[str, float], ...] = tuple(
    {name: weight} for name in FEATURES for weight in WEIGHTS
)

Values = list[tuple[Topic, list[float]]]


@click.command()
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(catalog: Path, artifacts: Path) -> None:
    """Measure, print, write the results."""
    subject = open_subject(catalog, artifacts)
    found = list(_found(subject))
    held_out = np.array([topic.held_out for topic, _ in found])
    values = np.array([each for _, each in found])
    means = values[~held_out].mean(axis=0)
    best = int(means.argmax())
    lines = [
        _line(name, values[:, number], values[:, 0], held_out)
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


def _found(subject: Subject) -> Iterable[tuple[Topic, list[float]]]:
    protocols, folds = taste_protocols(subject.catalog)
    (searched,) = (one for one in protocols if one.name == SEARCHED)
    if searched.skipped:
        raise click.ClickException(f"{SEARCHED}: {searched.skipped}")
    for part in in_each_fold(_of_fold, subject.snapshot, subject.catalog, [searched], folds):
        yield from part


def _of_fold(learnt: Learnt, asked: Asked) -> Values:
    (topics,) = asked.values()
    rank = partial(rank_search, snapshot=learnt.snapshot)
    lists = [[rank(topic, person=None) for topic in topics]]
    for prior in PRIORS:
        with patch.object(wanted, "prior_of", lambda _, prior=prior: dict(prior)):
            lists.append([rank(topic, person=person_in(topic)) for topic in topics])
    columns = [measure(topics, each, (METRIC,))[METRIC] for each in lists]
    return [
        (replace(topic, liked=topic.liked[:0]), [float(column[place]) for column in columns])
        for place, topic in enumerate(topics)
    ]


def _named(prior: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {weight:g}" for name, weight in prior.items())


def _line(
    name: str, own: FloatArray, reference: FloatArray, held_out: np.ndarray
) -> dict[str, Any]:
    difference = paired_bootstrap(own[held_out], reference[held_out])
    return {
        "prior": name,
        f"{METRIC}, chosen from": f"{own[~held_out].mean():.4f}",
        f"{METRIC}, held out": f"{own[held_out].mean():.4f}",
        "Δ": str(difference) if own is not reference else "",
    }


if __name__ == "__main__":
    main()
