"""The feature section: numbers known of every item, for profiles to weigh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shortlist.bundle import arrays
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.rules import check_range
from shortlist.errors import BundleCorrupt

SECTION, VERSION = "features", 1
COLUMNS, POPULAR = "features.arrow", "popular.npy"
FILES = (COLUMNS, POPULAR)

MAX_POPULAR = 1000
_ESTIMATED = "estimated"


@dataclass(frozen=True)
class ItemFeatures:
    """Features by name, and the items that most people rated.

    `columns` holds float64 [n] in [0, 1], row order. `estimated` (uint8 [n]) is 1 where an item
    has no ratings and its expected popularity and rating volume come from its neighbours.
    `popular` are the rows (int64) of up to 1,000 items, most ratings first.
    """

    columns: Mapping[str, FloatArray]
    estimated: npt.NDArray[np.uint8]
    popular: RowArray = field(default_factory=lambda: np.empty(0, np.int64))


def write_features(folder: Path, features: ItemFeatures) -> None:
    """Write the section's files."""
    columns = {name: pa.array(values, pa.float64()) for name, values in features.columns.items()}
    columns[_ESTIMATED] = pa.array(features.estimated, pa.uint8())
    arrays.write_arrow(folder / COLUMNS, pa.table(columns))
    np.save(folder / POPULAR, features.popular)


def read_features(folder: Path, *, n_items: int) -> ItemFeatures:
    """Map the section into memory. Raises BundleCorrupt for files that do not fit the bundle."""
    path = folder / COLUMNS
    columns = arrays.read_arrow(path)
    features = ItemFeatures(
        columns={
            name: arrays.numpy_of(path, columns, name, pa.float64())
            for name in columns
            if name != _ESTIMATED
        },
        estimated=arrays.numpy_of(path, columns, _ESTIMATED, pa.uint8()),
        popular=arrays.map_array(folder / POPULAR, np.int64, None),
    )
    if len(features.estimated) != n_items:
        raise BundleCorrupt(f"{COLUMNS}: {len(features.estimated)} rows, expected {n_items}")
    for name, values in features.columns.items():
        check_range(f"{COLUMNS}: {name}", values, 0, 1)
    check_range(f"{COLUMNS}: {_ESTIMATED}", features.estimated, 0, 1)
    check_range(POPULAR, features.popular, 0, n_items - 1)
    return features
