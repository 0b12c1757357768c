"""What was found for filters is kept: found once, forgotten in time, and never another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from shortlist.engine.conditions import Attributes, Categories, Filters, Range
from shortlist.engine.filters import passing
from shortlist.engine.kept import Kept
from shortlist.engine.query import PopularQuery
from shortlist.engine.search import ask
from shortlist.engine.snapshot import Snapshot

NOBODY = np.empty(0, np.int64)
WANTED = (
    Filters(categories=Categories(any=("Drama",))),
    Filters(categories=Categories(any=("Drama", "Comedy"), none=("War",))),
    Filters(ranges={"year": Range(min=1950, max=1969)}),
    Filters(
        categories=Categories(any=("Drama",)),
        any_of=(
            Filters(ranges={"year": Range(max=1960)}),
            Filters(categories=Categories(all=("Crime",))),
        ),
    ),
)


def size_of_text(text: str) -> int:
    return len(text)


def test_a_value_is_found_once() -> None:
    kept, found = Kept(), []

    def find() -> str:
        found.append("x")
        return "value"

    assert [kept.get("key", find, size_of_text) for _ in range(3)] == ["value"] * 3
    assert found == ["x"]


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    kept = Kept(most_bytes=10_000)
    for key in "abc":
        kept.put(key, key, 2000)
    assert kept.get("a", lambda: "again", size_of_text) == "a"
    for key in "def":
        kept.put(key, key, 2000)
    assert [key for key in "abcdef" if kept.has(key)] == ["a", "d", "e", "f"]
    assert kept.nbytes <= 10_000
    kept.put("large", "x", 5000)
    assert not kept.has("large"), "it would push everything else out"


def test_a_key_that_is_put_again_takes_its_room_once() -> None:
    kept = Kept()
    kept.put("key", "x", 1000)
    before = kept.nbytes
    kept.put("key", "y", 1000)
    assert kept.nbytes == before and kept.get("key", lambda: "z", size_of_text) == "y"


@pytest.mark.parametrize("most_bytes", [0, 4000, 64 << 20])
def test_filters_pass_the_same_rows_whatever_was_kept(
    sample_snapshot: Snapshot, most_bytes: int
) -> None:
    bundle, kept = sample_snapshot.bundle, Kept(most_bytes)
    for _ in range(2):
        for wanted in WANTED:
            fresh = passing(bundle, wanted, NOBODY).rows().tolist()
            assert passing(bundle, wanted, NOBODY, kept).rows().tolist() == fresh
            blocked = np.array(fresh[:3])
            assert passing(bundle, wanted, blocked, kept).rows().tolist() == fresh[3:]
    assert kept.nbytes <= most_bytes


def test_threads_that_ask_at_once_get_the_same(sample_snapshot: Snapshot) -> None:
    bundle, kept = sample_snapshot.bundle, Kept(20_000)
    expected = [passing(bundle, wanted, NOBODY).rows().tolist() for wanted in WANTED]

    def rows(number: int) -> list[int]:
        return passing(bundle, WANTED[number % len(WANTED)], NOBODY, kept).rows().tolist()

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(rows, range(200)))
    assert found == [expected[number % len(WANTED)] for number in range(200)]


def test_a_snapshot_made_of_another_keeps_nothing_of_it(sample_snapshot: Snapshot) -> None:
    asked = PopularQuery(filters=WANTED[0], facets=("categories", "year"))
    shown = ask(sample_snapshot, asked)
    again = ask(sample_snapshot, asked)
    assert shown.facets == again.facets and shown.facets is not None
    assert again.facets is not None and again.facets.histograms[0] is shown.facets.histograms[0]
    first = passing(sample_snapshot.bundle, WANTED[0], NOBODY).rows()[:5]
    blocked = replace(sample_snapshot, blocked_rows=first)
    fewer = ask(blocked, asked)
    assert blocked.kept is not sample_snapshot.kept
    assert fewer.matched == shown.matched - 5 and fewer.facets is not None
    year = fewer.facets.histograms[0]
    assert sum(one.count for one in year.bins) + year.missing == fewer.matched


def test_values_are_told_apart_by_their_attribute(shop: Snapshot) -> None:
    kept = Kept()
    for name, value in (("brand", "Nike"), ("colours", "red"), ("in_stock", "true")):
        wanted = Filters(attributes=Attributes(any={name: (value,)}))
        fresh = passing(shop.bundle, wanted, NOBODY).rows().tolist()
        assert fresh and passing(shop.bundle, wanted, NOBODY, kept).rows().tolist() == fresh


def test_counts_are_told_apart_by_their_filter_whatever_it_is_made_of(shop: Snapshot) -> None:
    digests = {
        passing(shop.bundle, Filters(attributes=Attributes(any={name: values})), NOBODY).digest
        for name in ("brand", "colours")
        for values in ((), ("Nike",), ("Nike", "red"), ("Nike', 'red",), ("\ud800",))
    }
    assert len(digests) == 10 and {len(one) for one in digests} == {16}
