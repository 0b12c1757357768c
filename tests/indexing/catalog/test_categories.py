"""Categories read at once are those that are read item by item."""

from __future__ import annotations

import random
from collections import Counter

import pandas as pd
import pyarrow as pa
import pytest

from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.items import split_categories
from indexing.catalog.sources import CategoriesConfig

WRITTEN = ("a", "A", "b ", " b", "none", "None", "", " ", "É", "é", "ß", "SS", "\u00a0x", "Z")


def plainly(lists: list[list[str]], config: CategoriesConfig) -> list[list[str]]:
    """The categories of each item, one at a time."""
    kept = [[one.strip() for one in own] for own in lists]
    kept = [[one for one in own if one and one != config.none] for own in kept]
    if config.fold_case:
        counts = Counter(one for own in kept for one in own)
        usual: dict[str, str] = {}
        for name in sorted(counts, key=lambda name: (-counts[name], name)):
            usual.setdefault(name.casefold(), name)
        kept = [[usual[one.casefold()] for one in own] for own in kept]
    return [list(dict.fromkeys(own)) for own in kept]


@pytest.mark.parametrize("fold_case", [False, True])
@pytest.mark.parametrize("none", [None, "none"])
@pytest.mark.parametrize("as_lists", [False, True])
def test_categories_at_once_are_those_of_each(
    fold_case: bool, none: str | None, as_lists: bool
) -> None:
    rng = random.Random(2)
    config = CategoriesConfig(column="c", separator="|", none=none, fold_case=fold_case)
    for _ in range(40):
        lists = [rng.choices(WRITTEN, k=rng.randint(0, 5)) for _ in range(rng.randint(1, 12))]
        column = pd.Series(
            lists if as_lists else ["|".join(own) for own in lists],
            dtype=pd.ArrowDtype(TEXTS) if as_lists else "str",
        )
        found = split_categories({"c": column}, config, n_items=len(lists))
        expected = plainly(lists, config)
        assert [found.of(row) for row in range(len(lists))] == expected
        assert list(found.names) == sorted({one for own in expected for one in own})


def test_an_item_without_a_list_has_no_category() -> None:
    column = pd.Series(pa.array([["a"], None, []], TEXTS), dtype=pd.ArrowDtype(TEXTS))
    found = split_categories({"c": column}, CategoriesConfig(column="c"), n_items=3)
    assert [found.of(row) for row in range(3)] == [["a"], [], []]
