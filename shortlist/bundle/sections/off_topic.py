"""The off-topic section: what texts of other domains look like, and how far is too far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shortlist.bundle.arrays import FloatArray, Vectors, map_array
from shortlist.bundle.rules import check_range, check_unit_rows

SECTION, VERSION = "off_topic", 1
TEXTS, THRESHOLD = "off_topic.npy", "off_topic_threshold.npy"
FILES = (TEXTS, THRESHOLD)

MAX_TEXTS = 4096
NEAREST = 3
SHARE = 0.5
"""What nearness to texts of other domains counts against nearness to the catalogue's items.

From 0.3 to 0.8 the results on three catalogues are the same within noise."""

_LARGEST = 1e6


@dataclass(frozen=True)
class OffTopicTexts:
    """Queries about other things: float32 unit rows [m, dim], and the least score of a good one."""

    vectors: Vectors
    threshold: float

    def nearness(self, queries: Vectors) -> FloatArray:
        """Mean similarity to the three most similar of the texts, [q], of unit rows [q, dim]."""
        return nearest(queries @ self.vectors.T, skip=0)


def nearest(similarities: npt.NDArray[np.float32], *, skip: int) -> FloatArray:
    """The mean of the three largest of each row [q, m], the `skip` largest left out; [q]."""
    n_below = similarities.shape[1] - skip - NEAREST
    if skip:
        best = np.sort(similarities, axis=1)[:, n_below : n_below + NEAREST]
    else:
        best = np.partition(similarities, n_below, axis=1)[:, n_below:]
    return np.asarray(best.sum(axis=1) / NEAREST, dtype=np.float64)


def write_off_topic(folder: Path, texts: OffTopicTexts) -> None:
    """Write the section's files."""
    np.save(folder / TEXTS, texts.vectors)
    np.save(folder / THRESHOLD, np.array([texts.threshold], np.float64))


def read_off_topic(folder: Path, *, n_items: int) -> OffTopicTexts:  # noqa: ARG001  # all readers' form
    """Read the section. Raises BundleCorrupt for values that cannot be."""
    vectors = map_array(folder / TEXTS, np.float32, None, None)
    check_range(f"{TEXTS}: number of texts", np.array([len(vectors)]), NEAREST, MAX_TEXTS)
    check_unit_rows(TEXTS, vectors)
    threshold = map_array(folder / THRESHOLD, np.float64, 1)
    check_range(THRESHOLD, threshold, -_LARGEST, _LARGEST)
    return OffTopicTexts(vectors, float(threshold[0]))
