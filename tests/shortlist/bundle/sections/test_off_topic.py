"""The section of off-topic texts: what it refuses, what nearness means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shortlist.bundle.sections.off_topic import (
    TEXTS,
    THRESHOLD,
    OffTopicTexts,
    read_off_topic,
    write_off_topic,
)
from shortlist.errors import BundleCorrupt

AXES = np.eye(4, dtype=np.float32)


def test_nearness_is_the_mean_similarity_to_the_three_nearest() -> None:
    texts = OffTopicTexts(AXES, 0.0)
    assert texts.nearness(AXES[:1]).tolist() == [pytest.approx(1 / 3)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_off_topic(tmp_path, OffTopicTexts(AXES, -0.25))
    found = read_off_topic(tmp_path, n_items=3)
    assert (found.vectors.tolist(), found.threshold) == (AXES.tolist(), -0.25)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (TEXTS, AXES * 2, "row 0 has length 2, expected 1"),
        (TEXTS, AXES[:2], "number of texts: row 0: expected 3 to 4096, found 2"),
        (TEXTS, AXES.astype(np.float64), "expected float32"),
        (THRESHOLD, np.array([np.nan]), "found nan"),
        (THRESHOLD, np.array([0.0, 1.0]), "expected float64 of shape"),
    ],
)
def test_values_that_cannot_be_are_refused(
    tmp_path: Path, name: str, values: np.ndarray, message: str
) -> None:
    write_off_topic(tmp_path, OffTopicTexts(AXES, 0.0))
    np.save(tmp_path / name, values)
    with pytest.raises(BundleCorrupt, match=message):
        read_off_topic(tmp_path, n_items=3)
