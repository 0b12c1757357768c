"""The journey of one search: python -m benchmarks.journey --artifacts DIR [--root CHECKOUT].

Counts by `sys.setprofile` what one uncached GET /v1/search for three results passes through, the
process warm from another query:

- files: the project's source files that a call enters;
- moves: calls into another file than that of the project's function nearest up the stack;
- record types: the project's dataclasses, pydantic models and named tuples that are made meanwhile.

Writes benchmarks/results/journey.json; `--before` measures another checkout beside this one.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click

HERE = Path(__file__).resolve().parent
PACKAGES = ("shortlist", "indexing", "service")
WARM_UP = "/v1/search?q=a+robot+left+alone&k=3"
MEASURED = "/v1/search?q=space+travel&k=3"


@click.command()
@click.option("--artifacts", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--root", default=HERE.parent, type=click.Path(path_type=Path, exists=True))
@click.option("--before", type=click.Path(path_type=Path, exists=True), help="Another checkout.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone and write nothing.")
def main(artifacts: Path, root: Path, before: Path | None, as_json: bool) -> None:
    """Count, print a table, write benchmarks/results/journey.json."""
    if as_json:
        click.echo(json.dumps(journey(root.resolve(), artifacts.resolve())))
        return
    roots = {"before": before, "after": root} if before else {"after": root}
    counted = {name: _in_a_process(one, artifacts) for name, one in roots.items()}
    click.echo(_table(counted))
    text = json.dumps({"request": MEASURED, **counted}, indent=1)
    (HERE / "results" / "journey.json").write_text(f"{text}\n", encoding="utf-8")


def _in_a_process(root: Path, artifacts: Path) -> dict[str, Any]:
    """The journey through one checkout; its packages are called like this one's."""
    command = [sys.executable, "-m", "benchmarks.journey", "--json"]
    command += ["--artifacts", str(artifacts.resolve()), "--root", str(root.resolve())]
    done = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True)
    counted: dict[str, Any] = json.loads(done.stdout)
    return counted


def journey(root: Path, artifacts: Path) -> dict[str, Any]:
    """What one request passes through, in the packages below `root`."""
    sys.path.insert(0, str(root))
    from service.app import create_app
    from service.config import Settings

    app = create_app(Settings(artifacts=artifacts, poll_s=60))
    client = app.test_client()
    client.get(WARM_UP, buffered=True)
    witness = Witness(root)
    gc.collect()
    gc.disable()
    gc.freeze()
    sys.setprofile(witness)
    status = client.get(MEASURED, buffered=True).status_code
    sys.setprofile(None)
    app.extensions["reloader"].stop()
    assert status == 200, f"{MEASURED}: answered {status}"
    return witness.counted()


class Witness:
    """A profiler that notes each call into the project's files, and the records then alive.

    With the garbage collector frozen, what it lists was made since; so records count that
    pydantic's compiled code makes too.
    """

    def __init__(self, root: Path) -> None:
        self._folders = {name: f"{root / name}/" for name in PACKAGES if (root / name).is_dir()}
        self._root = root
        self._calls: Counter[str] = Counter()
        self._moves: Counter[tuple[str, str]] = Counter()
        self._records: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """What `sys.setprofile` calls."""
        entered = self._file_of(frame)
        if not entered or event not in {"call", "return"}:
            return
        self._records |= set(self._made())
        if event == "call":
            self._calls[entered] += 1
            caller = self._caller(frame)
            if caller and caller != entered:
                self._moves[caller, entered] += 1

    def counted(self) -> dict[str, Any]:
        """The numbers, and what they count by name."""
        return {
            "files": len(self._calls),
            "moves": sum(self._moves.values()),
            "record_types": len(self._records),
            "calls": sum(self._calls.values()),
            "records": sorted(self._records),
            "moves_between": {f"{a} > {b}": n for (a, b), n in sorted(self._moves.items())},
        }

    def _file_of(self, frame: FrameType) -> str:
        name = frame.f_code.co_filename
        own = name.startswith(tuple(self._folders.values()))
        return str(Path(name).relative_to(self._root)) if own else ""

    def _caller(self, frame: FrameType) -> str:
        """The file of the nearest function of the project up the stack; "" where there is none."""
        above = frame.f_back
        while above is not None and not self._file_of(above):
            above = above.f_back
        return self._file_of(above) if above else ""

    def _made(self) -> Iterator[str]:
        for made in gc.get_objects():
            kind = type(made)
            if kind.__module__.split(".")[0] in self._folders and _is_record(kind):
                yield f"{kind.__module__}.{kind.__qualname__}"


def _is_record(kind: type) -> bool:
    named_tuple = issubclass(kind, tuple) and hasattr(kind, "_fields")
    return is_dataclass(kind) or hasattr(kind, "model_fields") or named_tuple


def _table(counted: dict[str, dict[str, Any]]) -> str:
    rows = [f"{'':14}" + "".join(f"{name:>8}" for name in counted)]
    for number in ("files", "moves", "record_types"):
        values = "".join(f"{one[number]:>8}" for one in counted.values())
        rows.append(f"{number.replace('_', ' '):14}{values}")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
