"""Array files of a bundle, memory-mapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexing.errors import BundleCorrupt


def map_array(path: Path, dtype: npt.DTypeLike, ndim: int) -> npt.NDArray[Any]:
    """A read-only view of a .npy file. Raises BundleCorrupt unless it has this type and rank."""
    try:
        values = _load(path)
    except (OSError, ValueError, EOFError) as error:
        raise BundleCorrupt(f"{path.name}: not an array file: {error}") from error
    if values.dtype != dtype or values.ndim != ndim:
        raise BundleCorrupt(
            f"{path.name}: expected {np.dtype(dtype)} of rank {ndim}, found {values.dtype}"
            f" {values.shape}"
        )
    return np.asarray(values)


def _load(path: Path) -> npt.NDArray[Any]:
    """The array, mapped unless it is empty: nothing cannot be mapped."""
    with path.open("rb") as stream:
        np.lib.format.read_magic(stream)
        shape, _, _ = np.lib.format.read_array_header_1_0(stream)
    values: npt.NDArray[Any] = np.load(
        path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False
    )
    return values
