"""Who asks: their taste as a prior of searches, lists of their own, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexing.job import build
from shortlist.bundle.store import ArtifactStore
from shortlist.engine import wanted
from shortlist.engine.person import NOBODY, Person, person_of, prior_of
from shortlist.engine.query import PopularQuery, RecommendQuery, SearchQuery, UserQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot, load_snapshot
from tests.publishing import OPTIONS

Films = Callable[..., Path]

RATINGS = """\
userId,movieId,rating,timestamp
ann,1,5.0,10
ann,4,4.5,11
ben,1,4.5,12
ben,4,5.0,13
cleo,2,4.0,14
cleo,3,4.0,15
cleo,4,1.0,16
dora,1,5.0,17
emil,5,0.5,18
"""


@pytest.fixture
def snapshot(films: Films, tmp_path: Path) -> Snapshot:
    """Five films and who rated them, kept in the bundle: who likes 1 likes 4."""
    path = films(ratings=RATINGS)
    path.write_text(path.read_text() + "[users]\nprior = { collaborative = 0.5 }\n")
    build(path, tmp_path / "artifacts")
    return load_snapshot(ArtifactStore(tmp_path / "artifacts").live_folder(), OPTIONS)


def test_the_bundle_knows_what_its_users_rated(snapshot: Snapshot) -> None:
    person = person_of(snapshot.bundle, "ann")
    ids = [snapshot.bundle.ids.id_of(row) for row in person.rows.tolist()]
    assert list(zip(ids, person.ratings.tolist(), strict=True)) == [(1, 5.0), (4, 4.5)]
    assert not person_of(snapshot.bundle, "nobody").is_known


def test_newer_ratings_stand_behind_and_replace(snapshot: Snapshot) -> None:
    person = person_of(snapshot.bundle, "ann", [(1, 2.0), (3, 99.0), (77, 5.0)])
    ids = [snapshot.bundle.ids.id_of(row) for row in person.rows.tolist()]
    # 1 was rated again and is the newer one; 3 is cut to the scale, and no item is 77
    assert list(zip(ids, person.ratings.tolist(), strict=True)) == [(4, 4.5), (1, 2.0), (3, 5.0)]


def test_a_user_is_recommended_what_a_query_with_their_ratings_is(snapshot: Snapshot) -> None:
    own = ask(snapshot, UserQuery(user="dora", k=3))
    row = [{"item_id": 1, "rating": 5.0}]
    given = ask(snapshot, RecommendQuery.model_validate({"liked": row, "k": 3}, strict=False))
    assert [one.item_id for one in own.results] == [one.item_id for one in given.results]
    assert [one.score for one in own.results] == [one.score for one in given.results]
    assert own.results[0].item_id == 4  # who likes 1 likes 4
    assert own.acquaintance == {"known": True, "ratings": 1, "used": True}


def test_who_is_not_known_gets_popular_items_and_is_told(snapshot: Snapshot) -> None:
    own = ask(snapshot, UserQuery(user="zoe", k=3))
    popular = ask(snapshot, PopularQuery(k=3))
    assert [one.item_id for one in own.results] == [one.item_id for one in popular.results]
    assert (own.profile, own.acquaintance) == (
        "popularity",
        {"known": False, "ratings": 0, "used": False},
    )


def test_who_likes_nothing_gets_popular_items_too(snapshot: Snapshot) -> None:
    own = ask(snapshot, UserQuery(user="emil", k=3))
    assert own.profile == "popularity"
    assert own.acquaintance == {"known": True, "ratings": 1, "used": False}


def test_with_a_text_a_user_is_answered_as_a_taste_with_it(snapshot: Snapshot) -> None:
    own = ask(snapshot, UserQuery(user="dora", text="sci-fi", k=3))
    row = [{"item_id": 1, "rating": 5.0}]
    values = {"liked": row, "text": "sci-fi", "k": 3}
    given = ask(snapshot, RecommendQuery.model_validate(values, strict=False))
    assert [(one.item_id, one.score) for one in own.results] == [
        (one.item_id, one.score) for one in given.results
    ]
    stranger = ask(snapshot, UserQuery(user="zoe", text="sci-fi", k=3))
    searched = ask(snapshot, SearchQuery(q="sci-fi", k=3))
    assert [one.item_id for one in stranger.results] == [one.item_id for one in searched.results]


def test_a_taste_moves_a_search_by_its_prior_and_nothing_else(snapshot: Snapshot) -> None:
    by_anybody = ask(snapshot, SearchQuery(q="a film", k=5))
    own = ask(snapshot, SearchQuery(q="a film", k=5, user="dora"))
    before = {one.item_id: one.score for one in by_anybody.results}
    assert {one.item_id for one in own.results} == set(before)
    for one in own.results:
        (said,) = (term for term in one.components if term["feature"] == "collaborative")
        assert said["weight"] == 0.5
        assert one.score == pytest.approx(before[one.item_id] + said["contribution"])
    best = {one.item_id: one for one in own.results}[4]
    # 4 is what who likes 1 likes most: its value is 1, the largest there is
    assert best.score == pytest.approx(before[4] + 0.5)
    assert own.acquaintance == {"known": True, "ratings": 1, "used": True}
    assert by_anybody.acquaintance is None


def test_a_prior_replaces_no_weight_of_the_query(snapshot: Snapshot) -> None:
    query = SearchQuery(q="a film", user="dora", weights={"collaborative": 0.0})
    own = ask(snapshot, query)
    anybody = ask(snapshot, SearchQuery(q="a film"))
    assert [(one.item_id, one.score) for one in own.results] == [
        (one.item_id, one.score) for one in anybody.results
    ]


def test_a_stranger_searches_like_anybody(snapshot: Snapshot) -> None:
    own = ask(snapshot, SearchQuery(q="a film", user="zoe"))
    anybody = ask(snapshot, SearchQuery(q="a film"))
    assert own.results == anybody.results
    assert own.acquaintance == {"known": False, "ratings": 0, "used": False}


def test_a_person_who_is_given_goes_before_what_the_bundle_knows(snapshot: Snapshot) -> None:
    own = ask(snapshot, UserQuery(user="ann", k=3), person=NOBODY)
    assert own.acquaintance == {"known": False, "ratings": 0, "used": False}


def test_what_a_user_has_rated_is_not_recommended_again(snapshot: Snapshot) -> None:
    found = [one.item_id for one in ask(snapshot, UserQuery(user="ann", k=5)).results]
    assert sorted(map(int, found)) == [2, 3, 5]


def test_pages_of_a_user_follow_each_other(snapshot: Snapshot) -> None:
    whole = [one.item_id for one in ask(snapshot, UserQuery(user="dora", k=4)).results]
    first = ask(snapshot, UserQuery(user="dora", k=2))
    second = ask(snapshot, UserQuery(user="dora", k=2, cursor=first.next))
    assert [one.item_id for one in (*first.results, *second.results)] == whole


def test_without_a_section_a_prior_is_ours(tiny_snapshot: Snapshot) -> None:
    assert prior_of(tiny_snapshot.bundle) == {"collaborative": 0.1}
    assert not person_of(tiny_snapshot.bundle, "1").is_known


def test_a_person_without_ratings_has_no_taste(snapshot: Snapshot) -> None:
    assert wanted.taste_of(snapshot.bundle, None) is None
    assert wanted.taste_of(snapshot.bundle, NOBODY) is None
    middling = Person(np.array([0]), np.array([2.75]))  # the middle of 0.5 to 5
    assert wanted.taste_of(snapshot.bundle, middling) is None
    manifest = snapshot.bundle.manifest.model_copy(update={"popularity": None})
    unrated = replace(snapshot.bundle, manifest=manifest)
    assert wanted.taste_of(unrated, Person(np.array([0]), np.array([5.0]))) is None
