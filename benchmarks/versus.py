"""This checkout against another one, in turn: python -m benchmarks.versus --help.

Both answer the same distinct queries over the same published version, or over versions of their own
of the same catalogue: in process, each side in processes of its own that take turns; over HTTP, two
services of one worker that are asked query by query, A B A B. Then both build the catalogue from
nothing in turn. Nothing is cached. Writes benchmarks/results/versus.json: medians of each side, and
of the ratios round by round.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote_plus

import click

from benchmarks import report
from benchmarks.queries import distinct_queries
from benchmarks.server import HERE, running

UNCACHED = ("--query-cache", "0", "--log-level", "warning")
N_QUERIES = 1500
Pairs = list[tuple[float, float]]

IN_PROCESS = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from service.app import load_options
from service.config import Settings
if (Path(sys.argv[1]) / "shortlist").is_dir():
    from shortlist.bundle.store import ArtifactStore
    from shortlist.engine.query import SearchQuery
    from shortlist.engine.search import ask
    from shortlist.engine.snapshot import load_snapshot
    search = lambda snapshot, text: ask(snapshot, SearchQuery(q=text))
else:
    from indexing.bundle.store import ArtifactStore
    from service.engine import SearchQuery, search as answer
    from service.snapshot import load_snapshot
    search = lambda snapshot, text: answer(snapshot, SearchQuery(text))
snapshot = load_snapshot(ArtifactStore(Path(sys.argv[2])).live_folder(), load_options(Settings()))
times = []
for text in json.load(sys.stdin):
    began = time.perf_counter()
    search(snapshot, text)
    times.append(time.perf_counter() - began)
times.sort()
print(json.dumps(times[len(times) // 2] * 1e3))
"""


@click.command()
@click.option("--before", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--catalog", required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--before-artifacts",
    type=click.Path(path_type=Path, exists=True),
    help="What the other one serves, where it cannot read this format.",
)
@click.option("--rounds", default=7, show_default=True, help="Of searches in process and builds.")
def main(
    before: Path, artifacts: Path, catalog: Path, before_artifacts: Path | None, rounds: int
) -> None:
    """Measure, print, write benchmarks/results/versus.json."""
    sides = (before.resolve(), HERE)
    served = {sides[0]: (before_artifacts or artifacts).resolve(), HERE: artifacts.resolve()}
    measured = {
        "machine": report.machine(),
        "search in process, p50 ms": _summary(
            _paired(sides, lambda root: _in_process(root, served[root]), rounds)
        ),
        "search over HTTP, ms": _summary(_over_http(served)),
        "build from nothing, s": _summary(
            _paired(sides, lambda root: _build(root, catalog.resolve()), rounds)
        ),
    }
    text = json.dumps(measured, indent=1)
    (report.RESULTS / "versus.json").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def _paired(sides: tuple[Path, Path], measure: Callable[[Path], float], rounds: int) -> Pairs:
    """A warm-up of each, then both sides in turn, each first in every other round."""
    for root in sides:
        measure(root)
    found = []
    for number in range(rounds):
        order = sides if number % 2 else sides[::-1]
        of_round = {root: measure(root) for root in order}
        found.append((of_round[sides[0]], of_round[sides[1]]))
    return found


def _summary(pairs: Pairs) -> dict[str, float]:
    before, after = zip(*pairs, strict=True)
    return {
        "before": round(statistics.median(before), 4),
        "after": round(statistics.median(after), 4),
        "ratio": round(statistics.median(one[1] / one[0] for one in pairs), 4),
        "pairs": len(pairs),
    }


def _in_process(root: Path, artifacts: Path) -> float:
    command = [sys.executable, "-c", IN_PROCESS, str(root), str(artifacts)]
    texts = json.dumps(distinct_queries(N_QUERIES // 5))
    done = subprocess.run(
        command, cwd=root, input=texts, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout)


def _build(root: Path, catalog: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "indexing", "build", "--catalog", str(catalog)]
        began = time.perf_counter()
        subprocess.run([*command, "--artifacts", folder], cwd=root, check=True, capture_output=True)
        return time.perf_counter() - began


def _over_http(served: dict[Path, Path]) -> Pairs:
    """Milliseconds of each query at both services, which take turns in being first."""
    with ExitStack() as stack:
        services = [
            stack.enter_context(running(artifacts, *UNCACHED, root=root))
            for root, artifacts in served.items()
        ]
        clients = [http.client.HTTPConnection("127.0.0.1", one.port) for one in services]
        found: Pairs = []
        for number, text in enumerate(distinct_queries(N_QUERIES)):
            places = (0, 1) if number % 2 else (1, 0)
            took_ms = {place: _asked_ms(clients[place], text) for place in places}
            found.append((took_ms[0], took_ms[1]))
    return found[N_QUERIES // 10 :]


def _asked_ms(client: http.client.HTTPConnection, text: str) -> float:
    began = time.perf_counter()
    client.request("GET", f"/v1/search?q={quote_plus(text)}")
    response = client.getresponse()
    response.read()
    assert response.status == 200
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()
