"""What a build gains that learns from events too: python -m benchmarks.learning --scratch DIR.

On the sample and, with the variable MOVIELENS, on MovieLens: people whose ratings no version knows
search and click by chance (`benchmarks.people`), for a half of what they like; their clicks go into
a store of events. How much more of the other half does a version recommend that learns from it
beside the ratings of others than one of these ratings alone (`benchmarks.taught`)? Others are four
users in five, or one, as in a young catalogue. Writes benchmarks/results/learning.json.
"""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from benchmarks import report
from benchmarks.people import known_ratings, world_of
from benchmarks.simulator import CASES
from benchmarks.taught import Gain, gain
from indexing.behaviour.acts import read_acts
from indexing.behaviour.judged import with_acts
from indexing.catalog.events import Events
from indexing.catalog.learning import EventsConfig
from indexing.job import build
from indexing.measure.evaluate import Subject, open_subject
from indexing.measure.learnt import learn_from
from shortlist.engine.snapshot import Snapshot
from shortlist.events.store import EventStore

N_SEARCHES = (2_000, 20_000)


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
def main(scratch: Path) -> None:
    """Build, simulate, learn, print, write the results."""
    found: dict[str, Any] = {"machine": report.machine()}
    for name, case in CASES.items():
        if name == "movielens" and not os.environ.get("MOVIELENS"):
            continue
        build(case.catalog, scratch / name)
        subject = open_subject(case.catalog, scratch / name)
        profile, options = next(iter(case.rankings.items()))
        for young, known, n_searches in itertools.product(*[(False, True)] * 2, N_SEARCHES):
            how: dict[str, Any] = {"young": young, "known": known, "n_searches": n_searches}
            gained = measure(subject, scratch, {profile: options}, **how)
            of_whom = "of all" if known else "of others"
            case_name = f"{name}{', young' if young else ''}, {n_searches:,} searches {of_whom}"
            told = {**asdict(gained), "whole": str(gained.whole), "learnt": str(gained.learnt)}
            found[case_name] = told
            click.echo(f"{case_name} by {profile}: {told}")
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (report.RESULTS / "learning.json").write_text(f"{text}\n", encoding="utf-8")


def measure(
    subject: Subject,
    scratch: Path,
    ranking: dict[str, Any],
    *,
    n_searches: int,
    young: bool,
    known: bool,
) -> Gain:
    """What so many searches, ranked so, teach beside few ratings, or many; see `gain`."""
    catalog = subject.catalog
    others = known_ratings(catalog, young=young)
    path = (scratch / f"events-{n_searches}.db").resolve()
    for leftover in path.parent.glob(f"{path.name}*"):
        leftover.unlink()
    store = EventStore.open(f"sqlite:///{path}")
    config = catalog.config.model_copy(
        update={"events": EventsConfig(url=SecretStr(f"sqlite:///{path}"))}
    )

    def learn(_: EventStore) -> Snapshot:
        assert config.events is not None and config.scale is not None
        acts = read_acts(config.events, scratch, catalog.items.ids)
        ratings = with_acts(Events(others, 0), acts, config.events, config.scale)
        taught = replace(catalog, config=config, acts=acts)
        return learn_from(subject.snapshot, taught, ratings.table).snapshot

    alone = learn_from(subject.snapshot, catalog, others).snapshot
    world = world_of(subject.snapshot, catalog, ranking, young=young)
    try:
        how: dict[str, Any] = {"profile": next(iter(ranking)), "known": known}
        return gain(world, alone, learn, store, n_searches=n_searches, **how)
    finally:
        store.close()


if __name__ == "__main__":
    main()
