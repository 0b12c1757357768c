"""A million items, built and changed and searched: python -m benchmarks.million --scratch DIR.

Puts a catalogue of films together, builds it in a process of its own, serves it, and measures what
a publish of changes, a rebuild, a search and a swap of versions take. To encode a million documents
takes an hour or more, so that their vectors come from a stand-in (`benchmarks.stand_in`) unless
`--encode all` asks for the real ones: in the first build alone; queries, what changes and what the
rebuild has to encode are really encoded. A build that is there already is not made again. Prints
the table and writes benchmarks/results/million.json and .md. `--searches` measures no more than
searches, filters, facets and the worker's memory: a few minutes, into million-searches.json.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.csv

from benchmarks import million_table, report, server
from benchmarks.catalogues import SAMPLE, recombined
from benchmarks.measured_build import Built, in_child
from benchmarks.million_searches import encoding_rate, recalls, searches
from benchmarks.publishing import Changing, publish, times_during_swaps, until_found
from benchmarks.queries import distinct_queries
from indexing.changing.publisher import Publisher
from indexing.job import build
from shortlist.bundle.reader import read_manifest
from shortlist.bundle.store import ArtifactStore

N_TOGETHER = 1000
FOLLOWED_EVERY_S = 1.0
N_SWAPS = 10
_RATINGS_PER_ITEM, _ITEMS_PER_USER = 6, 5


@click.command()
@click.option("--scratch", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", "n_items", default=1_000_000, show_default=True)
@click.option("--encode", type=click.Choice(["pieces", "all"]), default="pieces", show_default=True)
@click.option("--publishes", "n_publishes", default=100, show_default=True)
@click.option("--searches", "only_searches", is_flag=True, help="Leave out builds and changes.")
def main(scratch: Path, n_items: int, encode: str, n_publishes: int, only_searches: bool) -> None:
    """Measure, print, write benchmarks/results/million.json and .md."""
    own = scratch / f"films-{n_items}"
    catalog, stand_in = _catalogue(own, n_items), encode == "pieces"
    built = _built(own, catalog, stand_in=stand_in)
    found: dict[str, Any] = {
        "machine": report.machine(),
        "items": n_items,
        "stand_in": stand_in,
        "index": _index_of(own / "artifacts"),
    }
    if only_searches:
        found |= _searched(own / "artifacts", scratch)
        text = json.dumps(found, indent=1)
        (report.RESULTS / "million-searches.json").write_text(f"{text}\n", encoding="utf-8")
        click.echo(text)
        return
    found |= {"build": asdict(built), "encoding": encoding_rate(catalog)}
    artifacts = _copied(own / "artifacts", own / "changed")
    found["recall"] = recalls(ArtifactStore(artifacts).live_folder())
    with server.running(_sample(scratch)) as sample:
        found["sample"] = searches(sample, filtered=False)
    with server.running(artifacts) as running:
        found["searches"] = searches(running, filtered=True)
        found["worker_mb"] = server.memory_mb(running.workers()[0])["own_mb"]
        found |= _changes(artifacts, running, n_items, n_publishes)
    found["recall_after"] = recalls(ArtifactStore(artifacts).live_folder(), filtered=False)
    found["rebuild"] = asdict(_rebuilt(own, catalog))
    text = million_table.table(found)
    (report.RESULTS / "million.json").write_text(f"{json.dumps(found, indent=1)}\n", "utf-8")
    (report.RESULTS / "million.md").write_text(text, encoding="utf-8")
    click.echo(text)


def _searched(artifacts: Path, scratch: Path) -> dict[str, Any]:
    """Searches of a version and of the sample, recall, and what a worker holds after them."""
    found: dict[str, Any] = {"recall": recalls(ArtifactStore(artifacts).live_folder())}
    with server.running(_sample(scratch)) as sample:
        found["sample"] = searches(sample, filtered=False)
    with server.running(artifacts) as running:
        found["searches"] = searches(running, filtered=True)
        found["worker_mb"] = server.memory_mb(running.workers()[0])["own_mb"]
    return found


def _catalogue(own: Path, n_items: int) -> Path:
    """The catalogue of so many films, written unless it is there."""
    path = own / "catalogue" / "catalog.toml"
    if not path.exists():
        n_ratings, n_users = _RATINGS_PER_ITEM * n_items, n_items // _ITEMS_PER_USER
        recombined(path.parent, n_items=n_items, n_ratings=n_ratings, n_users=n_users)
    return path


def _built(own: Path, catalog: Path, *, stand_in: bool) -> Built:
    """What building it took, measured now unless that was done before."""
    noted, artifacts = own / "built.json", own / "artifacts"
    if noted.exists():
        return Built(**json.loads(noted.read_text("utf-8")))
    built = in_child(catalog, artifacts, stand_in=stand_in)
    noted.write_text(json.dumps(asdict(built)), encoding="utf-8")
    return built


def _index_of(artifacts: Path) -> str:
    """The type of index and the parameters that the build came to."""
    manifest = read_manifest(ArtifactStore(artifacts).live_folder())
    (segment,) = manifest.segments
    found = segment.retrieval
    params = ", ".join(f"{name} {value}" for name, value in found.params.items())
    return f"{found.type} ({params})" if params else found.type


def _copied(artifacts: Path, target: Path) -> Path:
    """An artifacts folder with the same versions, whose files are links; what was there goes."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(artifacts, target, copy_function=_linked)
    return target


