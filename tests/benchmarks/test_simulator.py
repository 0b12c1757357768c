"""A small form of the simulator: what is decided, how often wrongly, and what a replay covers."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.people import ATTRACTED, DEPTH, SHOWN, World, clicked, drafted, drafts, looks
from benchmarks.simulator import interleaved, replayed, split

SEEDS = range(30)
N = 5000


@cache
def world() -> World:
    """40 texts that 12 of 300 items carry each, 50 users who like 40; lists by noisy guesses."""
    rng = np.random.default_rng(1)
    carried, liked = np.zeros((40, 300), np.bool_), np.zeros((50, 300), np.bool_)
    for own, n in ((carried, 12), (liked, 40)):
        for row in own:
            row[rng.choice(300, n, replace=False)] = True
    worth = carried * 2.0 + liked.mean(axis=0)
    noise = {"good": 0.6, "worse": 1.1, "bad": 6.0}
    lists = {
        name: np.argsort(-(worth + rng.normal(0, sigma, worth.shape)), axis=1)[:, :DEPTH]
        for name, sigma in noise.items()
    }
    asks = np.array([(user, text) for user in range(50) for text in rng.choice(40, 8, False)])
    return World(tuple(map(str, range(40))), asks[np.lexsort(asks.T[::-1])], liked, carried, lists)


def test_the_truth_is_the_mean_of_what_is_clicked() -> None:
    rng = np.random.default_rng(2)
    traffic = world().traffic(200_000, rng)
    on = clicked(world(), traffic, world().lists["good"][traffic.texts, :SHOWN], rng)
    # users ask eight texts each, so searches are the pairs, all as likely
    assert on.sum(axis=1).mean() == pytest.approx(world().clicks("good"), rel=0.01)
    assert world().clicks("good") > world().clicks("worse") > world().clicks("bad")


def test_people_click_what_carries_the_text_and_what_they_like() -> None:
    users, texts = np.array([3]), np.array([5])
    rows = np.arange(300)[None, :]
    found = world().attraction(users, texts, rows)[0]
    both = world().liked[3] & world().carried[5]
    assert (found[both] == ATTRACTED["both"]).all()
    assert (found[~world().liked[3] & ~world().carried[5]] == ATTRACTED["neither"]).all()
    assert looks(3).tolist() == pytest.approx([1, 1 / 2, 1 / 3])


def test_people_search_several_times_and_see_a_list_again_as_it_was() -> None:
    rng = np.random.default_rng(3)
    traffic = world().traffic(8000, rng)
    assert len(traffic.people) / len(set(traffic.people.tolist())) == pytest.approx(4, abs=0.4)
    made = drafts(world().lists["good"], world().lists["bad"], k=SHOWN)
    gained, on = drafted(world(), traffic, made, rng)
    assert (np.abs(gained) <= on).all()
    assert gained.mean() < 0  # the second side is the bad one


def test_whichever_is_better_is_found_by_interleaving_and_by_a_split() -> None:
    for control, candidate in (("worse", "good"), ("good", "worse")):
        found = interleaved(world(), control, candidate, differ=True, n=N, seeds=SEEDS)
        assert found.right >= 0.95, found
        assert found.wrong == 0.0
        apart = split(world(), control, candidate, n=N, seeds=SEEDS)
        assert apart.right >= 0.95, apart
        assert apart.wrong == 0.0


def test_where_nothing_differs_it_hardly_ever_decides_though_it_is_always_watched() -> None:
    found = interleaved(world(), "good", "bad", differ=False, n=N, seeds=range(200))
    assert found.wrong <= 0.05, found
    assert found.right == 0.0
    apart = split(world(), "good", "good", n=N, seeds=range(200))
    assert apart.wrong <= 0.05, apart


def test_the_interval_of_a_replay_covers_the_truth() -> None:
    found = replayed(world(), ("worse", "good"), "good", seeds=SEEDS, samples=60)
    assert found.covers_known >= 0.9, found
    assert found.covers_whole >= 0.9, found
    assert found.estimate == pytest.approx(found.truth, rel=0.05)
    assert found.steepness == pytest.approx(1.0, abs=0.1)
