"""However a bundle is spoilt, it is refused or answers rightly; nothing dies of it.

A failure names its case's number and the sound version, which pytest keeps for the last three runs:
`python -m tests.soak.bundle_fuzz SOUND SCRATCH NUMBER NUMBER+1` repeats it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexing.gate import load_as_served
from shortlist.bundle.store import ArtifactStore
from tests.publishing import publish

CASES, CHILDREN = int(os.environ.get("SOAK_BUNDLES", "6000")), 2
CASE_TIMEOUT_S = 30
START_TIMEOUT_S = 120
GENRES = ("Comedy", "Sci-Fi", "Drama|Romance", "Adventure|Sci-Fi", "(no genres listed)")
WORDS = ("Robot", "Dawn", "Kitchen", "Silent", "Farm", "Deep", "Love", "Star", "Voyage", "The")


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_export: Path) -> Path:
    """A version of sixty films with every section and an attribute of every type."""
    folder = tmp_path_factory.mktemp("fuzzed")
    rows = [
        f"{10 * n},{WORDS[n % 10]} {WORDS[n * 7 % 9]} {n} ({1960 + n}),{GENRES[n % 5]},"
        f"{'' if n % 6 == 0 else 60.5 + n},{'' if n % 4 == 0 else WORDS[n % 3]}"
        for n in range(60)
    ]
    ratings = [
        f"{user},{10 * n},{1 + (user * n) % 9 / 2},{user + n}"
        for user in range(1, 25)
        for n in range(60)
        if (user * 31 + n * 17) % 5 < 2
    ]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres,length,studio", *rows]))
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *ratings]))
    (folder / "catalog.toml").write_text(CATALOG.replace("MODEL", str(tiny_model)))
    with pytest.MonkeyPatch.context() as patch:
        # To a random model every domain is as near as the catalogue, and nothing would be learnt.
        patch.setattr("indexing.off_topic._NEAR_QUANTILE", 1.0)
        publish(folder / "catalog.toml", folder / "artifacts")
    version = ArtifactStore(folder / "artifacts").live_folder()
    sections = load_as_served(version).bundle.sections
    lacking = [name for name, one in vars(sections).items() if one is None]
    assert lacking == ["key_terms"], "which segments have of their own"
    return version


CATALOG = """\
name = "fuzzed"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
categories = { column = "genres", separator = "|", none = "(no genres listed)" }
[items.attributes]
year = { column = "title", pattern = '\\((\\d{4})\\)\\s*$', type = "integer" }
length = { column = "length", type = "number" }
studio = { column = "studio", type = "string" }
[users]
[ratings]
file = "ratings.csv"
item = "movieId"
user = "userId"
value = "rating"
time = "timestamp"
scale = [0.5, 5.0]
[recency]
attribute = "year"
[document]
template = "{title} {genres}"
[encoder]
model = "MODEL"
precision = "f32"
"""


class Child:
    """A process that runs cases and says what became of each; it ends when it has run them."""

    def __init__(self, sound: Path, scratch: Path, first: int, last: int) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        module = [sys.executable, "-m", "tests.soak.bundle_fuzz"]
        self._process = subprocess.Popen(
            [*module, str(sound), str(scratch), str(first), str(last)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.case = first

    def verdicts(self) -> Iterator[tuple[str, str]]:
        """Verdict and what there is to say, case by case; the last is `died` if it did."""
        assert self._process.stdout is not None
        timer = self._timer(START_TIMEOUT_S)
        for line in self._process.stdout:
            timer.cancel()
            verdict, number, *rest = line.rstrip("\n").split(" ", 2)
            self.case = int(number)
            if verdict == "begin":
                timer = self._timer(CASE_TIMEOUT_S)
            else:
                timer = self._timer(START_TIMEOUT_S)
                yield verdict, f"{number} {' '.join(rest)}"
        timer.cancel()
        self._process.stdout.close()
        if code := self._process.wait():
            yield "died", f"{self.case} with {code}"

    def _timer(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        return timer


def run(sound: Path, scratch: Path, first: int, last: int) -> list[tuple[str, str]]:
    """The verdicts on these cases; a child that dies is followed by another."""
    found: list[tuple[str, str]] = []
    while first < last:
        child = Child(sound, scratch, first, last)
        found += child.verdicts()
        died = bool(found) and found[-1][0] == "died"
        first = child.case + 1 if died else last
    return found


def assert_nothing_wrong(
    sound: Path, found: list[tuple[str, str]], *, n_cases: int
) -> Counter[str]:
    """How many cases ended how; each kind of end is frequent enough to mean something."""
    counts = Counter(verdict for verdict, _ in found)
    wrong = [f"{verdict} {said}" for verdict, said in found if verdict in {"wrong", "died"}]
    assert wrong == [], f"of spoilt copies of {sound}"
    assert counts.total() == n_cases
    assert min(counts["refused"], counts["answered"]) > n_cases // 20
    return counts


def test_some_spoilt_bundles_are_refused_or_answered_rightly(fuzzed: Path, tmp_path: Path) -> None:
    assert_nothing_wrong(fuzzed, run(fuzzed, tmp_path, 0, 200), n_cases=200)


@pytest.mark.soak
def test_many_spoilt_bundles_are_refused_or_answered_rightly(fuzzed: Path, tmp_path: Path) -> None:
    share = CASES // CHILDREN
    with ThreadPoolExecutor(CHILDREN) as threads:
        parts = threads.map(
            lambda n: run(fuzzed, tmp_path / str(n), n * share, (n + 1) * share), range(CHILDREN)
        )
        found = [verdict for part in parts for verdict in part]
    counts = assert_nothing_wrong(fuzzed, found, n_cases=CASES)
    print(f"\n{CASES} spoilt bundles: {dict(counts)}")
