"""Paging, variety, explanations, facets, items like others, and recommendations."""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shortlist.engine.answer import Answer
from shortlist.engine.batch import ask_many
from shortlist.engine.clock import StageClock
from shortlist.engine.conditions import Categories, Filters, Range
from shortlist.engine.cursor import decode_cursor, encode_cursor
from shortlist.engine.query import Query, RecommendQuery, SearchQuery, SimilarQuery
from shortlist.engine.ranking import diversify
from shortlist.engine.search import ask, item
from shortlist.engine.snapshot import Snapshot
from shortlist.errors import CursorExpired, DeadlineExceeded, InvalidParameter, ItemUnknown

QUERY = SearchQuery(q="a heist that goes wrong", k=7, n_candidates=50)


def changed(query: Query, **values: object) -> Any:
    """The same query but for these values."""
    return query.model_copy(update=values)


def pages(snapshot: Snapshot, query: SearchQuery) -> list[list[int | str]]:
    found = []
    while True:
        answer = ask(snapshot, query)
        found.append([result.item_id for result in answer.results])
        if answer.next is None:
            return found
        query = changed(query, cursor=answer.next)


@pytest.mark.parametrize("diversity", [0.0, 0.4])
@pytest.mark.parametrize("k", [1, 7, 50])
def test_pages_joined_are_the_whole_list(
    sample_snapshot: Snapshot, k: int, diversity: float
) -> None:
    query = changed(QUERY, diversity=diversity)
    whole = [one.item_id for one in ask(sample_snapshot, changed(query, k=50)).results]
    parts = pages(sample_snapshot, changed(query, k=k))
    assert [one for part in parts for one in part] == whole
    assert all(len(part) == k for part in parts[:-1])


def test_ranks_go_on_and_after_the_end_there_is_nothing(sample_snapshot: Snapshot) -> None:
    first = ask(sample_snapshot, changed(QUERY, k=40))
    second = ask(sample_snapshot, changed(QUERY, k=40, cursor=first.next))
    assert [one.rank for one in second.results] == list(range(41, 51))
    assert second.next is None


def test_an_item_blocked_between_two_pages_shifts_nothing(sample_snapshot: Snapshot) -> None:
    first = ask(sample_snapshot, QUERY)
    untouched = ask(sample_snapshot, changed(QUERY, cursor=first.next))
    row = sample_snapshot.bundle.ids.row_of(first.results[2].item_id)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    second = ask(blocked, changed(QUERY, cursor=first.next))
    assert [one.item_id for one in second.results] == [one.item_id for one in untouched.results]


def test_the_second_page_does_not_encode_the_text_again(sample_snapshot: Snapshot) -> None:
    class Refuses:
        hits = misses = 0

        def encode(self, text: str) -> np.ndarray:
            raise AssertionError(text)

        def encode_in_parts(self, texts: list[str]) -> Iterator[dict[str, np.ndarray]]:
            raise AssertionError(texts)

    first = ask(sample_snapshot, QUERY)
    silent = replace(sample_snapshot, encoder=Refuses())
    assert ask(silent, changed(QUERY, cursor=first.next)).results[0].rank == 8


def test_a_cursor_belongs_to_one_query_and_one_version(sample_snapshot: Snapshot) -> None:
    cursor = ask(sample_snapshot, QUERY).next
    assert cursor is not None
    for other in (changed(QUERY, k=8), changed(QUERY, q="love"), changed(QUERY, diversity=0.1)):
        with pytest.raises(InvalidParameter, match="a query with other parameters"):
            ask(sample_snapshot, changed(other, cursor=cursor))
    old = "20200101T000000.000Z-0123456789ab"
    expired = encode_cursor(replace(decode_cursor(cursor), version=old))
    with pytest.raises(CursorExpired) as caught:
        ask(sample_snapshot, changed(QUERY, cursor=expired))
    assert (caught.value.wanted, caught.value.live) == (old, sample_snapshot.version)


