"""Two lists drafted into one: what is in it, whose choice each place is, and that it is fair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortlist.bundle.arrays import RowArray
from shortlist.engine.interleaving import NO_TEAM, Draft, coins, team_draft

FIRST, SECOND = True, False

RANKED = st.lists(st.integers(0, 25), unique=True, max_size=20)
PAIR = st.tuples(RANKED, RANKED)
TOSSED = st.lists(st.booleans(), min_size=30, max_size=30)
relaxed = settings(deadline=None)


def rows(*of_list: int) -> RowArray:
    return np.array(of_list, dtype=np.int64)


def drafted(first: list[int], second: list[int], tossed: list[bool], n: int | None = None) -> Draft:
    whole = len(first) + len(second) if n is None else n
    return team_draft(rows(*first), rows(*second), tossed=np.array(tossed), n=whole)


def shown(draft: Draft) -> list[tuple[int, str | None]]:
    letters = draft.letters(0, len(draft.rows))
    return list(zip(draft.rows.tolist(), letters, strict=True))


def test_the_sides_choose_in_turn_and_a_coin_says_who_begins_a_round() -> None:
    # round 1: B begins and takes 4, A takes 1. Round 2: A begins and takes 2, B takes 5, for its
    # next, 1, is taken. Then A has 3 left and B nothing: what follows has no rival
    draft = drafted([1, 2, 3], [4, 1, 5, 2], [SECOND, FIRST, FIRST])
    assert shown(draft) == [(4, "B"), (1, "A"), (2, "A"), (5, "B"), (3, None)]
    assert draft.places.tolist() == [0, 0, 1, 2, 2]
    assert (draft.n_settled, draft.sides.tolist()) == (4, [1, 0, 0, 1, 0])


def test_a_round_that_could_not_be_finished_is_of_no_team() -> None:
    # both want 5, and who comes second has nothing else: whoever begins would speak alone
    draft = drafted([1, 5], [2, 5], [FIRST, SECOND])
    assert shown(draft) == [(1, "A"), (2, "B"), (5, None)]
    # with 6 behind it on one side only, a first B would leave A nothing
    longer = drafted([1, 5], [2, 5, 6], [FIRST, SECOND])
    assert shown(longer) == [(1, "A"), (2, "B"), (5, None), (6, None)]
    assert longer.n_settled == 2
    both = drafted([1, 5, 7], [2, 5, 6], [FIRST, SECOND])
    assert shown(both) == [(1, "A"), (2, "B"), (5, "B"), (7, "A"), (6, None)]


def test_what_both_lists_begin_with_is_of_no_team() -> None:
    draft = drafted([7, 8, 1, 2], [7, 8, 2, 1], [SECOND])
    assert shown(draft) == [(7, None), (8, None), (2, "B"), (1, "A")]
    same = drafted([7, 8, 9], [7, 8, 9], [FIRST])
    assert shown(same) == [(7, None), (8, None), (9, None)]
    assert same.n_settled == 3


def test_the_rest_of_the_longer_list_follows_without_a_team() -> None:
    draft = drafted([], [3, 1, 2], [FIRST])
    assert shown(draft) == [(3, None), (1, None), (2, None)]
    assert (draft.n_settled, draft.sides.tolist()) == (0, [1, 1, 1])
    assert shown(drafted([], [], [])) == []


@relaxed
@given(PAIR, TOSSED)
def test_a_draft_has_every_row_of_both_lists_once_and_at_its_place(
    pair: tuple[list[int], list[int]], tossed: list[bool]
) -> None:
    draft = drafted(*pair, tossed)
    assert sorted(draft.rows.tolist()) == sorted({*pair[0], *pair[1]})
    for row, side, place in zip(draft.rows, draft.sides, draft.places, strict=True):
        assert pair[side][place] == row


@relaxed
@given(PAIR, TOSSED, st.integers(0, 40))
def test_fewer_places_are_the_beginning_of_more(
    pair: tuple[list[int], list[int]], tossed: list[bool], n: int
) -> None:
    whole, part = drafted(*pair, tossed), drafted(*pair, tossed, n)
    assert shown(part) == shown(whole)[:n]


@relaxed
@given(PAIR, TOSSED, RANKED, RANKED)
def test_what_is_settled_stays_when_the_lists_go_on(
    pair: tuple[list[int], list[int]], tossed: list[bool], more: list[int], others: list[int]
) -> None:
    first = pair[0] + [100 + one for one in more]
    second = pair[1] + [100 + one for one in others]
    before = drafted(*pair, tossed)
    after = drafted(first, second, [*tossed, *tossed])
    assert after.rows[: before.n_settled].tolist() == before.rows[: before.n_settled].tolist()


@relaxed
@given(PAIR, TOSSED)
def test_each_side_chooses_by_its_own_order_and_neither_is_ahead_by_two(
    pair: tuple[list[int], list[int]], tossed: list[bool]
) -> None:
    draft = drafted(*pair, tossed)
    for side in (0, 1):
        places = draft.places[draft.sides == side]
        assert (np.diff(places) > 0).all()
    ahead = np.cumsum(np.select([draft.teams == 0, draft.teams == 1], [1, -1], 0))
    assert np.abs(ahead).max(initial=0) <= 1


@relaxed
@given(PAIR, TOSSED)
def test_exchanged_lists_and_coins_give_the_same_list_with_exchanged_teams(
    pair: tuple[list[int], list[int]], tossed: list[bool]
) -> None:
    draft = drafted(*pair, tossed)
    other = drafted(pair[1], pair[0], [not coin for coin in tossed])
    assert other.rows.tolist() == draft.rows.tolist()
    exchanged = [team if team == NO_TEAM else 1 - team for team in draft.teams.tolist()]
    assert other.teams.tolist() == exchanged


def test_coins_are_the_same_everywhere_fair_and_independent() -> None:
    # SHAKE-256 of nothing begins with 0x46 0xb9, 0100 0110 1011 1001
    bits = [bool(int(bit)) for bit in "0100011010111001"]
    assert coins(b"", 16).tolist() == bits
    assert coins(b"", 5).tolist() == bits[:5]
    drawn = np.stack([coins(f"seed {n}".encode(), 8) for n in range(4000)])
    # a mean of 4,000 fair coins lies within 0.5 ± 4 · 0.0079 in all but 1 of 16,000 cases
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.032
    correlation = np.corrcoef(drawn.T) - np.eye(8)
    assert np.abs(correlation).max() < 4 / np.sqrt(4000)


@relaxed
@given(PAIR, st.integers(0, 40))
def test_neither_side_gains_where_people_click_by_place_alone(
    pair: tuple[list[int], list[int]], n: int
) -> None:
    """Whatever the lists are: over all ways that the coins may fall the gains are none."""
    first, second = pair[0][:6], pair[1][:6]
    looks = 1 / np.arange(1, 41)
    gained = 0.0
    for number in range(64):
        tossed = [bool(number >> bit & 1) for bit in range(6)] + [FIRST] * 15
        draft = drafted(first, second, tossed, n)
        sign = np.select([draft.teams == 0, draft.teams == 1], [1, -1], 0)
        gained += float((looks[: len(sign)] * sign).sum())
    assert gained == pytest.approx(0.0, abs=1e-9)
