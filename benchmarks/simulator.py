"""Whether comparing on traffic decides rightly, shown with people whose preferences are known.

python -m benchmarks.simulator --scratch DIR. On the sample and, with the variable MOVIELENS, on
MovieLens: people with held-out likes search, look at lower places less and click by chance. Over
200 seeded experiments each it counts how often interleaving and an A/B split decide rightly and
after how many searches, how often they decide where nothing differs, and how often the 95 %
interval of a replay covers the truth. Writes benchmarks/results/simulator.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import report
from benchmarks.people import (
    DEPTH,
    SEED,
    SHOWN,
    Traffic,
    World,
    clicked,
    drafted,
    drafts,
    looks,
    world_of,
)
from indexing.comparing.displays import Displays
from indexing.comparing.examination import Moved
from indexing.comparing.outcomes import Apart, Drafted
from indexing.comparing.preference import Path as Evidence
from indexing.comparing.replay import Valuation, estimates
from indexing.job import build
from indexing.measure.evaluate import open_subject
from shortlist.bundle.arrays import FloatArray, RowArray

ROOT = Path(__file__).parent.parent
EXPERIMENTS = 200
MOST_DRAFTED, MOST_APART = 20_000, 100_000
"""Searches after which an experiment that has not decided is given up."""

REQUESTS, LISTS_EACH, SAMPLES = 400, 10, 100


@dataclass(frozen=True)
class Decisions:
    """How experiments ended, in shares, and after how many searches those that decided did."""

    right: float
    wrong: float
    undecided: float
    searches_median: float | None
    searches_p90: float | None


@dataclass(frozen=True)
class Coverage:
    """How often the 95 % interval of a replay holds the truth, and what it is about.

    `whole` is the expected clicks on all of the list, `known` those on what was shown before, which
    is all that clicks can tell; `unknown` is the share of looks at the rest. `estimate` is the mean
    of the estimates, `steepness` that of how looks fall with the place, which is 1.
    """

    truth: float
    estimate: float
    width: float
    covers_whole: float
    covers_known: float
    unknown: float
    steepness: float


def decisions(ended: list[tuple[int, int]], *, right: int) -> Decisions:
    """Of each experiment which side it decided for (1 the candidate, -1, 0 neither), and when."""
    sides, searches = np.array(ended).reshape(-1, 2).T
    decided = searches[sides != 0]
    at = np.percentile(decided, [50, 90]).tolist() if len(decided) else [None, None]
    return Decisions(
        right=float((sides == right).mean()) if right else 0.0,
        wrong=float((sides == -right).mean()) if right else float((sides != 0).mean()),
        undecided=float((sides == 0).mean()),
        searches_median=at[0],
        searches_p90=at[1],
    )


def interleaved(
    world: World, control: str, candidate: str, *, differ: bool, n: int, seeds: range
) -> Decisions:
    """Experiments by interleaving.

    Unless they are to `differ`, which side is called the candidate is drawn for each person: people
    prefer one list to the other as before, each of them always the same, and nobody is right.
    """
    made = drafts(world.lists[control][:, :SHOWN], world.lists[candidate][:, :SHOWN], k=SHOWN)
    ended = []
    for seed in seeds:
        rng = np.random.default_rng([SEED, seed])
        traffic = world.traffic(n, rng)
        gained, on = drafted(world, traffic, made, rng)
        if not differ:
            gained = gained * np.where(rng.random(n) < 0.5, 1, -1)[traffic.people]
        path = Drafted(gained, on, traffic.people).path()
        ended.append(_end(path, np.flatnonzero(gained) + 1))
    return decisions(ended, right=_better(world, control, candidate) if differ else 0)


def split(world: World, control: str, candidate: str, *, n: int, seeds: range) -> Decisions:
    """Experiments by showing a person one side or the other."""
    ended = []
    for seed in seeds:
        rng = np.random.default_rng([SEED, seed])
        traffic = world.traffic(n, rng)
        is_candidate = (rng.random(n) < 0.5)[traffic.people]
        lists = np.stack([world.lists[name][:, :SHOWN] for name in (control, candidate)])
        rows = lists[is_candidate.astype(np.int64), traffic.texts]
        on = clicked(world, traffic, rows, rng).sum(axis=1)
        path = Apart(on, is_candidate, traffic.people).path()
        ended.append(_end(path, np.arange(1, n + 1)))
    return decisions(ended, right=_better(world, control, candidate))


def _end(path: Evidence, searches: RowArray) -> tuple[int, int]:
    """Which side an experiment decides for when it is watched all the time, and at which search."""
    decided = np.flatnonzero(path.for_candidate | path.for_control)
    if not len(decided):
        return 0, 0
    first = int(decided[0])
    return (1 if path.for_candidate[first] else -1), int(searches[first])


def _better(world: World, control: str, candidate: str) -> int:
    """1 where people click more on the candidate, -1 on the control, 0 for the same profile."""
    return int(np.sign(round(world.clicks(candidate) - world.clicks(control), 12)))


def replayed(
    world: World,
    shown: tuple[str, str],
    target: str,
    *,
    seeds: range,
    samples: int = SAMPLES,
) -> Coverage:
    """Replays of a profile by what was clicked on lists drafted from two, twenty deep."""
    made = drafts(*(world.lists[name] for name in shown), k=DEPTH)
    truth = world.clicks(target)
    found = [
        _replay(world, made.rows, target, np.random.default_rng([SEED, one]), samples=samples)
        for one in seeds
    ]
    estimate, low, high, known, unknown, steepness = np.array(found).T
    return Coverage(
        truth=truth,
        estimate=float(estimate.mean()),
        width=float((high - low).mean()),
        covers_whole=float(((low <= truth) & (truth <= high)).mean()),
        covers_known=float(((low <= known) & (known <= high)).mean()),
        unknown=float(unknown.mean()),
        steepness=float(steepness.mean()),
    )


def _replay(
    world: World, drawn: RowArray, target: str, rng: np.random.Generator, *, samples: int
) -> tuple[float, ...]:
    """An estimate, its interval, the truth of what is known, the unknown share, the steepness.

    Requests are texts drawn from all that is asked, each made by ten people on average.
    """
    texts = world.asks[rng.integers(0, len(world.asks), REQUESTS), 1]
    requests = np.repeat(np.arange(REQUESTS), 1 + rng.poisson(LISTS_EACH - 1, REQUESTS))
    users = _askers(world, texts[requests], rng)
    rows = drawn[texts[requests], rng.integers(0, drawn.shape[1], len(requests))]
    on = clicked(world, Traffic(requests, users, texts[requests]), rows, rng)
    displays = _displays(world, requests, rows, on)
    valuation, moved = Valuation(displays), Moved.of(displays)
    placed = valuation.placed(world.lists[target][texts, :SHOWN])
    interval, _, _ = estimates(displays, valuation, moved, (placed, placed), samples=samples)
    examination = moved.examination()
    unknown = placed.unknown(examination, displays.lists)
    known = _truth_of_known(world, target, displays, texts)
    return interval.estimate, interval.low, interval.high, known, unknown, examination.steepness


def _askers(world: World, texts: RowArray, rng: np.random.Generator) -> RowArray:
    """Somebody who asks each text, all who do as likely."""
    by_text = world.asks[np.argsort(world.asks[:, 1], kind="stable")]
    begin = np.searchsorted(by_text[:, 1], texts)
    end = np.searchsorted(by_text[:, 1], texts, side="right")
    drawn = begin + (rng.random(len(texts)) * (end - begin)).astype(np.int64)
    return np.asarray(by_text[drawn, 0])


def _displays(world: World, requests: RowArray, rows: RowArray, on: np.ndarray) -> Displays:
    n, k = rows.shape
    ranks = np.tile(np.arange(1, k + 1), n)
    table = np.stack([np.repeat(requests, k), rows.ravel(), ranks], axis=1)
    keys, at = np.unique(table, axis=0, return_inverse=True)
    at = at.ravel()
    asked, items, ranks = keys.T
    return Displays(
        tuple(map(str, range(REQUESTS))),
        tuple(map(str, range(world.liked.shape[1]))),
        np.bincount(requests, minlength=REQUESTS),
        asked,
        items,
        ranks,
        shown=np.bincount(at),
        clicks=np.bincount(at, on.ravel()).astype(np.int64),
    )


def _truth_of_known(world: World, target: str, displays: Displays, texts: RowArray) -> float:
    """The expected clicks a search, on what was shown for a request, over all that is asked."""
    rows = world.lists[target][:, :SHOWN]
    shown = np.zeros((len(world.texts), world.liked.shape[1]), np.bool_)
    shown[texts[displays.requests], displays.items] = True
    users, asked = world.asks.T
    worth = looks(SHOWN) * world.attraction(users, asked, rows[asked])
    drawn = np.isin(asked, texts)
    known = np.take_along_axis(shown[asked[drawn]], rows[asked[drawn]], axis=1)
    lost: FloatArray = (worth[drawn] * ~known).sum(axis=1)
    return world.clicks(target) - float(lost.mean())


@dataclass(frozen=True)
class Case:
    """A catalogue, how its searches are ranked, which rankings are compared, which replayed.

    Replayed are rankings by what was clicked on lists drafted from the first pair.
    """

    catalog: Path
    rankings: Mapping[str, Mapping[str, Any]]
    pairs: Sequence[tuple[str, str]]
    replayed: Sequence[str]


CASES = {
    "movielens": Case(
        ROOT / "data/movielens/catalog.toml",
        {
            "notebook": {"profile": "notebook"},
            "standard": {"profile": "standard"},
            "tuned": {"profile": "tuned"},
            "tuned, fewer popular": {"profile": "tuned", "weights": {"popularity": 0.5}},
        },
        [("notebook", "tuned"), ("standard", "tuned"), ("tuned, fewer popular", "tuned")],
        ["tuned", "standard"],
    ),
    "sample": Case(
        ROOT / "data/sample/catalog.toml",
        {name: {"profile": name} for name in ("similarity", "notebook", "tuned")},
        [("similarity", "tuned"), ("similarity", "notebook"), ("notebook", "tuned")],
        ["tuned", "notebook"],
    ),
}


def simulated(world: World, case: Case, *, n_experiments: int = EXPERIMENTS) -> dict[str, Any]:
    """Everything of a case."""
    seeds = range(n_experiments)
    found: dict[str, Any] = {"clicks": {name: world.clicks(name) for name in world.lists}}
    for control, candidate in case.pairs:
        name, lists = f"{control} against {candidate}", (control, candidate)
        how: dict[str, Any] = {"n": MOST_DRAFTED, "seeds": seeds}
        found[name] = {
            "interleaved": asdict(interleaved(world, *lists, differ=True, **how)),
            "split": asdict(split(world, *lists, n=MOST_APART, seeds=seeds)),
            "interleaved, nothing differs": asdict(interleaved(world, *lists, differ=False, **how)),
        }
        click.echo(f"{name}: {json.dumps(found[name], indent=1)}")
    control = case.pairs[0][0]
    same = split(world, control, control, n=MOST_DRAFTED, seeds=seeds)
    found["split, nothing differs"] = asdict(same)
    for target in case.replayed:
        found[f"replay of {target}"] = asdict(replayed(world, case.pairs[0], target, seeds=seeds))
        click.echo(f"replay of {target}: {found[f'replay of {target}']}")
    return found


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--experiments", default=EXPERIMENTS, show_default=True)
def main(scratch: Path, experiments: int) -> None:
    """Build, simulate, print, write the results."""
    results: dict[str, Any] = {"machine": report.machine(), "experiments": experiments}
    for name, case in CASES.items():
        if name == "movielens" and not os.environ.get("MOVIELENS"):
            continue
        build(case.catalog, scratch / name)
        subject = open_subject(case.catalog, scratch / name)
        world = world_of(subject.snapshot, subject.catalog, case.rankings)
        results[name] = {
            "users": len(np.unique(world.asks[:, 0])),
            "texts": len(np.unique(world.asks[:, 1])),
            **simulated(world, case, n_experiments=experiments),
        }
    text = json.dumps(results, indent=1, allow_nan=False)
    (report.RESULTS / "simulator.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
