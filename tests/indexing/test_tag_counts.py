"""Counting tags, and counting on from what changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from indexing.tag_counts import TagCounts, count_tags, read_tag_counts, write_tag_counts

ITEMS = [["Red", "red", "old"], ["red"], []]
"""Two spellings of one tag: given three times, carried by two items."""

COUNTS = TagCounts(Counter({"Red": 1, "red": 2, "old": 1}), Counter({"red": 2, "old": 1}))


def counted(items: list[list[str]]) -> TagCounts:
    pairs = [(row, tag) for row, tags in enumerate(items) for tag in tags]
    return count_tags(pd.DataFrame(pairs, columns=["row", "tag"]))


def test_spellings_are_counted_apart_and_their_items_together() -> None:
    assert counted(ITEMS) == COUNTS
    assert COUNTS.total == 4
    assert counted([[]]) == TagCounts(Counter(), Counter())


def test_counting_on_gives_what_counting_anew_does() -> None:
    after = [["red"], ["red"], ["new"]]
    assert COUNTS.changed([ITEMS[0], ITEMS[2]], [after[0], after[2]]) == counted(after)
    assert counted(after).given == {"red": 2, "new": 1}, "what nobody gives is not there"
    assert COUNTS.given["old"] == 1, "the counts before stay as they were"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_tag_counts(tmp_path, COUNTS)
    assert read_tag_counts(tmp_path) == COUNTS
