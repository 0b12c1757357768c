"""Which texts share an inference."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortlist.encoder.batching import pack


def packed(lengths: list[int], token_budget: int) -> list[list[int]]:
    return [batch.tolist() for batch in pack(lengths, token_budget=token_budget)]


def test_batches_go_from_long_to_short_within_the_budget() -> None:
    # 20 tokens: two of 10 fill it; then 9 with one of 8 (2 * 9 = 18, three would be 27).
    assert packed([8, 10, 9, 10], 20) == [[1, 3], [2, 0]]


def test_no_text_is_padded_to_more_than_about_twice_its_length() -> None:
    # (40 - 8) / 2 = 16: a text of 16 tokens may join one of 40, one of 15 may not.
    assert packed([40, 16], 1000) == [[0, 1]]
    assert packed([40, 15], 1000) == [[0], [1]]


def test_short_texts_always_go_together() -> None:
    assert packed([8, 2, 3], 1000) == [[0, 2, 1]]


def test_a_text_beyond_the_budget_goes_alone() -> None:
    assert packed([50, 50], 10) == [[0], [1]]


@pytest.mark.parametrize(("lengths", "expected"), [([], []), ([0], [[0]]), ([0, 0], [[0, 1]])])
def test_no_texts_and_texts_without_tokens(lengths: list[int], expected: list[list[int]]) -> None:
    assert packed(lengths, 100) == expected


@given(st.lists(st.integers(0, 512), max_size=60), st.integers(1, 2000))
def test_every_position_comes_once_within_the_budget_and_little_padded(
    lengths: list[int], token_budget: int
) -> None:
    batches = packed(lengths, token_budget)
    assert sorted(chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        longest, shortest = lengths[batch[0]], lengths[batch[-1]]
        assert longest == max(lengths[position] for position in batch)
        assert len(batch) == 1 or len(batch) * longest <= token_budget
        assert longest <= 2 * shortest + 8
