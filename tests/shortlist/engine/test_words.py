"""Words through the whole engine: what must occur does, every score can be taken apart."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from shortlist.engine.lanes.asked import ask_words
from shortlist.engine.lanes.words import rows_saying_all, score_words
from shortlist.engine.query import RecommendQuery, SearchQuery, SimilarQuery
from shortlist.engine.search import ask, ranked
from shortlist.engine.snapshot import Snapshot

WEIGHTS = {"similarity": 1.0, "popularity": 0.0, "words": 1.0, "coverage": 0.5}


@pytest.fixture(scope="module")
def tags_of(repository: Path) -> dict[int, set[str]]:
    """The sample's tags, by item."""
    found: dict[int, set[str]] = {}
    with (repository / "data/sample/tags.csv").open(encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            found.setdefault(int(line["movieId"]), set()).add(line["tag"].strip().casefold())
    return found


def test_a_tag_is_found_where_it_stands(
    sample_snapshot: Snapshot, tags_of: dict[int, set[str]]
) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="biopic", weights=WEIGHTS))
    assert all("biopic" in tags_of[int(one.item_id)] for one in answer.results)
    assert all("words" in one.lanes for one in answer.results)


def test_a_label_is_told_from_a_word_of_a_title(sample_snapshot: Snapshot) -> None:
    bundle = sample_snapshot.bundle
    words, names = bundle.sections.words, bundle.items.categories.names
    assert words is not None
    lists = bundle.items.categories.lists
    romances = [r for r in range(bundle.n_items) if names.index("Romance") in lists.of(r)]
    true_romance = bundle.items.titles.to_pylist().index("True Romance (1993)")
    rows = np.array([*romances[:20], true_romance])
    said = score_words(words, ask_words(words, "a romance"), rows)
    assert np.all(said["coverage"] == 1)
    assert said["labels"].tolist() == [1.0] * 20 + [0.0]
    half = score_words(words, ask_words(words, "romance zyzzyva"), rows)
    assert half["labels"].tolist() == [0.5] * 20 + [0.0]


def test_every_score_is_the_sum_of_its_parts(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="slow space film", k=50, weights=WEIGHTS))
    for one in answer.results:
        parts = {part["feature"]: part for part in one.components}
        assert {"words", "coverage"} <= set(parts)
        assert one.score == pytest.approx(sum(part["contribution"] for part in one.components))
        assert 0 <= parts["words"]["value"] <= 1


def test_words_are_not_looked_up_where_nothing_weighs_them(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="biopic"))
    assert all("words" not in one.lanes for one in answer.results)


def test_a_phrase_must_occur_and_a_word_with_a_minus_must_not(
    sample_snapshot: Snapshot, tags_of: dict[int, set[str]]
) -> None:
    answer = ask(sample_snapshot, SearchQuery(q='"based on a book" -romance', k=50))
    assert answer.query == '"based on a book" -romance'
    assert 0 < answer.matched < 1350 and answer.considered <= answer.matched
    for one in answer.results:
        assert "based on a book" in tags_of[int(one.item_id)]
        assert "Romance" not in one.categories


def test_a_text_of_signs_alone_lists_by_popularity(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="-drama", k=50))
    assert answer.profile == "popularity"
    assert all("Drama" not in one.categories for one in answer.results)


def test_the_same_by_filters(sample_client: FlaskClient) -> None:
    path = "/v1/search?q=robots&k=50"
    by_signs = sample_client.get(f"{path}%20-war%20%22space%22".replace("robots&k=50", "robots"))
    by_filters = sample_client.get("/v1/search?q=robots%20space&words_all=space&words_none=war")
    assert by_filters.status_code == 200
    ids = [
        [one["item_id"] for one in each.get_json()["results"]] for each in (by_signs, by_filters)
    ]
    assert ids[0] == ids[1] != []


def test_too_many_phrases_are_refused(sample_client: FlaskClient) -> None:
    path = "/v1/search?q=a" + "&words_none=b" * 17
    assert sample_client.get(path).status_code == 422
    assert sample_client.get("/v1/search?q=a&words_all=").status_code == 422


