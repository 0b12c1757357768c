"""The commands that change what is live."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from indexing.options import artifacts_option, sign_option

if TYPE_CHECKING:
    from indexing.changing.publisher import ChangeReport
    from shortlist.bundle.store import ArtifactStore


@click.command()
@click.argument("changes", type=click.Path(path_type=Path, dir_okay=False))
@artifacts_option
@click.option("--skip-bad", is_flag=True, help="Leave out changes that are wrong.")
@click.option("--force", is_flag=True, help="Publish past the limit of items lost.")
@sign_option
def apply(
    changes: Path, artifacts: ArtifactStore, skip_bad: bool, force: bool, sign: Path | None
) -> None:
    """Publish the changes in CHANGES, a file of JSON lines, over the live version."""
    from indexing.changing.file import apply_file

    report = apply_file(artifacts, changes, skip_bad=skip_bad, force=force, signing_key=sign)
    _tell(report)


@click.command()
@artifacts_option
@sign_option
def compact(artifacts: ArtifactStore, sign: Path | None) -> None:
    """Join the segments of the live version where that is due."""
    from indexing.changing.publisher import compact as run_compact

    _tell(run_compact(artifacts, signing_key=sign))


@click.command()
@artifacts_option
@click.option(
    "--every",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0.05, max=3600),
    help="Seconds between looks at the log.",
)
@sign_option
def follow(artifacts: ArtifactStore, every: float, sign: Path | None) -> None:
    """Publish the changes that a service takes, as they come, until interrupted."""
    from indexing.changing.follower import Follower
    from indexing.changing.publisher import Publisher
    from shortlist.bundle.location import NO_CHANGES
    from shortlist.errors import StoreError

    if artifacts.is_remote:
        raise StoreError(f"{artifacts.name}: {NO_CHANGES}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Follower(artifacts, Publisher(artifacts, signing_key=sign)).follow(stop, every_s=every)


def _tell(report: ChangeReport) -> None:
    left_out = f", {len(report.left_out)} left out" if report.left_out else ""
    if not report.published:
        click.echo(f"nothing to change{left_out}: {report.version} stays live")
        return
    encoded = 0 if report.counts is None else report.counts.encoded
    click.echo(
        f"published {report.version}: {report.n_changes} changes{left_out}, {report.n_items} items,"
        f" {encoded} encoded"
    )
