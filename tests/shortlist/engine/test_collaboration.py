"""Similar items and recommendations by what others like, and what happens where nobody does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from shortlist.engine.conditions import Categories, Filters
from shortlist.engine.query import Query, Rated, RecommendQuery, SearchQuery, SimilarQuery
from shortlist.engine.query_reading import read_query
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import FeatureUnavailable, InvalidParameter

ONLY_NEIGHBOURS = {"similarity": 0.0, "rating_volume": 0.0, "collaborative": 1.0}


def changed(query: Query, **values: object) -> Any:
    """The same query but for these values."""
    return query.model_copy(update=values)


def rated(ratings: Mapping[int | str, float]) -> tuple[Rated, ...]:
    """Liked items with their ratings."""
    return tuple(Rated(item_id=one, rating=rating) for one, rating in ratings.items())


@pytest.fixture(scope="session")
def liked(sample_snapshot: Snapshot) -> tuple[int | str, ...]:
    """The ids of three items that many rated."""
    features = sample_snapshot.bundle.sections.features
    assert features is not None
    return tuple(sample_snapshot.bundle.ids.id_of(int(row)) for row in features.popular[:3])


@pytest.fixture(scope="session")
def cold(sample_snapshot: Snapshot) -> int | str:
    """The id of an item that nobody likes."""
    neighbours = sample_snapshot.bundle.sections.neighbours
    assert neighbours is not None
    rows = np.arange(sample_snapshot.bundle.n_items)
    return sample_snapshot.bundle.ids.id_of(int(np.flatnonzero(~neighbours.knows(rows))[0]))


def expected_order(snapshot: Snapshot, weights: dict[int | str, float]) -> list[int | str]:
    """Ids by the plain sums of the collaborative weights, given ones left out."""
    neighbours = snapshot.bundle.sections.neighbours
    assert neighbours is not None
    lists = neighbours.collaborative
    sums = np.zeros(snapshot.bundle.n_items)
    for item_id, weight in weights.items():
        row = snapshot.bundle.ids.row_of(item_id)
        assert row is not None
        here = slice(lists.offsets[row], lists.offsets[row + 1])
        sums[lists.indices[here]] += weight * lists.weights[here].astype(float)
    for item_id in weights:
        sums[snapshot.bundle.ids.row_of(item_id)] = -np.inf
    best = np.argsort(-sums, kind="stable")
    return [snapshot.bundle.ids.id_of(int(row)) for row in best if sums[row] > 0]


def test_recommendations_are_in_the_order_of_the_summed_weights(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    query = RecommendQuery(liked=liked, k=10, weights=ONLY_NEIGHBOURS)
    found = [one.item_id for one in ask(sample_snapshot, query).results]
    assert found == expected_order(sample_snapshot, dict.fromkeys(liked, 1.0))[:10]


def learnt_with(snapshot: Snapshot, **rule: float) -> Snapshot:
    """The same snapshot as if its neighbours had been learnt by this rule, or had told none."""
    manifest = snapshot.bundle.manifest
    section = manifest.sections["neighbours"]
    params = {k: v for k, v in section.params.items() if k not in {"liked_from", "unliked"}}
    section = section.model_copy(update={"params": {**params, **rule}})
    sections = {**manifest.sections, "neighbours": section}
    manifest = manifest.model_copy(update={"sections": sections})
    return replace(snapshot, bundle=replace(snapshot.bundle, manifest=manifest))


@pytest.mark.parametrize("unliked", [0.0, 0.3, 1.0])
def test_a_rating_counts_as_ratings_did_when_neighbours_were_learnt(
    sample_snapshot: Snapshot, liked: tuple[int, ...], unliked: float
) -> None:
    ratings = {liked[0]: 5.0, liked[1]: 4.0, liked[2]: 0.5}
    snapshot = learnt_with(sample_snapshot, liked_from=4.0, unliked=unliked)
    query = RecommendQuery(liked=rated(ratings), k=10, weights=ONLY_NEIGHBOURS)
    found = [one.item_id for one in ask(snapshot, query).results]
    weights = dict(zip(liked, (1.0, 1.0, unliked), strict=True))
    assert found == expected_order(sample_snapshot, weights)[:10]
    plain = RecommendQuery(liked=liked[:2], k=10, weights=ONLY_NEIGHBOURS)
    sent = plain.model_copy(update={"liked": rated(dict.fromkeys(liked[:2], 4.0))})
    lists = [[one.item_id for one in ask(snapshot, each).results] for each in (plain, sent)]
    assert lists[0] == lists[1]


def test_in_a_bundle_that_does_not_say_a_rating_weighs_by_how_far_above_the_middle_it_is(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    sample_snapshot = learnt_with(sample_snapshot)
    # the scale is 0.5 to 5, its middle 2.75: 5 weighs 1, 2.75 nothing, 0.5 weighs -1
    ratings = {liked[0]: 5.0, liked[1]: 2.75, liked[2]: 0.5}
    query = RecommendQuery(liked=rated(ratings), k=10, weights=ONLY_NEIGHBOURS)
    weights = dict(zip(liked, (1.0, 0.0, -1.0), strict=True))
    found = [one.item_id for one in ask(sample_snapshot, query).results]
    assert found == expected_order(sample_snapshot, weights)[:10]


def test_a_disliked_item_counts_half_against(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    query = RecommendQuery(liked=liked[:2], disliked=liked[2:], k=10, weights=ONLY_NEIGHBOURS)
    weights = dict(zip(liked, (1.0, 1.0, -0.5), strict=True))
    found = [one.item_id for one in ask(sample_snapshot, query).results]
    assert found == expected_order(sample_snapshot, weights)[:10]


def test_ratings_weigh_in_the_texts_mean_too(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    bundle = sample_snapshot.bundle
    rows = [bundle.ids.row_of(item_id) for item_id in liked[:2]]
    ratings = {liked[0]: 5.0, liked[1]: 3.875}  # weights 1 and 0.5
    query = RecommendQuery(liked=rated(ratings), profile="similarity")
    wanted = (bundle.vectors[rows[0]] + 0.5 * bundle.vectors[rows[1]]) / 1.5
    cosines = bundle.vectors[:] @ (wanted / np.linalg.norm(wanted))
    cosines[rows] = -2
    best = bundle.ids.id_of(int(np.argmax(cosines)))
    assert ask(sample_snapshot, query).results[0].item_id == best


def test_what_text_cannot_find_is_retrieved_by_neighbours(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    answer = ask(sample_snapshot, SimilarQuery(item_id=liked[0], k=50))
    assert answer.profile == "related"
    assert answer.collaboration is not None
    assert (answer.collaboration.used, answer.collaboration.reason) == (True, None)
    near = [one for one in answer.results if "neighbours" in one.lanes]
    beyond = [one for one in near if "semantic" not in one.lanes]
    assert beyond
    for one in beyond:
        assert one.retrieval_rank is None
        values = {part["feature"]: part["value"] for part in one.components}
        assert values["co_liked"] > 0
        assert values["similarity"] == one.retrieval_score
    for one in answer.results:
        assert one.score == pytest.approx(sum(part["contribution"] for part in one.components))


def test_the_neighbours_lane_is_as_deep_as_asked(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    def n_near(n_neighbours: int) -> int:
        values = {"k": 200, "n_candidates": 200, "n_neighbours": n_neighbours}
        query = read_query(SimilarQuery, {"item_id": liked[0], **values})
        return sum("neighbours" in one.lanes for one in ask(sample_snapshot, query).results)

    assert [n_near(0), n_near(7)] == [0, 7]
    with pytest.raises(InvalidParameter, match="n_neighbours: expected at most 1000, found 1001"):
        n_near(1001)


def test_text_likes_dislikes_and_filters_join_in_one_call(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    wanted = Filters(categories=Categories(any=("Drama",)), exclude_ids=(liked[1],))
    query = RecommendQuery(
        liked=liked[:1], disliked=liked[2:], text="a love story", filters=wanted, k=20
    )
    answer = ask(sample_snapshot, query)
    assert answer.profile == "steered"
    assert len(answer.results) == 20
    assert all("Drama" in one.categories for one in answer.results)
    assert not {one.item_id for one in answer.results} & set(liked)
    assert any("neighbours" in one.lanes for one in answer.results)
    assert any("semantic" in one.lanes for one in answer.results)


def test_a_blocked_item_comes_from_no_neighbour(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    query = RecommendQuery(liked=liked, k=5)
    best = ask(sample_snapshot, query).results[0]
    row = sample_snapshot.bundle.ids.row_of(best.item_id)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    assert best.item_id not in [one.item_id for one in ask(blocked, query).results]


def without_neighbours(snapshot: Snapshot) -> Snapshot:
    sections = replace(snapshot.bundle.sections, neighbours=None)
    return replace(snapshot, bundle=replace(snapshot.bundle, sections=sections))


def test_every_reason_to_fall_back_is_told(
    sample_snapshot: Snapshot, liked: tuple[int, ...], cold: int
) -> None:
    def told(query: RecommendQuery, snapshot: Snapshot = sample_snapshot) -> tuple[str, int, int]:
        answer = ask(snapshot, query)
        assert answer.collaboration is not None
        assert not answer.collaboration.used
        assert all("neighbours" not in one.lanes for one in answer.results)
        assert len(answer.results) == 10
        return (
            str(answer.collaboration.reason),
            answer.collaboration.given,
            (answer.collaboration.known),
        )

    bare = without_neighbours(sample_snapshot)
    assert told(RecommendQuery(liked=liked), bare) == ("bundle_without_neighbours", 3, 0)
    assert told(RecommendQuery(liked=liked, profile="notebook")) == (
        "profile_without_neighbours",
        3,
        3,
    )
    assert told(RecommendQuery(disliked=liked[:1], text="love")) == ("nothing_liked", 1, 1)
    assert told(RecommendQuery(text="love")) == ("nothing_liked", 0, 0)
    assert told(RecommendQuery(liked=(cold,))) == ("liked_by_nobody", 1, 0)


def test_an_item_that_nobody_likes_falls_back_to_text_and_ratings(
    sample_snapshot: Snapshot, cold: int
) -> None:
    answer = ask(sample_snapshot, SimilarQuery(item_id=cold))
    assert answer.collaboration is not None
    assert answer.collaboration.reason == "liked_by_nobody"
    for one in answer.results:
        parts = {part["feature"]: part["contribution"] for part in one.components}
        assert parts["co_liked"] == 0
        assert parts["similarity"] > 0
        assert one.fallback is None


def test_a_result_that_nobody_likes_says_so(
    sample_snapshot: Snapshot, liked: tuple[int, ...], cold: int
) -> None:
    answer = ask(
        sample_snapshot, RecommendQuery(liked=liked, filters=Filters(include_ids=(cold,)), k=1)
    )
    (only,) = answer.results
    assert (only.item_id, only.fallback) == (cold, "item_liked_by_nobody")
    assert ask(sample_snapshot, RecommendQuery(liked=liked, k=1)).results[0].fallback is None


def test_a_search_has_no_taste(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="love", profile="taste"))
    assert answer.collaboration is None
    features = [part["feature"] for part in answer.results[0].components]
    assert "collaborative" not in features
    assert "similarity" in features
    with pytest.raises(InvalidParameter, match=r"weights\.collaborative: a search has none"):
        ask(sample_snapshot, SearchQuery(q="love", weights={"collaborative": 1.0}))


def test_weights_of_neighbours_that_are_not_there_are_unavailable(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    with pytest.raises(FeatureUnavailable, match="co_liked: this catalogue has no ratings by"):
        ask(
            without_neighbours(sample_snapshot),
            SimilarQuery(item_id=liked[0], weights={"co_liked": 1.0}),
        )


def test_pages_of_a_taste_joined_are_the_whole_list(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    others = liked[1:]
    query = RecommendQuery(liked=(*rated({liked[0]: 4.5}), *others), k=30)
    whole = [one.item_id for one in ask(sample_snapshot, query).results]
    first = ask(sample_snapshot, changed(query, k=15))
    second = ask(sample_snapshot, changed(query, k=15, cursor=first.next))
    assert [one.item_id for one in (*first.results, *second.results)] == whole
    other = changed(query, k=15, liked=(*rated({liked[0]: 4.0}), *others), cursor=first.next)
    with pytest.raises(InvalidParameter, match="a query with other parameters"):
        ask(sample_snapshot, other)


def test_over_http_a_liked_list_may_carry_ratings(
    sample_client: FlaskClient, liked: tuple[int, ...]
) -> None:
    rated = {"liked": [{"item_id": liked[0], "rating": 5}, liked[1]], "k": 3}
    response = sample_client.post("/v1/recommend", json=rated)
    assert response.status_code == 200, response.text
    told = response.get_json()["collaboration"]
    assert told == {"used": True, "given": 2, "known": 2, "reason": None}
    off = {"liked": [{"item_id": liked[0], "rating": 5.5}]}
    response = sample_client.post("/v1/recommend", json=off)
    assert response.status_code == 422
    assert "expected 0.5 to 5, found 5.5" in response.get_json()["errors"][0]["message"]
    response = sample_client.post("/v1/recommend", json={"liked": [{"item_id": liked[0]}]})
    assert response.status_code == 422


def test_ids_of_both_types_in_one_list_are_no_error(
    sample_client: FlaskClient, liked: tuple[int, ...]
) -> None:
    mixed = [{"item_id": liked[0], "rating": 4}, {"item_id": "abc", "rating": 3}]
    response = sample_client.post("/v1/recommend", json={"liked": mixed})
    assert response.status_code == 200, response.text
    assert response.get_json()["ignored"] == ["abc"]


def test_a_rating_in_the_middle_says_nothing(
    sample_snapshot: Snapshot, liked: tuple[int, ...]
) -> None:
    query = RecommendQuery(liked=rated({liked[0]: 2.75}))
    with pytest.raises(InvalidParameter, match="every rating is the middle of the scale"):
        ask(sample_snapshot, query)


def test_without_a_like_the_usual_profile_ranks(sample_snapshot: Snapshot) -> None:
    assert ask(sample_snapshot, RecommendQuery(text="love")).profile == "notebook"


def test_over_http_similar_takes_the_weights_of_neighbours(
    sample_client: FlaskClient, liked: tuple[int, ...]
) -> None:
    path = f"/v1/items/{liked[0]}/similar?w_collaborative=1&w_co_liked=0&n_neighbours=5&k=1"
    answer = sample_client.get(path).get_json()
    parts = {part["feature"]: part["weight"] for part in answer["results"][0]["components"]}
    assert (parts["collaborative"], parts["co_liked"]) == (1, 0)
    response = sample_client.get("/v1/search?q=a&w_collaborative=1")
    assert response.status_code == 422


def test_a_bundle_of_an_older_format_recommends_by_text(
    client_of: Callable[[Path], FlaskClient], repository: Path, tmp_path: Path
) -> None:
    (source,) = (repository / "tests/bundles/format-2").iterdir()
    shutil.copytree(source, tmp_path / "old" / source.name)
    (tmp_path / "old/CURRENT").write_text(f"{source.name}\n")
    client = client_of(tmp_path / "old")
    answer = client.get("/v1/items/1/similar?k=2").get_json()
    assert [one["item_id"] for one in answer["results"]] in ([2, 3], [3, 2])
    assert answer["collaboration"]["reason"] == "bundle_without_neighbours"
    assert client.get("/v1/items/1/similar?w_co_liked=1").status_code == 409