def test_a_filter_holds_for_words_too(sample_snapshot: Snapshot) -> None:
    query = SearchQuery(
        q="space", k=100, n_candidates=100, weights=WEIGHTS,
        filters={"categories": {"none": ("Sci-Fi",)}},
    )  # fmt: skip
    answer = ask(sample_snapshot, query)
    assert len(answer.results) == 100
    assert any("words" in one.lanes for one in answer.results)
    assert all("Sci-Fi" not in one.categories for one in answer.results)


def test_pages_of_a_list_by_words_join_to_the_whole(sample_snapshot: Snapshot) -> None:
    wanted = {"q": "slow -war", "weights": WEIGHTS}
    whole = ask(sample_snapshot, SearchQuery(**wanted, k=40))
    first = ask(sample_snapshot, SearchQuery(**wanted, k=20))
    second = ask(sample_snapshot, SearchQuery(**wanted, k=20, cursor=first.next))
    ids = [[one.item_id for one in each.results] for each in (whole, first, second)]
    assert ids[0] == ids[1] + ids[2]


def test_highlights_say_which_field_has_which_words(
    sample_snapshot: Snapshot, tags_of: dict[int, set[str]]
) -> None:
    query = SearchQuery(q="Biopic dramas", weights=WEIGHTS, highlights=True)
    best = ask(sample_snapshot, query).results[0]
    assert best.highlights is not None
    shown = {one["field"]: one["words"] for one in best.highlights}
    assert shown == {"categories": ["dramas"], "tags": ["Biopic"]}
    assert ask(sample_snapshot, SearchQuery(q="biopic")).results[0].highlights is None


@pytest.mark.parametrize("text", ["western", "japanese animation"])
def test_a_text_beside_likes_brings_what_it_says(sample_snapshot: Snapshot, text: str) -> None:
    bundle = sample_snapshot.bundle
    liked = (bundle.ids.id_of(int(np.argmax(bundle.items.popularity.rating_count))),)
    weights = {"text_similarity": 1.0, "words": 1.0, "coverage": 1.0}
    plain = ask(sample_snapshot, RecommendQuery(liked=liked))
    steered = ask(sample_snapshot, RecommendQuery(liked=liked, text=text, weights=weights))
    ids = [{one.item_id for one in each.results} for each in (plain, steered)]
    assert ids[0] != ids[1]
    assert any({"text", "words"} & set(one.lanes) for one in steered.results)


@pytest.mark.parametrize("text", ["Western", "Horror", "time travel"])
def test_most_of_what_a_steered_taste_finds_carries_the_text(
    sample_snapshot: Snapshot, text: str
) -> None:
    liked = (sample_snapshot.bundle.ids.id_of(697),)
    answer = ask(sample_snapshot, RecommendQuery(liked=liked, text=text))
    assert answer.profile == "steered"
    words = sample_snapshot.bundle.sections.words
    assert words is not None
    rows = np.array([sample_snapshot.bundle.ids.row_of(one.item_id) for one in answer.results])
    assert len(rows_saying_all(words, ask_words(words, text), rows)) >= 6


def test_a_text_brings_what_is_liked_or_much_rated_among_those_who_carry_it(
    sample_snapshot: Snapshot,
) -> None:
    """The best by words alone are the shortest documents: one of them is not enough."""
    liked = (sample_snapshot.bundle.ids.id_of(697),)
    query = RecommendQuery(
        liked=liked, text="Western", profile="steered", n_words=1, n_neighbours=5
    )
    plain = ranked(sample_snapshot, query.model_copy(update={"text": ""}))
    pool = ranked(sample_snapshot, query)
    words = sample_snapshot.bundle.sections.words
    assert words is not None and pool.asked is not None
    brought = {name: rows_saying_all(words, pool.asked, pool.lanes[name]) for name in pool.lanes}
    assert len(brought["neighbours"]) >= 3
    assert not len(rows_saying_all(words, pool.asked, plain.lanes["neighbours"]))
    assert len(brought["popular"]) == 1 == len(pool.lanes["popular"])
    assert set(plain.lanes["neighbours"].tolist()) <= set(pool.lanes["neighbours"].tolist())


