"""`shortlist experiment` and `shortlist replay` over a real store and published versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexing.comparing.experiment import findings, report
from shortlist.bundle.experiment import Experiment
from shortlist.bundle.store import ArtifactStore
from shortlist.command import main
from shortlist.events.event import EventType
from shortlist.events.store import EventStore
from tests.event_stores import NOON, answer, event
from tests.indexing.comparing.test_outcomes import clicks
from tests.publishing import Publisher

DRAFTED = Experiment(name="words", control="standard", candidate="notebook")
SPLIT = DRAFTED.model_copy(update={"kind": "split"})


@pytest.fixture
def store(sqlite_events: str) -> Iterator[EventStore]:
    opened = EventStore.open(sqlite_events)
    yield opened
    opened.close()


def lately() -> float:
    """Seconds from the noon of these answers to now: guards look at the last day."""
    return (datetime.now(UTC) - NOON).total_seconds()


def fill(store: EventStore, *, wins: int, losses: int) -> None:
    """Lists of as many people, 9 of the candidate's team clicked in those that are won, else 7."""
    for number in range(wins + losses):
        query_id = f"q{number}"
        made = answer(
            query_id, after_s=lately(), user=f"u{number}", experiment="words",
            profile="standard", teams="A-B",
        )  # fmt: skip
        store.log_answers([made])
        store.append(list(clicks(query_id, "9" if number < wins else "7")))


def published(publisher: Publisher, experiment: Experiment | None) -> Path:
    plain = None if experiment is None else experiment.model_dump(mode="json")
    publisher.publish(lambda manifest: manifest.update(experiment=plain))
    return publisher.root


def ran(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_wins_are_told_with_the_interval_and_what_they_show(store: EventStore) -> None:
    fill(store, wins=140, losses=60)
    told = report(findings(store, DRAFTED))
    assert "words: notebook against standard, interleaved, 50% of the people" in told
    assert "200 drafted from both, 200 with a click" in told
    assert "candidate won 140, lost 60, tied 0" in told
    assert "0.700 of the decided lists are won" in told
    assert "people prefer notebook, the candidate" in told
    assert "without it  no searches (a day at most)" in told
    assert "with it     200 searches: 0.00% failed, 0.00% without a result, 99 % within" in told


def test_too_little_is_said_plainly(store: EventStore) -> None:
    told = report(findings(store, DRAFTED))
    assert "not enough has been seen to say anything; 0 lists are decided" in told
    fill(store, wins=3, losses=0)
    told = report(findings(store, DRAFTED))
    assert "not enough has been seen to say anything; 3 lists are decided" in told


def test_a_split_tells_both_shares(store: EventStore) -> None:
    for number in range(6):
        variant = "candidate" if number % 2 else "control"
        made = answer(f"q{number}", experiment="words", variant=variant, user=f"u{number}")
        store.log_answers([made])
        store.append(list(clicks(f"q{number}", "9")) if number in {1, 3, 2} else [])
    told = report(findings(store, SPLIT))
    assert "control     3 searches of 3 people, a click on 33.3%" in told
    assert "candidate   3 searches of 3 people, a click on 66.7%" in told
    assert "not enough has been seen" in told


def test_the_command_prints_json_and_ends_an_experiment(
    publisher: Publisher, store: EventStore, sqlite_events: str
) -> None:
    artifacts = str(published(publisher, DRAFTED))
    fill(store, wins=140, losses=60)
    arguments = ("experiment", "--artifacts", artifacts, "--events", sqlite_events)
    found = json.loads(ran(*arguments, "--json"))
    assert (found["verdict"], found["stopped"], found["rates"]) == ("candidate", None, None)
    assert (found["wins"]["wins"], found["wins"]["losses"]) == (140, 60)
    assert found["experiment"]["candidate"] == "notebook"
    assert found["guards"]["candidate"]["answered"] == 200
    told = ran(*arguments, "--stop", "decided")
    assert told.splitlines()[-1].endswith("UTC: decided")
    stopped = store.stopped("words")
    assert stopped is not None
    assert stopped.reason == "decided"


def test_a_version_without_an_experiment_says_what_to_do(
    publisher: Publisher, store: EventStore, sqlite_events: str
) -> None:
    artifacts = str(published(publisher, None))
    result = CliRunner().invoke(
        main, ["experiment", "--artifacts", artifacts, "--events", sqlite_events]
    )
    assert result.exit_code == 1
    assert "the live version has no experiment; write [experiment] and build" in result.output


def test_a_store_that_is_not_there_is_an_error_in_one_line(
    publisher: Publisher, tmp_path: Path
) -> None:
    artifacts = str(published(publisher, DRAFTED))
    url = f"sqlite:///{tmp_path}/none.db"
    result = CliRunner().invoke(main, ["experiment", "--artifacts", artifacts, "--events", url])
    assert result.exit_code == 1
    assert result.output.startswith("error: ")


def test_a_replay_judges_a_version_by_what_was_clicked(
    publisher: Publisher, store: EventStore, sqlite_events: str
) -> None:
    old = publisher.publish()
    new = publisher.publish(
        lambda manifest: manifest["profiles"]["standard"].update(weights={"similarity": 1.0})
    )
    publisher.point_at(old)
    for number in range(30):
        query_id = f"q{number}"
        own = {"text": "space", "request": '{"q":"space"}', "shown": ("4", "1")}
        store.log_answers([answer(query_id, after_s=lately(), **own)])
        store.append([event(query_id, item_id="1", query_id=query_id, type=EventType.CLICK)])
    arguments = ("replay", "--artifacts", str(publisher.root), "--events", sqlite_events)
    found = json.loads(ran(*arguments, "--version", new, "--json"))
    assert (found["version"], found["live_version"]) == (new, old)
    assert (found["searches"], found["requests"], found["logged_clicks"]) == (30, 1, 30)
    assert found["examination"]["is_assumed"]
    assert not found["says_enough"]
    assert 0 < found["unknown"] < 1  # three of the five films were never shown
    told = ran(*arguments, "--version", new)
    assert "30, 1 different ones, with 30 clicks; 0 cannot be answered any more" in told
    assert "counted as never clicked" in told
    assert "not enough: at least 200 clicks" in told
    assert ArtifactStore(publisher.root).live_folder().name == old
