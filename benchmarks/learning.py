"""What a build gains that learns from events too: python -m benchmarks.learning --scratch DIR.

On MovieLens with the variable MOVIELENS, else on the sample: people whose ratings no version knows
search and click by chance (`benchmarks.people`), for a half of what they like; their clicks go into
a store of events. A version that learns from it, beside the ratings of others, recommends what the
other half is found in more or less than by a version of these ratings alone
(`benchmarks.taught`). Writes benchmarks/results/learning.json.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from benchmarks import report
from benchmarks.people import world_of
from benchmarks.simulator import CASES
from benchmarks.taught import gain
from indexing.behaviour.acts import read_acts
from indexing.behaviour.judged import with_acts
from indexing.catalog.events import Events
from indexing.catalog.learning import EventsConfig
from indexing.job import build
from indexing.measure.evaluate import Subject, open_subject
from indexing.measure.learnt import learn_from
from indexing.measure.protocols.tastes import others_by_fold
from indexing.neighbours.likes import latest_ratings
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
        for n_searches in N_SEARCHES:
            gained = measure(subject, scratch, {profile: options}, n_searches=n_searches)
            found[f"{name}, {n_searches} searches"] = str(gained)
            click.echo(f"{name}, {n_searches:,} searches by {profile}: nDCG@10 {gained}")
    text = json.dumps(found, indent=1, ensure_ascii=False)
    (report.RESULTS / "learning.json").write_text(f"{text}\n", encoding="utf-8")


def measure(subject: Subject, scratch: Path, ranking: dict[str, Any], *, n_searches: int) -> Any:
    """The difference of nDCG@10 that so many searches, ranked so, make, with its interval."""
    catalog = subject.catalog
    assert catalog.ratings is not None
    others = others_by_fold(latest_ratings(catalog.ratings.table))[0]
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
    world = world_of(subject.snapshot, catalog, ranking)
    try:
        return gain(world, alone, learn, store, profile=next(iter(ranking)), n_searches=n_searches)
    finally:
        store.close()


if __name__ == "__main__":
    main()
