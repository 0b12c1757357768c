"""The optional parts of a bundle: titles, features, calibration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from indexing.bundle import calibration, features, titles
from indexing.bundle.calibration import Calibration, calibrate
from indexing.bundle.features import MAX_POPULAR, ItemFeatures
from indexing.bundle.manifest import Section
from indexing.bundle.reader import Bundle
from indexing.bundle.sections import described
from indexing.catalog import Catalog
from indexing.features import (
    most_rated,
    neighbour_means,
    rating_percentile,
    rating_volume,
    recency,
)
from indexing.popularity import Popularity
from indexing.titles import all_variants

FloatArray = npt.NDArray[np.float32]

_REFERENCE_ITEMS = 20_000
_CALIBRATION_TEXTS = 256
_CALIBRATION_ROWS = 512


def write_titles(folder: Path, catalog: Catalog) -> Section:
    """The title section."""
    shown, rows = all_variants(catalog.items.titles.tolist(), catalog.items.alternatives)
    titles.write_titles(folder, shown, rows)
    return described(titles.SECTION)


def write_features(
    folder: Path, catalog: Catalog, popularity: Popularity | None, vectors: FloatArray
) -> Section:
    """The feature section: what follows from the ratings and from the recency attribute."""
    rated = _unrated(catalog.n_items) if popularity is None else _rated(popularity, vectors)
    columns = dict(rated.columns)
    params: dict[str, str | float] = {}
    wanted = catalog.config.recency
    if wanted is not None:
        values = catalog.items.attributes[wanted.attribute]
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
        columns["recency"] = recency(numbers, half_life=wanted.half_life)
        params = {"recency_attribute": wanted.attribute, "half_life": wanted.half_life}
    features.write_features(folder, ItemFeatures(columns, rated.estimated, rated.popular))
    return described(features.SECTION, **params)


def _unrated(n_items: int) -> ItemFeatures:
    return ItemFeatures({}, np.zeros(n_items, dtype=np.uint8))


def _rated(popularity: Popularity, vectors: FloatArray) -> ItemFeatures:
    """Features from ratings; what a cold item lacks is taken from its nearest neighbours.

    Neighbours are looked for among the 20,000 items with the most ratings.
    """
    counts = popularity.table["rating_count"].to_numpy(np.int32)
    expected = popularity.table["popularity_score"].to_numpy(np.float64).copy()
    volume = rating_volume(counts)
    cold = np.flatnonzero(counts == 0)
    known = np.sort(most_rated(counts, limit=_REFERENCE_ITEMS))
    if len(cold) and len(known):
        values = np.stack([expected[known], volume[known]], axis=1)
        expected[cold], volume[cold] = neighbour_means(vectors, cold, known, values).T
    return ItemFeatures(
        columns={
            "expected_popularity": expected,
            "rating_volume": volume,
            "rating_percentile": rating_percentile(counts),
        },
        estimated=((counts == 0) & (len(known) > 0)).astype(np.uint8),
        popular=most_rated(counts, limit=MAX_POPULAR),
    )


def write_calibration(
    folder: Path,
    vectors: FloatArray,
    texts: Sequence[str],
    encode: Callable[[list[str]], FloatArray],
    *,
    identity: str,
    live: Bundle | None,
) -> Section:
    """The calibration section; taken over from `live` when it would come out the same.

    256 of the catalogue's own `texts` stand for queries, each paired with 512 items drawn at
    random. `identity` says which encoder `encode` is.
    """
    rng = np.random.default_rng(0)
    drawn = [texts[place] for place in rng.integers(0, len(texts), _CALIBRATION_TEXTS)]
    rows = rng.integers(0, len(vectors), _CALIBRATION_ROWS)
    sample = vectors[rows]
    key = hashlib.sha256("\0".join([identity, *drawn]).encode())
    key.update(sample.tobytes())
    known = _live_calibration(live, key.hexdigest())
    found = known or calibrate((encode(drawn) @ sample.T).ravel())
    calibration.write_calibration(folder, found)
    return described(calibration.SECTION, key=key.hexdigest())


def _live_calibration(live: Bundle | None, key: str) -> Calibration | None:
    section = live.manifest.sections.get(calibration.SECTION) if live else None
    if live is None or section is None or section.params.get("key") != key:
        return None
    return live.sections.calibration
