"""Candidates of other lanes, no good match, and bundles that lack a section."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.sections import Sections
from shortlist.engine import beside, other_lanes
from shortlist.engine.lanes.words import find_words
from shortlist.engine.query import Query, SearchQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

WEIGHTS = {"similarity": 1.0, "popularity": 0.0, "title_match": 1.0, "rating_volume": 0.5}
ASKED = SearchQuery(q="jurasic park", n_candidates=5, n_popular=20, k=5, weights=WEIGHTS)


def changed(query: Query, **values: object) -> Any:
    """The same query but for these values."""
    return query.model_copy(update=values)


@pytest.fixture
def notebook(sample_snapshot: Snapshot) -> SearchQuery:
    return SearchQuery(q="space travel", profile="notebook", k=50)


def test_a_title_only_candidate_has_no_retrieval_rank_and_its_true_similarity(
    sample_snapshot: Snapshot,
) -> None:
    query = changed(ASKED, q="ninotchk", n_candidates=1, k=1, n_popular=0, profile="notebook")
    (result,) = ask(sample_snapshot, query).results
    assert result.title == "Ninotchka (1939)"
    assert "title" in result.lanes
    bundle = sample_snapshot.bundle
    row = bundle.ids.row_of(result.item_id)
    cosine = float(bundle.vectors[row] @ sample_snapshot.encoder.encode("ninotchk"))
    assert result.retrieval_score == pytest.approx(cosine, abs=1e-6)
    assert (result.retrieval_rank is None) == ("semantic" not in result.lanes)


def test_popular_items_are_candidates_for_every_query(sample_snapshot: Snapshot) -> None:
    weights = {"similarity": 0.0, "popularity": 0.0, "rating_volume": 1.0}
    query = SearchQuery(
        q="zzz", n_candidates=5, n_popular=3, k=3, weights=weights, profile="notebook"
    )
    results = ask(sample_snapshot, query).results
    features = sample_snapshot.bundle.sections.features
    assert features is not None
    expected = [sample_snapshot.bundle.ids.id_of(int(row)) for row in features.popular[:3]]
    assert {result.item_id for result in results} == set(expected)
    assert all("popular" in result.lanes for result in results)


def test_the_notebook_profile_asks_no_other_lane(
    sample_snapshot: Snapshot, notebook: SearchQuery
) -> None:
    results = ask(sample_snapshot, notebook).results
    assert all(result.lanes == ["semantic"] for result in results)


class Slow:
    """An encoder that begins when something else is done."""

    def __init__(self, snapshot: Snapshot, after: threading.Event) -> None:
        self._encoder, self._after = snapshot.encoder, after
        self.hits = self.misses = self.encoded = 0

    def encode(self, text: str) -> Vectors:
        assert self._after.wait(30)
        self.encoded += 1
        return self._encoder.encode(text)

    def encode_in_parts(self, texts: Sequence[str]) -> Iterator[dict[str, Vectors]]:
        return self._encoder.encode_in_parts(texts)


def test_of_many_items_the_other_lanes_are_asked_while_the_text_is_encoded(
    sample_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def found(*given: Any) -> RowArray:
        asked.set()
        return find_words(*given)

    monkeypatch.setattr(other_lanes, "find_words", found)
    monkeypatch.setattr(beside, "MANY_ITEMS", 1)
    slow = Slow(sample_snapshot, asked)
    large = replace(sample_snapshot, encoder=slow)
    query = SearchQuery(q="jurassic park", profile="tuned")
    answer = ask(large, query)
    assert slow.encoded == 1
    monkeypatch.undo()
    assert answer.results == ask(sample_snapshot, query).results


def test_what_a_plan_refuses_is_not_encoded(sample_snapshot: Snapshot) -> None:
    slow = Slow(sample_snapshot, threading.Event())
    with pytest.raises(InvalidParameter, match="n_candidates"):
        ask(replace(sample_snapshot, encoder=slow), changed(ASKED, k=6))
    assert not slow.encoded


def test_blocked_items_come_from_no_lane(sample_snapshot: Snapshot) -> None:
    best = ask(sample_snapshot, changed(ASKED, profile="notebook")).results[0]
    row = sample_snapshot.bundle.ids.row_of(best.item_id)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    results = ask(blocked, changed(ASKED, profile="notebook")).results
    assert best.item_id not in [result.item_id for result in results]
    assert len(results) == 5


def test_components_add_up_over_all_features(sample_snapshot: Snapshot) -> None:
    for text in ("toy story", "a heist", "the matirx"):
        for result in ask(sample_snapshot, SearchQuery(q=text, profile="tuned", k=20)).results:
            total = sum(one["value"] * one["weight"] for one in result.components)
            assert result.score == pytest.approx(total, abs=1e-12)
            assert all(0 <= one["value"] <= 1 for one in result.components[1:])


def test_a_query_about_other_things_is_told_and_a_title_never_is(sample_snapshot: Snapshot) -> None:
    def poor(text: str) -> bool | None:
        return ask(sample_snapshot, SearchQuery(q=text)).no_good_match

    assert poor("regular expression to validate a postcode") is True
    assert poor("space travel") is False
    assert poor("ninotchka") is False


def test_how_unusual_the_best_match_is_is_counted_in_deviations(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="space travel", profile="similarity"))
    calibration = sample_snapshot.bundle.sections.calibration
    assert calibration is not None
    assert answer.best_match is not None
    assert answer.best_match["similarity"] == answer.results[0].retrieval_score
    expected = (answer.results[0].retrieval_score - calibration.mean) / calibration.deviation
    assert answer.best_match["unusualness"] == pytest.approx(expected, abs=1e-3)


@pytest.fixture
def bare(sample_snapshot: Snapshot) -> Snapshot:
    """The sample as if it had been built without any section."""
    return replace(sample_snapshot, bundle=replace(sample_snapshot.bundle, sections=Sections()))


@pytest.mark.parametrize("feature", ["title_match", "rating_volume", "recency"])
def test_a_feature_that_the_bundle_lacks_is_unavailable(bare: Snapshot, feature: str) -> None:
    with pytest.raises(FeatureUnavailable, match=f"{feature}: "):
        ask(bare, SearchQuery(q="a", weights={feature: 1.0}))


def test_a_bundle_without_sections_still_answers(bare: Snapshot, notebook: SearchQuery) -> None:
    answer = ask(bare, notebook)
    assert len(answer.results) == 50
    assert (answer.best_match, answer.no_good_match) == (None, None)


def test_over_http_an_unavailable_feature_is_a_conflict(
    client_of: Callable[[Path], FlaskClient], old_artifacts: Path
) -> None:
    client = client_of(old_artifacts)
    assert client.get("/v1/search?q=robots").status_code == 200
    for path in ("/v1/search?q=a&w_title_match=1", "/v1/suggest?q=rob"):
        response = client.get(path)
        assert response.status_code == 409
        assert response.get_json()["type"] == "urn:shortlist:problem:feature_unavailable"


def test_a_bundle_of_every_published_format_loads(repository: Path) -> None:
    folders = sorted((repository / "tests/bundles").glob("format-*/*/manifest.json"))
    assert [path.parent.parent.name for path in folders] == [f"format-{n}" for n in range(1, 8)]
    for path in folders:
        snapshot = load_snapshot(path.parent, LoadOptions())
        answer = ask(snapshot, SearchQuery(q="robot", k=3))
        ids = {str(one.item_id) for one in answer.results}
        assert ids in ({"1", "2", "3"}, {"10", "20", "30"})  # as the films were numbered then


@pytest.fixture
def old_artifacts(repository: Path, tmp_path: Path) -> Path:
    """An artifacts folder with the bundle of format 1 live."""
    (source,) = (repository / "tests/bundles/format-1").iterdir()
    shutil.copytree(source, tmp_path / "old" / source.name)
    (tmp_path / "old/CURRENT").write_text(f"{source.name}\n")
    return tmp_path / "old"
