"""[gate] replay: a version goes live only if people would not click less."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexing.gate.clicks import broken_by_clicks
from indexing.job import build
from shortlist.engine.query import SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import EventStoreError, GateError
from shortlist.events.event import EventType
from shortlist.events.store import EventStore
from tests.catalogues import Films
from tests.event_stores import NOON, answer, event

Q = "robots in space"


@pytest.fixture
def clicked(sqlite_events: str, tiny_snapshot: Snapshot) -> str:
    """A store of 250 searches that show what the five films answer; the first is clicked."""
    lately = (datetime.now(UTC) - NOON).total_seconds()
    shown = tuple(str(one.item_id) for one in ask(tiny_snapshot, SearchQuery(q=Q)).results)
    store = EventStore.open(sqlite_events)
    names = [f"q{number}" for number in range(250)]
    store.log_answers([
        answer(name, after_s=lately, shown=shown, text=Q, request=f'{{"q":"{Q}"}}')
        for name in names
    ])  # fmt: skip
    store.append([
        event(f"c-{name}", type=EventType.CLICK, item_id=shown[0], query_id=name) for name in names
    ])  # fmt: skip
    store.close()
    return sqlite_events


def by_weights(snapshot: Snapshot, **weights: float) -> Snapshot:
    """The snapshot as if its default profile weighed so."""
    manifest = snapshot.bundle.manifest
    profile = manifest.profiles[manifest.default_profile].model_copy(update={"weights": weights})
    profiles = {**manifest.profiles, manifest.default_profile: profile}
    bundle = replace(snapshot.bundle, manifest=manifest.model_copy(update={"profiles": profiles}))
    return replace(snapshot, bundle=bundle)


def test_a_version_that_answers_alike_is_clicked_alike(
    tiny_snapshot: Snapshot, clicked: str
) -> None:
    assert broken_by_clicks(tiny_snapshot, tiny_snapshot, 1.0, clicked) is None
    said = broken_by_clicks(tiny_snapshot, tiny_snapshot, 1.1, clicked)
    assert said == (
        "clicks would be 1.00 times the live version's, at least 1.00 (at least 1.10 asked for),"
        " 0% of the looks on what was never shown"
    )


def test_a_version_that_puts_what_is_clicked_last_is_refused(
    tiny_snapshot: Snapshot, clicked: str
) -> None:
    first = ask(tiny_snapshot, SearchQuery(q=Q)).results[0]
    worse = by_weights(tiny_snapshot, rating_percentile=1.0)
    rank = [one.item_id for one in ask(worse, SearchQuery(q=Q)).results].index(first.item_id) + 1
    assert rank > 1
    said = broken_by_clicks(tiny_snapshot, worse, 0.9, clicked)
    assert said is not None
    assert said.startswith(f"clicks would be {1 / rank:.2f} times the live version's")


def test_too_few_clicks_judge_nothing_and_that_is_logged(
    tiny_snapshot: Snapshot, sqlite_events: str, caplog: pytest.LogCaptureFixture
) -> None:
    EventStore.open(sqlite_events).close()
    with caplog.at_level(logging.WARNING):
        assert broken_by_clicks(tiny_snapshot, tiny_snapshot, 5.0, sqlite_events) is None
    assert "not judged, 0 clicks on searches whose texts were kept are too few" in caplog.text


def test_without_a_store_nothing_is_published(
    films: Films, tmp_path: Path, tiny_snapshot: Snapshot
) -> None:
    catalog = films(("[document]", "[gate]\nreplay = 0.9\n[document]"))
    build(catalog, tmp_path / "artifacts")  # nothing is live that it could be compared with
    catalog.write_text(f"{catalog.read_text()}[recency]\nattribute = 'year'\n")
    with pytest.raises(GateError, match=r"\[gate\] replay .* name it with --events"):
        build(catalog, tmp_path / "artifacts")
    with pytest.raises(EventStoreError):
        broken_by_clicks(tiny_snapshot, tiny_snapshot, 0.9, f"sqlite:///{tmp_path}/none.db")