def _linked(source: str, target: str) -> None:
    """A version's files are never written again; those beside the versions are."""
    inside = Path(source).parent.name != "artifacts"
    if inside:
        Path(target).hardlink_to(source)
    else:
        shutil.copy(source, target)


def _sample(scratch: Path) -> Path:
    """The bundled sample, published unless it is."""
    artifacts = scratch / "sample"
    if ArtifactStore(artifacts).current_text() is None:
        build(SAMPLE / "catalog.toml", artifacts)
    return artifacts


def _changes(
    artifacts: Path, running: server.Running, n_items: int, n_publishes: int
) -> dict[str, Any]:
    """Everything that is measured of changes, with the service running on what they change."""
    store = ArtifactStore(artifacts)
    publisher = Publisher(store)
    changing = Changing(publisher, n_items)
    _ = publisher.target().encoder  # loaded, as by whoever follows the log
    found: dict[str, Any] = {}
    for name, made in (("upserts", changing.upserts), ("patches", changing.patches)):
        times = [publish(publisher, store, made(N_TOGETHER), running) for _ in range(3)]
        found[name] = [asdict(one) for one in times]
    title = "A wholly unheard-of zeppelin orchard"
    found["one_s"] = until_found(
        publisher, store, changing.item(title), running, every_s=FOLLOWED_EVERY_S
    )
    taken = []
    for number in range(n_publishes):
        taken.append(publish(publisher, store, changing.mixed(N_TOGETHER), None).published_s)
        click.echo(f"publish {number + 1}: {taken[-1]:.2f} s", err=True)
    live = publisher.target().live
    server.wait_for_answer(running.port)
    found["many"] = {
        "n": n_publishes,
        "published_s": taken,
        "segments": len(live.segments),
        "items": live.n_items,
        "recall": live.manifest.recall,
        "searches": searches(running, filtered=False),
        "worker_mb": server.memory_mb(running.workers()[0])["own_mb"],
    }
    targets = [f"/v1/search?q={text.replace(' ', '+')}" for text in distinct_queries(5000)]
    quiet, during = times_during_swaps(running, store, targets, n_swaps=N_SWAPS)
    found["swap"] = {
        "quiet_ms": million_table.spread(quiet),
        "during_ms": million_table.spread(during),
    }
    return found


def _rebuilt(own: Path, catalog: Path) -> Built:
    """What building the sources anew takes where one title in a hundred is another."""
    folder = own / "catalogue-changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(catalog.parent, folder)
    items = pyarrow.csv.read_csv(folder / "items.csv")
    changed = pyarrow.array(np.arange(len(items)) % 100 == 0)
    titles = pyarrow.compute.binary_join_element_wise("Again", items["title"], " ")
    place = items.schema.get_field_index("title")
    title = pyarrow.compute.if_else(changed, titles, items["title"])
    pyarrow.csv.write_csv(items.set_column(place, "title", title), folder / "items.csv")
    return in_child(
        folder / "catalog.toml", _copied(own / "artifacts", own / "rebuilt"), stand_in=False
    )


if __name__ == "__main__":
    main()
