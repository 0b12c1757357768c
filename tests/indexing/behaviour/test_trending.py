"""What is turned to more than it was, and what clicks are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import SecretStr

from indexing.behaviour.acts import KINDS, Acts
from indexing.behaviour.trending import click_worth, trending
from indexing.behaviour.weak import weak_likes
from indexing.catalog.learning import EventsConfig
from indexing.comparing.examination import Examination

CONFIG = EventsConfig(url=SecretStr("sqlite:///none"), trending_days=7, trending_prior=20)
DAY = 86_400_000_000


def acts(*made: tuple[str, int, float, int, str]) -> Acts:
    """Acts of (kind, row, day, rank, user)."""
    kinds, rows, days, ranks, users = zip(*made, strict=True) if made else ((),) * 5
    return Acts(
        rows=np.array(rows, np.int64),
        kinds=np.array([KINDS.index(kind) for kind in kinds], np.uint8),
        users=np.array(users, dtype=object),
        micros=(np.array(days, np.float64) * DAY).astype(np.int64),
        values=np.full(len(rows), np.nan),
        ranks=np.array(ranks, np.int64),
        n_dropped=0,
        forgotten={},
        looked_at=Examination(np.ones(1), 1.0, clicks=0, is_assumed=True),
    )


def views(row: int, day: float, n: int) -> list[tuple[str, int, float, int, str]]:
    return [("view", row, day, 0, "")] * n


def test_ten_views_of_an_unknown_item_do_not_win_over_many_more_than_usual() -> None:
    made = acts(*views(0, 100, 10), *views(1, 60, 1000), *views(1, 100, 900), *views(2, 60, 1900))
    found = trending(made, CONFIG, n_items=4)
    assert found[1] > found[0] > found[2] == found[3] == 0.0
    assert found.max() < 1.0


def test_what_is_used_as_ever_is_not_trending() -> None:
    daily = [view for day in range(400) for row in (0, 1) for view in views(row, day, 3)]
    np.testing.assert_allclose(trending(acts(*daily), CONFIG, n_items=2), 0.0, atol=1e-9)


def test_the_contrast_is_that_of_the_formula() -> None:
    made = acts(*views(0, 100, 40), *views(1, 93, 40))
    found = trending(made, CONFIG, n_items=2)
    # recent: 40 and 40·2^-1 = 20; usual over 56 days: 40 and 40·2^(-1/8), scaled to the same sum
    usual = np.array([40, 40 * 2 ** (-1 / 8)])
    usual *= 60 / usual.sum()
    assert found[0] == pytest.approx((40 - usual[0]) / (40 + usual[0] + 40))
    assert found[1] == 0.0


def test_nothing_done_is_nothing_trending() -> None:
    assert trending(acts(), CONFIG, n_items=3).tolist() == [0.0, 0.0, 0.0]
    only_shown = acts(("impression", 0, 1, 1, ""))
    assert trending(only_shown, CONFIG, n_items=1).tolist() == [0.0]


CLICKS = acts(
    ("click", 0, 1, 1, "a"), ("click", 0, 1, 2, "a"), ("click", 0, 1, 0, "a"),
    ("view", 0, 1, 2, "a"), ("click", 0, 1, 50, "a"),
)  # fmt: skip


def test_a_click_further_down_is_worth_more_but_not_without_end() -> None:
    halved = Examination(np.array([1.0, 0.5]), 1.0, clicks=500, is_assumed=False)
    # the second place is looked at half as often, the fiftieth 0.5·(50 / 2)^-1 = 0.02 as often;
    # a place that is not known, and what is no click, count once
    assert click_worth(replace(CLICKS, looked_at=halved)).tolist() == [1.0, 2.0, 1.0, 1.0, 5.0]


def test_where_nothing_is_known_of_places_every_click_counts_once() -> None:
    assert click_worth(CLICKS).tolist() == [1.0] * 5


def test_weak_likes_are_summed_by_user_and_item_up_to_one() -> None:
    made = acts(
        ("click", 0, 365, 0, "ann"), ("view", 0, 365, 0, "ann"), ("click", 1, 0, 0, "ann"),
        *[("click", 2, 365, 0, "ben")] * 9, ("click", 0, 365, 0, ""), ("like", 3, 365, 0, "ann"),
    )  # fmt: skip
    found = weak_likes(made, CONFIG)
    weights = {(u, r): w for r, u, w in found.itertuples(index=False)}
    assert weights == {
        ("ann", 0): pytest.approx(0.2 + 0.1),
        ("ann", 1): pytest.approx(0.1),  # a year old: half
        ("ben", 2): 1.0,
    }
