"""Suggest: completions of a title that is being typed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flask.testing import FlaskClient

from shortlist.bundle.sections import Sections
from shortlist.engine.query import SuggestQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.suggest import suggest
from shortlist.errors import FeatureUnavailable, InvalidParameter


def titles(snapshot: Snapshot, text: str, k: int = 8) -> list[str]:
    return [one.title for one in suggest(snapshot, SuggestQuery(q=text, k=k)).suggestions]


def test_titles_that_begin_so_come_first_the_most_rated_before_others(
    sample_snapshot: Snapshot,
) -> None:
    answer = suggest(sample_snapshot, SuggestQuery(q="toy st"))
    assert answer.suggestions[0].title == "Toy Story (1995)"
    scores = [one.score for one in answer.suggestions]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_a_title_is_found_from_any_of_its_words(sample_snapshot: Snapshot) -> None:
    assert "Usual Suspects, The (1995)" in titles(sample_snapshot, "suspe")
    assert titles(sample_snapshot, "the usual s") == titles(sample_snapshot, "usual s")


def test_typing_mistakes_and_diacritics_are_tolerated(sample_snapshot: Snapshot) -> None:
    assert titles(sample_snapshot, "jurasic park")[0] == "Jurassic Park (1993)"
    assert titles(sample_snapshot, "la nuit americaine")[0].startswith("Day for Night")


@pytest.mark.parametrize("text", ["s", "the", "a", "!", "x" * 1000, "七人"])
def test_no_more_than_k_and_no_item_twice(sample_snapshot: Snapshot, text: str) -> None:
    for k in (1, 8, 50):
        answer = suggest(sample_snapshot, SuggestQuery(q=text, k=k))
        ids = [one.item_id for one in answer.suggestions]
        assert len(ids) == len(set(ids)) <= k


def test_fewer_are_the_beginning_of_more(sample_snapshot: Snapshot) -> None:
    assert titles(sample_snapshot, "star", 20)[:5] == titles(sample_snapshot, "star", 5)


def test_blocked_items_are_not_suggested(sample_snapshot: Snapshot) -> None:
    first = suggest(sample_snapshot, SuggestQuery(q="toy st")).suggestions[0]
    row = sample_snapshot.bundle.ids.row_of(first.item_id)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    assert first.title not in titles(blocked, "toy st")


@pytest.mark.parametrize("k", [0, 51, -1])
def test_k_is_1_to_50(k: int) -> None:
    with pytest.raises(InvalidParameter, match=f"k: expected at (least 1|most 50), found {k}"):
        read_query(SuggestQuery, {"q": "a", "k": k})


def test_a_bundle_without_titles_says_so(sample_snapshot: Snapshot) -> None:
    bundle = replace(sample_snapshot.bundle, sections=Sections())
    with pytest.raises(FeatureUnavailable, match="built without titles"):
        suggest(replace(sample_snapshot, bundle=bundle), SuggestQuery(q="a"))


def test_over_http_the_answer_is_json_and_errors_are_problems(sample_client: FlaskClient) -> None:
    body = sample_client.get("/v1/suggest?q=toy+st&k=1").get_json()
    assert list(body) == ["query", "index_version", "suggestions"]
    assert list(body["suggestions"][0]) == ["item_id", "title", "score"]
    for query, field in (
        ("", "q"),
        ("q=+", "q"),
        ("q=a&k=0", "k"),
        ("q=a&k=x", "k"),
        ("q=a&z=1", "z"),
    ):
        response = sample_client.get(f"/v1/suggest?{query}")
        assert response.status_code == 422
        assert [one["field"] for one in response.get_json()["errors"]] == [field]
