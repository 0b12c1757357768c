"""The order in which word starts are offered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shortlist.bundle.sections.suggestion_order import by_priority, whole_order
from shortlist.bundle.sections.title_index import TitleIndex, read_titles, write_titles


@pytest.fixture
def titles(tmp_path: Path) -> TitleIndex:
    """Many titles of few words, so that most of what is compared is equal somewhere."""
    rng = np.random.default_rng(6)
    shown = [" ".join(rng.choice(["a", "b", "cd"], size=rng.integers(0, 4))) for _ in range(300)]
    write_titles(tmp_path, shown, np.sort(rng.integers(40, size=300)))
    return read_titles(tmp_path, n_items=40)


@pytest.mark.parametrize("rated", [True, False])
@pytest.mark.parametrize("share_gone", [0.0, 0.3])
def test_all_word_starts_at_once_stand_as_any_of_them_do(
    titles: TitleIndex, rated: bool, share_gone: float
) -> None:
    rng = np.random.default_rng(1)
    volumes = rng.integers(3, size=40) / 2 if rated else None
    rows = np.where(rng.random(40) < share_gone, -1, rng.permutation(40))[titles.rows]
    expected = by_priority(titles, np.arange(len(titles.words)), rows, volumes)
    assert whole_order(titles, rows, volumes).tolist() == expected.tolist()
    gone = rows[titles.words[expected, 0]] < 0
    assert gone.tolist() == sorted(gone.tolist())


def test_beginnings_come_first_then_what_more_people_rated(tmp_path: Path) -> None:
    write_titles(tmp_path, ["Toy Story", "Up", "Story"], np.array([0, 1, 2]))
    titles = read_titles(tmp_path, n_items=3)
    order = whole_order(titles, titles.rows, np.array([0.9, 0.1, 0.5]))
    offered = [titles.text_from_word(place) for place in order.tolist()]
    # "story" begins the third title and stands inside the first
    assert offered == ["toy story", "story", "up", "story"]
