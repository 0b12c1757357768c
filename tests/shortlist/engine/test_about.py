"""What is about a query: counted whether it is shown or not, each facet as if its own were off."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from shortlist.bundle.arrays import Vectors
from shortlist.engine import about, plan
from shortlist.engine.conditions import Categories, Filters, Range
from shortlist.engine.lanes.semantic import Candidates, Retriever
from shortlist.engine.query import PopularQuery, SearchQuery, SimilarQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot

FACETS = ("categories", "year")


def test_about_a_query_is_what_is_near_enough_or_has_all_its_words(
    sample_snapshot: Snapshot,
) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="samurai", facets=FACETS))
    assert answer.facets is not None and answer.facets.about is not None
    floor = answer.facets.about.similarity
    bundle, vector = sample_snapshot.bundle, sample_snapshot.encoder.encode("samurai")
    calibration = bundle.sections.calibration
    assert calibration is not None
    similarities = bundle.vectors[:] @ vector
    best = np.sort(similarities)[-10:].mean()
    assert floor == pytest.approx(calibration.mean + 0.7 * (best - calibration.mean), abs=1e-5)
    near = set(np.flatnonzero(similarities >= floor).tolist())
    tagged = {
        row
        for row in range(bundle.n_items)
        if "samurai" in " ".join([bundle.items.titles[row].as_py()]).lower()
    }
    assert answer.about is not None and answer.about >= len(near | tagged)
    assert answer.facets.about.items == answer.about and answer.facets.about.exact
    assert answer.matched == bundle.n_items
    counts = {one.name: one.count for one in answer.facets.categories or []}
    assert sum(counts.values()) >= answer.about and counts["Action"] > counts.get("Musical", 0)


def test_a_filter_counts_for_every_facet_but_its_own(sample_snapshot: Snapshot) -> None:
    wanted = Filters(
        categories=Categories(any=("Drama",)), ranges={"year": Range(min=1950, max=1969)}
    )
    asked = SearchQuery(q="samurai", facets=FACETS)
    plain, narrowed = (
        ask(sample_snapshot, asked.model_copy(update={"filters": filters}))
        for filters in (Filters(), wanted)
    )
    assert plain.facets is not None and narrowed.facets is not None
    # what is about the query does not depend on the filter
    assert plain.facets.about == narrowed.facets.about
    by_year = ask(
        sample_snapshot,
        asked.model_copy(update={"filters": Filters(ranges=wanted.ranges)}),
    )
    assert by_year.facets is not None
    assert narrowed.facets.categories == by_year.facets.categories
    by_category = ask(
        sample_snapshot,
        asked.model_copy(update={"filters": Filters(categories=wanted.categories)}),
    )
    assert by_category.facets is not None
    assert narrowed.facets.histograms == by_category.facets.histograms
    drama = {one.name: one.count for one in narrowed.facets.categories or []}["Drama"]
    assert narrowed.about == drama < (plain.about or 0)


def test_nothing_is_about_nonsense_but_what_has_its_words(sample_snapshot: Snapshot) -> None:
    answer = ask(sample_snapshot, SearchQuery(q="how to file a tax return", facets=FACETS))
    assert answer.no_good_match and answer.about == 0
    assert answer.facets is not None and answer.facets.categories == []


def test_lists_without_a_text_count_everything_that_passes(sample_snapshot: Snapshot) -> None:
    first = sample_snapshot.bundle.ids.id_of(0)
    for query in (PopularQuery(facets=FACETS), SimilarQuery(item_id=first, facets=FACETS)):
        answer = ask(sample_snapshot, query)
        assert answer.about is None and answer.facets is not None and answer.facets.about is None
        assert sum(one.count for one in answer.facets.histograms[0].bins) == answer.matched
    assert ask(sample_snapshot, SearchQuery(q="samurai")).about is None, "only where facets are"


def test_in_a_large_catalogue_the_nearest_thousand_are_looked_at(
    sample_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SearchQuery(q="samurai", facets=FACETS)
    exact = ask(sample_snapshot, asked)
    monkeypatch.setattr(about, "WHOLE_UP_TO", 100)
    assert ask(sample_snapshot, asked).facets == exact.facets
    monkeypatch.setattr(about, "MAX_CANDIDATES", 15)
    few = ask(sample_snapshot, asked)
    assert few.facets is not None and few.facets.about is not None
    assert not few.facets.about.exact and (few.about or 0) < (exact.about or 0)


def test_what_is_nearest_is_looked_for_once(
    sample_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an index that finds many as soon as few; facets and results are what they were."""
    blocked = replace(sample_snapshot, blocked_rows=np.array([0, 5, 700]))
    asked = SearchQuery(q="samurai", facets=FACETS)
    wanted = [ask(one, asked) for one in (sample_snapshot, blocked)]
    monkeypatch.setattr(plan, "WHOLE_UP_TO", 100)
    monkeypatch.setattr(about, "WHOLE_UP_TO", 100)
    for snapshot, expected in zip((sample_snapshot, blocked), wanted, strict=True):
        counting = Counting(snapshot.retriever)
        found = ask(replace(snapshot, retriever=cast(Retriever, counting)), asked)
        assert counting.depths == [1000]
        assert (found.facets, found.about) == (expected.facets, expected.about)
        assert [one.item_id for one in found] == [one.item_id for one in expected]
        assert found.considered == expected.considered


class Counting:
    """A retriever that notes how many rows it was asked for."""

    def __init__(self, inner: Retriever) -> None:
        self._inner = inner
        self.depths: list[int] = []

    def retrieve(self, query_vector: Vectors, n_candidates: int) -> Candidates:
        self.depths.append(n_candidates)
        return self._inner.retrieve(query_vector, n_candidates)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_blocked_items_are_not_counted(sample_snapshot: Snapshot) -> None:
    asked = SearchQuery(q="samurai", facets=("year",))
    shown = ask(sample_snapshot, asked)
    row = sample_snapshot.bundle.ids.row_of(shown.results[0].item_id)
    blocked = replace(sample_snapshot, blocked_rows=np.array([row]))
    assert ask(blocked, asked).about == (shown.about or 0) - 1


def test_counts_are_those_of_plain_python(sample_snapshot: Snapshot) -> None:
    items = sample_snapshot.bundle.items
    answer = ask(sample_snapshot, PopularQuery(facets=("categories",)))
    every = Counter(name for row in range(len(items)) for name in items.categories.of(row))
    assert answer.facets is not None
    assert {one.name: one.count for one in answer.facets.categories or []} == every


def test_counts_of_everything_are_found_once_and_again_when_items_are_blocked(
    sample_snapshot: Snapshot,
) -> None:
    first = ask(sample_snapshot, PopularQuery(facets=("year", "categories"))).facets
    again = ask(sample_snapshot, PopularQuery(facets=("year",))).facets
    assert first is not None and again is not None
    assert again.histograms == first.histograms and again.categories is None
    assert again.histograms[0] is first.histograms[0]
    blocked = replace(sample_snapshot, blocked_rows=np.arange(10))
    fewer = ask(blocked, PopularQuery(facets=("year",))).facets
    assert fewer is not None
    n_items = sum(one.count for one in first.histograms[0].bins)
    assert sum(one.count for one in fewer.histograms[0].bins) == n_items - 10