@pytest.mark.parametrize(
    "text",
    ["", "x", "!!!!", "AAAA", "é", "a" * 20_000, base64.urlsafe_b64encode(b"[1,2,3,4]\0").decode(),
     base64.urlsafe_b64encode(b'["20200101T000000.000Z-0123456789ab","00",-1,0]\0').decode()],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(sample_snapshot: Snapshot, text: str) -> None:
    with pytest.raises(InvalidParameter, match="cursor: expected"):
        ask(sample_snapshot, changed(QUERY, cursor=text))


def test_variety_of_0_changes_nothing() -> None:
    vectors = np.eye(4, dtype=np.float32)
    order, scores = np.arange(4), np.array([4.0, 3.0, 2.0, 1.0])
    assert diversify(order, scores, vectors, diversity=0.0).tolist() == [0, 1, 2, 3]


def test_a_copy_of_what_stands_above_steps_back() -> None:
    # items 0 and 1 are the same, 2 is unlike both. After 0: 1 has 0.5·0.9 - 0.5·1 = -0.05,
    # 2 has 0.5·0.5 - 0.5·0 = 0.25
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores = np.array([1.0, 0.9, 0.5])
    assert diversify(np.arange(3), scores, vectors, diversity=0.5).tolist() == [0, 2, 1]


def test_an_explanation_tells_where_an_item_would_stand(sample_snapshot: Snapshot) -> None:
    query = SearchQuery(q="space travel", k=20, explain=True)
    results = ask(sample_snapshot, query).results
    without = {"popularity": {"similarity": 0.7, "popularity": 0.0}}
    alone = ask(sample_snapshot, changed(query, k=50, weights=without["popularity"])).results
    rank_of = {result.item_id: result.rank for result in alone}
    for result in results:
        assert result.explanation is not None
        assert result.explanation.rank_without["popularity"] == rank_of[result.item_id]


def test_the_range_of_the_popularity_weight_is_exact(sample_snapshot: Snapshot) -> None:
    query = SearchQuery(q="space travel", k=10, explain=True)
    results = ask(sample_snapshot, query).results

    def above(weight: float, upper: int | str, lower: int | str) -> bool:
        asked = changed(query, k=50, explain=False, weights={"popularity": weight})
        order = [one.item_id for one in ask(sample_snapshot, asked).results]
        return order.index(upper) < order.index(lower)

    for one, other in itertools.pairwise(results):
        assert one.explanation is not None
        limits = one.explanation.popularity_range
        assert limits is not None
        assert limits.low <= 0.3 <= limits.high
        for inside in (limits.low + 1e-6, limits.high - 1e-6):
            assert above(min(max(inside, 0.0), 10.0), one.item_id, other.item_id)
        if limits.low > 1e-3:
            assert not above(limits.low - 1e-3, one.item_id, other.item_id)
        if limits.high < 10 - 1e-3:
            assert not above(limits.high + 1e-3, one.item_id, other.item_id)


def test_facets_of_a_list_without_a_text_count_every_match(sample_snapshot: Snapshot) -> None:
    wanted = Filters(
        categories=Categories(any=("Drama",)), ranges={"year": Range(min=1990, max=1999)}
    )
    query = SearchQuery(q="", k=1, filters=wanted, facets=("categories", "year"))
    answer = ask(sample_snapshot, query)
    assert answer.facets is not None and answer.facets.about is answer.about is None
    categories = {one.name: one.count for one in answer.facets.categories or []}
    assert categories["Drama"] == answer.matched
    # each as if its own condition were off: what else the nineties have, and all years of dramas
    items = sample_snapshot.bundle.items
    years = items.attributes["year"].to_pylist()
    nineties = [row for row, year in enumerate(years) if 1990 <= year <= 1999]
    assert categories == Counter(name for row in nineties for name in items.categories.of(row))
    (histogram,) = answer.facets.histograms
    dramas = [row for row in range(len(years)) if "Drama" in items.categories.of(row)]
    assert histogram.bins[0].low == min(years[row] for row in dramas)
    assert sum(one.count for one in histogram.bins) == len(dramas)
    with pytest.raises(InvalidParameter, match="expected one of: categories, year; found 'colour'"):
        ask(sample_snapshot, changed(query, facets=("colour",)))


def test_results_below_the_least_score_are_left_out(sample_snapshot: Snapshot) -> None:
    whole = ask(sample_snapshot, changed(QUERY, k=50)).results
    least = whole[9].score
    kept = ask(sample_snapshot, changed(QUERY, k=50, min_score=least))
    assert [one.item_id for one in kept.results] == [one.item_id for one in whole[:10]]
    assert kept.next is None


def test_variety_brings_nothing_back_that_scores_too_low(sample_snapshot: Snapshot) -> None:
    least = ask(sample_snapshot, changed(QUERY, k=50)).results[19].score
    query = changed(QUERY, k=50, min_score=least, diversity=0.8)
    results = ask(sample_snapshot, query).results
    assert len(results) == 20
    assert min(one.score for one in results) >= least
    nothing = ask(sample_snapshot, changed(query, min_score=99.0))
    assert (nothing.results, nothing.next) == ([], None)


def test_items_like_one_leave_it_out_and_are_its_neighbours(sample_snapshot: Snapshot) -> None:
    bundle = sample_snapshot.bundle
    answer = ask(
        sample_snapshot, SimilarQuery(item_id=bundle.ids.id_of(100), k=5, profile="similarity")
    )
    cosines = bundle.vectors[:] @ bundle.vectors[100]
    expected = [bundle.ids.id_of(int(row)) for row in np.argsort(-cosines)[1:6]]
    assert [one.item_id for one in answer.results] == expected
    with pytest.raises(ItemUnknown, match="no item has the id 'nothing'"):
        ask(sample_snapshot, SimilarQuery(item_id="nothing"))


def test_an_id_is_known_as_integer_and_as_its_text(sample_snapshot: Snapshot) -> None:
    item_id = sample_snapshot.bundle.ids.id_of(5)
    assert item(sample_snapshot, item_id) == item(sample_snapshot, str(item_id))
    for unknown in (f"0{item_id}", f" {item_id}", f"{item_id}.0", "9" * 30, ""):
        with pytest.raises(ItemUnknown):
            item(sample_snapshot, unknown)


def test_a_blocked_item_is_unknown(sample_snapshot: Snapshot) -> None:
    blocked = replace(sample_snapshot, blocked_rows=np.array([5]))
    with pytest.raises(ItemUnknown):
        item(blocked, sample_snapshot.bundle.ids.id_of(5))


def test_a_taste_is_the_sum_of_its_parts(sample_snapshot: Snapshot) -> None:
    bundle = sample_snapshot.bundle
    liked, disliked = [10, 20], [30]
    query = RecommendQuery(
        liked=tuple(bundle.ids.id_of(row) for row in liked),
        disliked=tuple(bundle.ids.id_of(row) for row in disliked),
        text="space travel",
        k=10,
        profile="similarity",
    )
    wanted = (
        sample_snapshot.encoder.encode("space travel").astype(float)
        + bundle.vectors[liked].mean(axis=0)
        - 0.5 * bundle.vectors[disliked].mean(axis=0)
    )
    cosines = bundle.vectors[:] @ (wanted / np.linalg.norm(wanted))
    cosines[[*liked, *disliked]] = -2
    expected = [bundle.ids.id_of(int(row)) for row in np.argsort(-cosines)[:10]]
    answer = ask(sample_snapshot, query)
    assert [one.item_id for one in answer.results] == expected
    assert answer.ignored == []


def test_the_second_page_of_a_taste_is_that_of_the_same_vector(sample_snapshot: Snapshot) -> None:
    ids = tuple(sample_snapshot.bundle.ids.id_of(row) for row in (10, 20))
    query = RecommendQuery(liked=ids, text="space travel", k=10, n_candidates=20)
    first = ask(sample_snapshot, query)
    whole = ask(sample_snapshot, changed(query, k=20))

    class Drifts:
        hits = misses = 0

        def encode(self, text: str) -> np.ndarray:
            return np.roll(sample_snapshot.encoder.encode(text), 1)

        def encode_in_parts(self, texts: list[str]) -> Iterator[dict[str, np.ndarray]]:
            yield {text: self.encode(text) for text in texts}

    drifting = replace(sample_snapshot, encoder=Drifts())
    second = ask(drifting, changed(query, cursor=first.next))
    both = [one.item_id for one in (*first.results, *second.results)]
    assert both == [one.item_id for one in whole.results]


def test_given_items_never_come_back_and_the_list_is_full(sample_snapshot: Snapshot) -> None:
    ids = tuple(sample_snapshot.bundle.ids.id_of(row) for row in range(0, 60))
    answer = ask(sample_snapshot, RecommendQuery(liked=ids, k=50))
    assert len(answer.results) == 50
    assert not {one.item_id for one in answer.results} & set(ids)


def test_unknown_ids_are_told_and_all_unknown_is_refused(sample_snapshot: Snapshot) -> None:
    known = sample_snapshot.bundle.ids.id_of(3)
    assert ask(sample_snapshot, RecommendQuery(liked=(known, "x"), disliked=(-5,))).ignored == [
        "x",
        -5,
    ]
    with pytest.raises(InvalidParameter, match="no item has any of the ids 'x', -5"):
        ask(sample_snapshot, RecommendQuery(liked=("x",), disliked=(-5,)))
    with pytest.raises(InvalidParameter, match="expected an item or a text, found neither"):
        ask(sample_snapshot, RecommendQuery())


def test_a_taste_that_cancels_out_is_refused(sample_snapshot: Snapshot) -> None:
    vectors = np.array(sample_snapshot.bundle.vectors)
    vectors[1] = vectors[0]
    bundle = replace(sample_snapshot.bundle, vectors=vectors)
    ids = [bundle.ids.id_of(row) for row in (0, 1)]
    twice = np.concatenate([vectors[:1], vectors[:1]]).mean(axis=0)
    assert np.allclose(twice, vectors[0])

    class Same:
        hits = misses = 0

        def encode(self, text: str) -> np.ndarray:
            return -0.5 * vectors[0]

        def encode_in_parts(self, texts: list[str]) -> Iterator[dict[str, np.ndarray]]:
            yield {text: self.encode(text) for text in texts}

    changed = replace(sample_snapshot, bundle=bundle, encoder=Same())
    query = RecommendQuery(liked=(ids[0],), disliked=(ids[1],), text="opposite")
    with pytest.raises(InvalidParameter, match="cancel out"):
        ask(changed, query)


def test_a_batch_answers_each_query_as_it_would_be_alone(sample_snapshot: Snapshot) -> None:
    queries = [
        SearchQuery(q="space travel", k=5),
        SearchQuery(q="", k=5),
        SearchQuery(q="love", k=99),
        SearchQuery(q="a heist", k=3, filters=Filters(categories=Categories(any=("Crime",)))),
    ]
    found = ask_many(sample_snapshot, queries)
    for place in (0, 3):
        alone = ask(sample_snapshot, queries[place])
        together = found[place]
        assert not isinstance(together, Exception)
        assert [one.item_id for one in together.results] == [one.item_id for one in alone.results]
    assert isinstance(found[1], InvalidParameter)
    assert isinstance(found[2], InvalidParameter)


def test_a_batch_that_runs_out_of_time_has_the_answers_that_were_reached(
    sample_snapshot: Snapshot,
) -> None:
    now = [0.0]

    class Slow:
        hits = misses = 0

        def encode_in_parts(self, texts: list[str]) -> Iterator[dict[str, np.ndarray]]:
            for text in texts:
                now[0] += 2
                yield {text: sample_snapshot.encoder.encode(text)}

    texts = ("space travel", "a heist", "love", "dogs")
    queries = [SearchQuery(q=text, k=3) for text in (*texts, "space travel")]
    slow = replace(sample_snapshot, encoder=Slow())
    found = ask_many(slow, queries, clock=StageClock(5.0, now=lambda: now[0]))
    assert [type(one) for one in found] == [
        Answer,
        Answer,
        DeadlineExceeded,
        DeadlineExceeded,
        Answer,
    ]
    assert isinstance(found[0], Answer)
    alone = ask(sample_snapshot, queries[0])
    assert found[0].results == alone.results
