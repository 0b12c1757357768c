"""The commands that compare by what people do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from pydantic import BaseModel

from indexing.options import artifacts_option, events_option, json_option

if TYPE_CHECKING:
    from shortlist.bundle.store import ArtifactStore


@click.command()
@artifacts_option
@events_option(required=True)
@click.option("--stop", metavar="REASON", help="End it for good: only the control is shown then.")
@json_option
def experiment(artifacts: ArtifactStore, events: str, stop: str | None, as_json: bool) -> None:
    """Tell what the live version's experiment has shown."""
    from indexing.comparing.experiment import findings, report
    from shortlist.bundle.reader import read_manifest
    from shortlist.errors import CatalogError
    from shortlist.events.store import EventStore

    found = read_manifest(artifacts.live_folder()).experiment
    if found is None:
        raise CatalogError("the live version has no experiment; write [experiment] and build")
    store = EventStore.open(events, writes=stop is not None)
    try:
        if stop is not None:
            store.stop_experiment(found.name, reason=stop)
        told = findings(store, found)
    finally:
        store.close()
    click.echo(_json(_plain(told)) if as_json else report(told))


@click.command()
@click.option("--version", required=True, help="The version to judge.")
@click.option("--against", help="The version to compare it with; the live one if not given.")
@artifacts_option
@events_option(required=True)
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="Of how many days searches are ranked again.",
)
@json_option
def replay(
    version: str,
    against: str | None,
    artifacts: ArtifactStore,
    events: str,
    days: int,
    as_json: bool,
) -> None:
    """Rank logged searches again with VERSION and estimate how often it would be clicked."""
    from indexing.comparing.logged import replay_report, replay_versions
    from shortlist.events.store import EventStore

    store = EventStore.open(events, writes=False)
    try:
        found = replay_versions(artifacts, store, version, against=against, days=days)
    finally:
        store.close()
    click.echo(_json(_of_replay(found)) if as_json else replay_report(found))


def _of_replay(found: Any) -> dict[str, Any]:
    plain = asdict(found)
    plain["examination"]["shares"] = found.examination.shares.tolist()
    return {**plain, "says_enough": found.says_enough}


def _plain(told: Any) -> dict[str, Any]:
    plain = {name: _value(one) for name, one in vars(told).items()}
    preference = told.preference
    return {**plain, "verdict": "too little" if preference is None else preference.verdict.value}


def _value(one: Any) -> Any:
    match one:
        case None:
            return None
        case BaseModel():
            return one.model_dump(mode="json")
        case tuple():  # when and why it was stopped
            at, reason = one
            return {"at": at.isoformat(), "reason": reason}
    return asdict(one)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
