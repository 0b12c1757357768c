"""How often each tag was given, and by how many items it is carried: what changes add to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from shortlist.bundle import arrays, layout
from shortlist.bundle.arrays import column_of, numpy_of, read_arrow
from shortlist.bundle.folding import fold

TAGS = f"{layout.SOURCE}/tags.arrow"

_TAG, _GIVEN, _CARRIED = "tag", "given", "carried"


@dataclass(frozen=True)
class TagCounts:
    """How often each tag was `given`, as it is written, and how many items carry each folded text.

    No count is 0.
    """

    given: Counter[str]
    carried: Counter[str]

    @property
    def total(self) -> int:
        """How many tags were given in all."""
        return self.given.total()

    def changed(self, before: Iterable[Sequence[str]], after: Iterable[Sequence[str]]) -> TagCounts:
        """The counts once items with the tags `before` have those `after`, or are new or gone."""
        given, carried = self.given.copy(), self.carried.copy()
        for items, by in ((before, -1), (after, 1)):
            for tags in items:
                for tag in tags:
                    given[tag] += by
                for folded in set(map(fold, tags)):
                    carried[folded] += by
        return TagCounts(+given, +carried)


def count_tags(table: pd.DataFrame) -> TagCounts:
    """The counts of a table with the columns row (int64) and tag (text)."""
    codes, distinct = pd.factorize(table["tag"])
    texts = [str(text) for text in distinct]
    n_given = np.bincount(codes, minlength=len(texts)).tolist()
    given = Counter(dict(zip(texts, n_given, strict=True)))
    folded = [fold(text) for text in texts]
    number_of = {text: number for number, text in enumerate(dict.fromkeys(folded))}
    numbers = np.array([number_of[text] for text in folded], dtype=np.int64)
    pairs = table["row"].to_numpy(np.int64) * len(number_of) + numbers[codes]
    n_carried = np.bincount(pd.unique(pairs) % max(1, len(number_of)), minlength=len(number_of))
    return TagCounts(given, Counter(dict(zip(number_of, n_carried.tolist(), strict=True))))


def write_tag_counts(folder: Path, counts: TagCounts) -> None:
    """Write the counts, tags in rising order; the folder has one for sources, or gets it."""
    path = folder / TAGS
    path.parent.mkdir(exist_ok=True)
    tags = sorted(counts.given)
    columns = {
        _TAG: pa.array(tags, pa.large_string()),
        _GIVEN: pa.array([counts.given[tag] for tag in tags], pa.int64()),
        _CARRIED: pa.array([counts.carried[fold(tag)] for tag in tags], pa.int64()),
    }
    arrays.write_arrow(path, pa.table(columns))


def read_tag_counts(folder: Path) -> TagCounts:
    """The counts of a version. Raises BundleCorrupt for a file that is none of them."""
    path = folder / TAGS
    columns = read_arrow(path)
    tags = column_of(path, columns, _TAG, *arrays.TEXT).to_pylist()
    given, carried = (
        numpy_of(path, columns, name, pa.int64()).tolist() for name in (_GIVEN, _CARRIED)
    )
    return TagCounts(
        Counter(dict(zip(tags, given, strict=True))),
        Counter(dict(zip(map(fold, tags), carried, strict=True))),
    )