def test_a_bundle_without_a_steered_profile_steers_by_that_of_tastes(
    sample_snapshot: Snapshot,
) -> None:
    manifest = sample_snapshot.bundle.manifest.model_copy(update={"steered_profile": None})
    older = replace(sample_snapshot, bundle=replace(sample_snapshot.bundle, manifest=manifest))
    liked = (sample_snapshot.bundle.ids.id_of(0),)
    assert ask(older, RecommendQuery(liked=liked, text="western")).profile == "taste"
    assert ask(older, RecommendQuery(text="western")).profile == manifest.default_profile


def test_without_a_text_a_taste_is_ranked_as_if_there_were_none(sample_snapshot: Snapshot) -> None:
    steering = {"text_similarity": 3.0, "words": 3.0, "coverage": 3.0}
    liked = (sample_snapshot.bundle.ids.id_of(0),)
    plain, weighed = (
        ask(sample_snapshot, RecommendQuery(liked=liked, weights=each)) for each in ({}, steering)
    )
    assert [one.score for one in plain.results] == [one.score for one in weighed.results]


def test_a_search_has_no_text_beside_a_taste(sample_client: FlaskClient) -> None:
    response = sample_client.get("/v1/search?q=a&w_text_similarity=1")
    assert response.status_code == 422
    assert [one["field"] for one in response.get_json()["errors"]] == ["w_text_similarity"]


def test_a_bundle_without_words_refuses_them_and_leaves_signs_alone(
    client_of: Callable[[Path], FlaskClient], repository: Path, tmp_path: Path
) -> None:
    (source,) = (repository / "tests/bundles/format-3").iterdir()
    shutil.copytree(source, tmp_path / "old" / source.name)
    (tmp_path / "old/CURRENT").write_text(f"{source.name}\n")
    client = client_of(tmp_path / "old")
    assert client.get("/v1/search?q=%22star%20robots%22%20-kitchen").get_json()["matched"] == 3
    for path in ("/v1/search?q=a&w_words=1", "/v1/search?q=a&words_all=robot"):
        assert client.get(path).status_code == 409


def test_items_like_another_are_found_by_the_rare_words_they_share(
    sample_snapshot: Snapshot, tags_of: dict[int, set[str]]
) -> None:
    titles = sample_snapshot.bundle.items.titles.to_pylist()
    godfather = 1 + titles.index("Godfather, The (1972)")
    only = {"words": 1.0, "similarity": 0.0, "co_liked": 0.0, "rating_volume": 0.0}
    answer = ask(sample_snapshot, SimilarQuery(item_id=godfather, highlights=True, weights=only))
    first = answer.results[0]
    assert first.title == "Godfather: Part II, The (1974)"
    assert "words" in first.lanes and first.item_id != godfather
    assert first.highlights is not None
    said = {one["field"]: one["words"] for one in first.highlights}
    assert "Godfather" in said["title"] and "coppola" in said["tags"]
    for one in answer.results:
        (words,) = (part for part in one.components if part["feature"] == "words")
        assert 0 < words["value"] <= 1


def test_a_bundle_without_key_terms_finds_items_like_another_by_the_rest(
    sample_snapshot: Snapshot,
) -> None:
    bundle = sample_snapshot.bundle
    words = bundle.sections.words
    assert words is not None
    unnamed = replace(words, parts=tuple(replace(part, terms=None) for part in words.parts))
    sections = replace(bundle.sections, words=unnamed)
    older = replace(sample_snapshot, bundle=replace(bundle, sections=sections))
    answer = ask(older, SimilarQuery(item_id=698, highlights=True))
    assert len(answer.results) == 10
    names = {part["feature"] for one in answer.results for part in one.components}
    assert "co_liked" in names and "words" not in names
