"""Search: retrieve, rank and describe, on the bundled sample and on five films."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexing.job import build
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.answer import Result
from shortlist.engine.query import SearchQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.search import ask
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

QUERIES = ["space travel", "a heist that goes wrong", "七人の侍", "x", "haunted house " * 60]

# The five films: item 1 has ratings 5.0, 4.0, 4.5; item 2 has 2.0; item 3 has 3.5.
C = (4.5 + 2.0 + 3.5) / 3
M = 2.6  # the 0.9 quantile of the counts 1, 1, 3: 1 + 0.8 * (3 - 1)
POPULARITY = {
    1: (3 * 4.5 + M * C) / (3 + M) / 5,
    2: (1 * 2.0 + M * C) / (1 + M) / 5,
    3: (1 * 3.5 + M * C) / (1 + M) / 5,
    4: C / 5,
    5: C / 5,
}


def refused(snapshot: Snapshot, **values: object) -> dict[str, str]:
    with pytest.raises(InvalidParameter) as caught:
        ask(snapshot, read_query(SearchQuery, values))
    return dict(caught.value.fields)


def ids(results: list[Result]) -> list[int | str]:
    return [result.item_id for result in results]


@pytest.mark.parametrize("text", QUERIES)
def test_answers_are_those_of_a_plain_implementation(sample_snapshot: Snapshot, text: str) -> None:
    bundle = sample_snapshot.bundle
    popularity = bundle.items.popularity
    assert popularity is not None
    cosines = np.asarray(bundle.vectors, np.float64) @ sample_snapshot.encoder.encode(text)
    candidates = np.argsort(-cosines, kind="stable")[:50]
    final = 0.7 * cosines[candidates] + 0.3 * popularity.popularity_score[candidates]
    order = np.argsort(-final, kind="stable")[:10]
    results = ask(sample_snapshot, SearchQuery(q=text)).results
    assert ids(results) == [bundle.ids.id_of(row) for row in candidates[order].tolist()]
    assert [result.score for result in results] == pytest.approx(final[order].tolist(), abs=1e-6)
    assert [result.retrieval_rank for result in results] == (order + 1).tolist()


@pytest.mark.parametrize("text", QUERIES)
def test_a_score_is_the_sum_of_its_components(sample_snapshot: Snapshot, text: str) -> None:
    for result in ask(sample_snapshot, SearchQuery(q=text, k=50)).results:
        similarity, popularity = result.components
        assert (similarity["feature"], similarity["weight"]) == ("similarity", 0.7)
        assert (popularity["feature"], popularity["weight"]) == ("popularity", 0.3)
        assert similarity["value"] == result.retrieval_score
        assert popularity["value"] == result.popularity_score
        for component in result.components:
            assert component["contribution"] == component["value"] * component["weight"]
        total = math.fsum(component["contribution"] for component in result.components)
        assert abs(result.score - total) <= 1e-12


def test_the_order_does_not_depend_on_k(sample_snapshot: Snapshot) -> None:
    whole = ask(sample_snapshot, SearchQuery(q="space travel", k=50)).results
    for k in range(1, 51):
        assert ask(sample_snapshot, SearchQuery(q="space travel", k=k)).results == whole[:k]


def test_scores_never_rise_and_ranks_count_from_one(sample_snapshot: Snapshot) -> None:
    results = ask(sample_snapshot, SearchQuery(q="courtroom drama", k=50)).results
    assert [result.rank for result in results] == list(range(1, 51))
    scores = [result.score for result in results]
    assert scores == sorted(scores, reverse=True)
    assert sorted(result.retrieval_rank for result in results) == list(range(1, 51))


def test_similarity_alone_keeps_the_retrieval_order(sample_snapshot: Snapshot) -> None:
    weights = {"similarity": 1.0, "popularity": 0.0}
    results = ask(sample_snapshot, SearchQuery(q="mafia", k=50, weights=weights)).results
    assert [result.retrieval_rank for result in results] == list(range(1, 51))
    assert all(result.score == result.retrieval_score for result in results)


def test_popularity_alone_orders_the_candidates_by_it_and_ties_by_retrieval(
    sample_snapshot: Snapshot,
) -> None:
    weights = {"similarity": 0.0, "popularity": 1.0}
    asked = SearchQuery(q="mafia", k=50, weights=weights)
    results = ask(sample_snapshot, asked).results
    usual = ask(sample_snapshot, asked.model_copy(update={"weights": {}})).results
    by_hand = sorted(usual, key=lambda item: (-(item.popularity_score or 0), item.retrieval_rank))
    assert ids(results) == ids(by_hand)
    assert all(result.score == result.popularity_score for result in results)


def test_one_replaced_weight_leaves_the_profiles_other_weight(sample_snapshot: Snapshot) -> None:
    (result,) = ask(sample_snapshot, SearchQuery(q="a", k=1, weights={"popularity": 2})).results
    assert [(one["feature"], one["weight"]) for one in result.components] == [
        ("similarity", 0.7),
        ("popularity", 2.0),
    ]


def test_a_profile_brings_its_own_features(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="space travel", profile="similarity"))
    assert answer.profile == "similarity"
    for place, result in enumerate(answer.results, 1):
        assert [one["feature"] for one in result.components] == ["similarity"]
        assert result.retrieval_rank == place


def test_more_candidates_let_a_popular_item_from_further_down_rise(
    sample_snapshot: Snapshot,
) -> None:
    weights = {"similarity": 0.0, "popularity": 1.0}
    best = [
        ask(sample_snapshot, SearchQuery(q="war", k=1, n_candidates=n, weights=weights)).results[0]
        for n in (1, 10, 100, 1000)
    ]
    scores = [result.score for result in best]
    assert scores == sorted(scores)
    assert best[0].retrieval_rank == 1
    popularity = sample_snapshot.bundle.items.popularity
    assert popularity is not None
    assert scores[0] < scores[-1] <= popularity.popularity_score.max()


def test_composed_and_combining_accents_get_the_same_answer(sample_snapshot: Snapshot) -> None:
    composed = ask(sample_snapshot, SearchQuery(q="Am\u00e9lie caf\u00e9", k=50))
    combining = ask(sample_snapshot, SearchQuery(q="Ame\u0301lie cafe\u0301", k=50))
    assert composed.results == combining.results
    assert combining.query == "Ame\u0301lie cafe\u0301"


def test_the_answer_tells_what_it_was_chosen_with(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="space", k=3, n_candidates=7))
    assert (answer.query, answer.profile, answer.k, answer.n_candidates) == (
        "space", "notebook", 3, 7
    )  # fmt: skip
    assert answer.index_version == sample_snapshot.version
    assert answer.exact
    assert 0 < answer.took_ms < 10_000


def test_a_catalogue_smaller_than_n_candidates_is_answered_whole(tiny_snapshot: Snapshot) -> None:
    answer = ask(tiny_snapshot, SearchQuery(q="robots", k=10))
    assert (answer.k, answer.n_candidates) == (10, 50)
    assert sorted(result.item_id for result in answer.results) == [1, 2, 3, 4, 5]


def test_popularity_and_what_is_shown_of_an_item_follow_from_the_catalogue(
    tiny_snapshot: Snapshot,
) -> None:
    results = ask(tiny_snapshot, SearchQuery(q="aliens")).results
    by_id = {int(result.item_id): result for result in results}
    for item_id, popularity in POPULARITY.items():
        assert by_id[item_id].popularity_score == pytest.approx(popularity, abs=1e-12)
    shown = {
        item_id: (item.title, item.categories, item.attributes, item.rating_count, item.mean_rating)
        for item_id, item in by_id.items()
    }
    assert shown == {
        1: ("Star Voyage (1999)", ["Adventure", "Sci-Fi"], {"year": 1999}, 3, 4.5),
        2: ("Kitchen, The (2005)", ["Comedy"], {"year": 2005}, 1, 2.0),
        3: ("Deep Love (1987)", ["Drama", "Romance"], {"year": 1987}, 1, 3.5),
        4: ("Robot Dawn (2020)", ["Sci-Fi"], {"year": 2020}, 0, None),
        5: ("Silent Farm", [], {"year": None}, 0, None),
    }


@pytest.mark.parametrize(("text", "order"), [("silent farm", [5, 4]), ("robots at dawn", [4, 5])])
def test_items_of_equal_score_keep_the_retrieval_order(
    tiny_snapshot: Snapshot, text: str, order: list[int]
) -> None:
    """Both cold items have exactly the popularity C / 5."""
    weights = {"similarity": 0.0, "popularity": 1.0}
    query = SearchQuery(q=text, profile="notebook", weights=weights)
    results = ask(tiny_snapshot, query).results
    cold = [result for result in results if result.rating_count == 0]
    assert ids(cold) == order
    assert cold[0].score == cold[1].score == pytest.approx(C / 5, abs=1e-12)
    assert cold[0].retrieval_rank < cold[1].retrieval_rank


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000\u2003"])
def test_a_blank_query_is_refused(tiny_snapshot: Snapshot, text: str) -> None:
    message = "expected a text, found none or only blanks"
    assert refused(tiny_snapshot, q=text) == {"q": message}


def test_1000_characters_are_answered_and_one_more_is_refused(tiny_snapshot: Snapshot) -> None:
    assert len(ask(tiny_snapshot, SearchQuery(q="é" * 1000)).results) == 5
    message = "expected at most 1000 characters, found 1001"
    assert refused(tiny_snapshot, q="é" * 1001) == {"q": message}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"k": 0}, {"k": "expected at least 1, found 0"}),
        ({"k": -1}, {"k": "expected at least 1, found -1"}),
        ({"k": 51}, {"k": "expected 1 to n_candidates (50), found 51"}),
        ({"k": 6, "n_candidates": 5}, {"k": "expected 1 to n_candidates (5), found 6"}),
        ({"n_candidates": 0}, {"n_candidates": "expected at least 1, found 0"}),
        ({"n_candidates": 1001}, {"n_candidates": "expected at most 1000, found 1001"}),
        (
            {"profile": "best"},
            {
                "profile": "expected one of: notebook, related, standard, steered, taste;"
                " found 'best'"
            },
        ),
        (
            {"profile": ""},
            {"profile": "expected one of: notebook, related, standard, steered, taste; found ''"},
        ),
    ],
)
def test_what_is_out_of_its_range_is_refused(
    tiny_snapshot: Snapshot, values: dict[str, object], expected: dict[str, str]
) -> None:
    assert refused(tiny_snapshot, q="a", **values) == expected


def test_the_limits_themselves_are_allowed(tiny_snapshot: Snapshot) -> None:
    for k, n_candidates in ((1, 1), (1000, 1000), (50, None)):
        results = ask(tiny_snapshot, SearchQuery(q="a", k=k, n_candidates=n_candidates)).results
        assert len(results) == min(k, 5)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf, -0.1, 10.1])
def test_a_weight_is_a_number_from_0_to_10(tiny_snapshot: Snapshot, weight: float) -> None:
    (told,) = refused(tiny_snapshot, q="a", weights={"popularity": weight}).items()
    wanted = "a finite number" if not math.isfinite(weight) else "at (least 0|most 10)"
    assert told[0] == "weights.popularity"
    assert re.fullmatch(f"expected {wanted}, found {weight}", told[1])


def test_weights_that_are_all_0_are_refused(tiny_snapshot: Snapshot) -> None:
    message = (
        "expected a weight above 0 for at least one of: similarity, words, coverage, labels,"
        " popularity, expected_popularity, rating_volume, rating_percentile, title_match,"
        " title_prefix"
    )
    found = refused(
        tiny_snapshot, q="a", profile="notebook", weights={"similarity": 0, "popularity": 0}
    )
    assert found == {"weights.similarity": message}


def test_the_notebooks_profile_ranks_a_catalogue_without_ratings_by_similarity(
    write_catalog: Callable[..., Path], minilm_export: Path, tmp_path: Path
) -> None:
    catalog = write_catalog()
    text = catalog.read_text()
    begin, end = text.index("[ratings]"), text.index("[document]")
    catalog.write_text(text[:begin] + text[end:])
    build(catalog, tmp_path / "artifacts", precision=Precision.F32)
    folder = ArtifactStore(tmp_path / "artifacts").live_folder()
    snapshot = load_snapshot(folder, LoadOptions(precision=Precision.F32))
    results = ask(snapshot, SearchQuery(q="robots", profile="notebook")).results
    assert results[0].item_id == 4
    assert [result.retrieval_rank for result in results] == [1, 2, 3, 4, 5]
    for result in results:
        assert (result.popularity_score, result.rating_count, result.mean_rating) == (None,) * 3
        (component,) = result.components
        assert (component["feature"], component["weight"]) == ("similarity", 0.7)
        assert result.score == component["contribution"] == 0.7 * result.retrieval_score
    with pytest.raises(FeatureUnavailable, match="popularity: this catalogue has no ratings"):
        ask(snapshot, SearchQuery(q="a", weights={"popularity": 1}))
    unweighted = ask(snapshot, SearchQuery(q="robots", weights={"popularity": 0})).results
    assert ids(unweighted) == ids(results), "a weight of 0 asks for nothing"
