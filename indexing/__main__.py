"""python -m indexing: the offline job's command line."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexing.changing.commands import apply, compact, follow
from indexing.comparing.commands import experiment, replay
from indexing.options import artifacts_option, events_option, json_option, sign_option
from shortlist.command import Commands
from shortlist.encoder.machine import OF_DOCUMENTS, Precision

if TYPE_CHECKING:
    from shortlist.bundle.store import ArtifactStore


_output = click.option(
    "--output",
    default=Path("benchmarks/results"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the tables, JSON files and charts.",
)
_catalog = click.option(
    "--catalog",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The catalog.toml that describes the catalogue.",
)


@click.group(cls=Commands)
def main() -> None:
    """Turn a catalogue into a published bundle, and look after what is published."""


@main.command()
@_catalog
@artifacts_option
@click.option(
    "--precision",
    type=click.Choice([precision.value for precision in OF_DOCUMENTS]),
    help="Number format of the encoder; by default the one that catalog.toml names.",
)
@click.option(
    "--reuse/--no-reuse",
    default=True,
    show_default=True,
    help="Take over the vectors of documents that have not changed.",
)
@click.option("--force", is_flag=True, help="Publish past the gate's limits; the journal says so.")
@click.option("--replace-catalog", is_flag=True, help="Publish over a catalogue of another name.")
@events_option(required=False)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Encode new documents on the workers of this Dask scheduler, such as tcp://host:8786.",
)
@sign_option
def build(
    catalog: Path,
    artifacts: ArtifactStore,
    precision: str | None,
    reuse: bool,
    force: bool,
    replace_catalog: bool,
    events: str,
    dask: str | None,
    sign: Path | None,
) -> None:
    """Read, embed, index, check and publish a catalogue."""
    from indexing.gate.diff import diff_report
    from indexing.job import build as run_build

    started = time.perf_counter()
    report = run_build(
        catalog,
        artifacts,
        precision=Precision(precision) if precision else None,
        reuse=reuse,
        force=force,
        replace_catalog=replace_catalog,
        signing_key=sign,
        events=events,
        dask=dask,
        on_step=_step_teller(),
    )
    counts = report.counts
    if not report.published:
        click.echo(f"nothing has changed: {report.version} stays live")
        return
    if report.gate.diff is not None:
        click.echo(diff_report(report.gate.diff))
    click.echo(
        f"published {report.version}: {report.manifest.counts.items} items"
        f" ({counts.encoded} encoded, {counts.reused} reused, {counts.repeated} repeated) in"
        f" {time.perf_counter() - started:.1f} s"
    )
    click.echo(f"next: shortlist serve --artifacts {shlex.quote(artifacts.name)}")


def _step_teller() -> Callable[[str], None]:
    """Prints each step of a build at its end with its seconds, but no part of a step."""
    last = time.perf_counter()

    def tell(step: str) -> None:
        nonlocal last
        if ":" not in step:
            now = time.perf_counter()
            click.echo(f"{now - last:6.1f} s  {step}", err=True)
            last = now

    return tell


for command in (apply, follow, compact, experiment, replay):
    main.add_command(command)


@main.command()
@artifacts_option
@json_option
@click.option("--live", is_flag=True, help="Print the name of the live version alone.")
def versions(artifacts: ArtifactStore, as_json: bool, live: bool) -> None:
    """List what is published, newest first, checksums verified."""
    if live:
        click.echo(artifacts.live_version())
        return
    from indexing.versions import list_versions, versions_table

    rows = list_versions(artifacts)
    click.echo(_json([asdict(row) for row in rows]) if as_json else versions_table(rows))


@main.command()
@click.argument("version", required=False)
@artifacts_option
@click.option(
    "--trusted-keys",
    default="",
    help="Public keys, or paths of their files, separated by commas: one must have signed it.",
)
def verify(version: str | None, artifacts: ArtifactStore, trusted_keys: str) -> None:
    """Check the live version, or VERSION: checksums, content, the encoder's stored vectors."""
    from indexing.versions import verify as run_verify

    keys = [key.strip() for key in trusted_keys.split(",") if key.strip()]
    click.echo(f"{run_verify(artifacts, version, trusted_keys=keys)} is sound")


@main.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def keygen(path: Path) -> None:
    """Make a key that signs versions: PATH, for `build --sign`, and PATH.pub, for who serves."""
    from shortlist.bundle.signing import make_key

    click.echo(f"written: {path}, readable by you alone, and {make_key(path)}")


@main.command()
@click.argument("version", required=False)
@artifacts_option
def rollback(version: str | None, artifacts: ArtifactStore) -> None:
    """Make VERSION live again, by default the one that was live before."""
    from indexing.versions import roll_back

    was, now = roll_back(artifacts, version)
    click.echo(f"rolled back from {was} to {now}")


@main.command()
@click.option(
    "--keep",
    default=5,
    show_default=True,
    type=click.IntRange(min=0),
    help="How many versions stay beside the live one: those that were live last.",
)
@artifacts_option
def prune(keep: int, artifacts: ArtifactStore) -> None:
    """Remove all but KEEP versions beside the live one; none that is in use."""
    from indexing.collecting.owned import drop_unused

    with artifacts.lock():
        artifacts.reconcile()
        removed = artifacts.prune(keep)
        drop_unused(artifacts)
    click.echo(f"removed {len(removed)}: {', '.join(removed) or 'nothing to remove'}")


@main.command()
@click.argument("before")
@click.argument("after")
@artifacts_option
@json_option
def diff(before: str, after: str, artifacts: ArtifactStore, as_json: bool) -> None:
    """Compare two versions: items, popularity, answers to probe queries."""
    from indexing.gate.diff import diff_report, diff_versions

    found = diff_versions(artifacts, before, after)
    whole = {**asdict(found), "share_lost": found.share_lost}
    click.echo(_json(whole) if as_json else diff_report(found))


@main.command()
@_catalog
@artifacts_option
@_output
@click.option(
    "--profile", default="tuned", show_default=True, help="Name of the profile for searches."
)
def tune(catalog: Path, artifacts: ArtifactStore, output: Path, profile: str) -> None:
    """Learn profiles from the live version; write into catalog.toml those that gain."""
    from indexing.measure import tune as tuner
    from indexing.measure.evaluate import open_subject
    from indexing.measure.verdict import as_markdown, write_tuning

    tuning = tuner.tune(open_subject(catalog, artifacts))
    paths = write_tuning(tuning, output)
    click.echo(as_markdown(tuning))
    click.echo(f"\nwritten: {', '.join(map(str, paths))}")
    learnt = {profile: tuning.search, **{one.compared_with: one for one in tuning.tastes}}
    for name, tuned in learnt.items():
        if tuned.significant:
            tuner.write_profile(catalog, name, tuned.profile)
            click.echo(f"{catalog}: has profile {name!r} now; build again to serve it")


@main.command()
@_catalog
@artifacts_option
@_output
def evaluate(catalog: Path, artifacts: ArtifactStore, output: Path) -> None:
    """Measure the live version's relevance with its own catalogue."""
    from indexing.measure import evaluate as measure
    from indexing.measure.report import as_markdown, write_report

    evaluation = measure.evaluate(measure.open_subject(catalog, artifacts))
    paths = write_report(evaluation, output)
    click.echo(as_markdown(evaluation))
    click.echo(f"\nwritten: {', '.join(map(str, paths))}")


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)


if __name__ == "__main__":
    main()
