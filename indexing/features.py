"""Numbers known of every item beside its popularity: how many rated it, how recent it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from indexing.behaviour.trending import TRENDING, trending
from indexing.catalog import Catalog
from indexing.catalog.learning import RecencyConfig
from indexing.nearest import nearest_rows
from indexing.popularity import Popularity
from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.attributes import DAY_US, Kind, kind_of, ordered_of
from shortlist.bundle.manifest import Section
from shortlist.bundle.sections import described, item_features
from shortlist.bundle.sections.item_features import MAX_POPULAR, ItemFeatures
from shortlist.bundle.vectors import AnyVectors

NEAREST = 30
_BLOCK_ROWS = 1 << 14
_REFERENCE_ITEMS = 20_000


def rating_volume(counts: npt.NDArray[np.int32]) -> FloatArray:
    """ln(1 + v) / ln(1 + the largest v) for rating counts v int32 [n]: float64 [n] in [0, 1].

    Counts are spread over orders of magnitude; the logarithm makes ten against a hundred weigh
    what a hundred weighs against a thousand. All 0 when nobody rated anything.
    """
    logs = np.log1p(counts.astype(np.float64))
    largest = logs.max(initial=0.0)
    return logs / largest if largest else logs


def rating_percentile(counts: npt.NDArray[np.int32]) -> FloatArray:
    """The share of items with fewer ratings, float64 [n] in [0, 1); 0 for an item without."""
    n_having = np.bincount(counts)
    n_fewer = np.cumsum(n_having) - n_having
    return n_fewer[counts] / max(1, len(counts))


def recency(values: FloatArray, *, half_life: float) -> FloatArray:
    """2^-((newest − value) / half_life), float64 [n] in (0, 1]: the newest item has 1.

    `values` float64 [n] is a year or another number that grows with time, NaN where it is not
    known: such an item gets the mean of the others, which says neither new nor old. All 1 when
    no value is known.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.ones(len(values))
    found: FloatArray = np.exp2(-(values[known].max() - values) / half_life)
    return np.where(known, found, found[known].mean())


def most_rated(counts: npt.NDArray[np.int32], *, limit: int) -> RowArray:
    """The rows of up to `limit` rated items, most ratings first, ties in rising row order."""
    least = 1
    if len(counts) > limit:  # most are left out before any are put in order
        least = max(1, int(np.partition(counts, -limit)[-limit]))
    rows = np.flatnonzero(counts >= least)
    return rows[np.argsort(-counts[rows].astype(np.int64), kind="stable")[:limit]]


def nearest_means(
    vectors: AnyVectors, wanted: RowArray, known: RowArray, values: FloatArray
) -> FloatArray:
    """What the 30 nearest known rows have, weighted by similarity: float64 [w, f].

    `vectors` float32 unit rows [n, dim]; `wanted` and `known` rows int64; `values` float64
    [known, f]. A similarity below 0 counts as 0; with none above, the plain mean.
    Source: the k nearest neighbours estimate with similarity weights.
    """
    n_nearest = min(NEAREST, len(known))
    found = np.empty((len(wanted), values.shape[1]))
    reference = vectors[known]
    for begin in range(0, len(wanted), _BLOCK_ROWS):
        asked = vectors[wanted[begin : begin + _BLOCK_ROWS]]
        similarities, nearest = nearest_rows(asked, reference, n_nearest)
        weights = np.maximum(similarities.astype(np.float64), 1e-9)
        sums = np.einsum("wk,wkf->wf", weights, values[nearest])
        found[begin : begin + len(weights)] = sums / weights.sum(axis=1, keepdims=True)
    return found


def write_features(
    folder: Path, catalog: Catalog, popularity: Popularity | None, vectors: AnyVectors
) -> Section:
    """The feature section: what follows from ratings, from events and the recency attribute."""
    features = ItemFeatures({}, np.zeros(catalog.n_items, dtype=np.uint8))
    if popularity is not None:
        features = rated_features(popularity, vectors)
    if catalog.acts is not None and catalog.config.events is not None:
        turned_to = trending(catalog.acts, catalog.config.events, n_items=catalog.n_items)
        features = replace(features, columns={**features.columns, TRENDING: turned_to})
    return write_with_recency(folder, features, catalog.config.recency, catalog.items.attributes)


def write_with_recency(
    folder: Path,
    features: ItemFeatures,
    wanted: RecencyConfig | None,
    attributes: Mapping[str, pa.Array],
) -> Section:
    """The feature section with how recent each item is, where a catalogue names an attribute."""
    params: dict[str, str | float] = {}
    if wanted is not None:
        moments = _moments(attributes[wanted.attribute])
        recent = {"recency": recency(moments, half_life=wanted.half_life)}
        features = replace(features, columns={**features.columns, **recent})
        params = {"recency_attribute": wanted.attribute, "half_life": wanted.half_life}
    item_features.write_features(folder, features)
    return described(item_features.SECTION, **params)


def _moments(column: pa.Array) -> FloatArray:
    """The numbers of a column, NaN for none; times in days."""
    values, known = ordered_of(column)
    unit = DAY_US if kind_of(column) is Kind.TIME else 1
    return np.where(known, values / unit, np.nan)


def rated_features(
    popularity: Popularity, vectors: AnyVectors, *, known_before: ItemFeatures | None = None
) -> ItemFeatures:
    """Features from ratings; what a cold item lacks is taken from its nearest neighbours.

    Neighbours are looked for among the 20,000 items with the most ratings. Where features are
    `known_before`, those of cold items are taken over but for items that have NaN there.
    """
    counts = popularity.columns.rating_count
    expected = popularity.columns.popularity_score.copy()
    volume = rating_volume(counts)
    is_cold = counts == 0
    known = np.sort(reference_items(counts))
    if known_before is not None:
        for values, name in ((expected, "expected_popularity"), (volume, "rating_volume")):
            values[is_cold] = known_before.columns[name][is_cold]
        is_cold &= np.isnan(volume)
    cold = np.flatnonzero(is_cold)
    if len(cold) and len(known):
        values = np.stack([expected[known], volume[known]], axis=1)
        expected[cold], volume[cold] = nearest_means(vectors, cold, known, values).T
    elif len(cold):
        expected[cold], volume[cold] = popularity.columns.popularity_score[cold], 0.0
    return ItemFeatures(
        columns={
            "expected_popularity": expected,
            "rating_volume": volume,
            "rating_percentile": rating_percentile(counts),
        },
        estimated=((counts == 0) & (len(known) > 0)).astype(np.uint8),
        popular=most_rated(counts, limit=MAX_POPULAR),
    )


def reference_items(counts: npt.NDArray[np.int32]) -> RowArray:
    """The items among which cold ones have their neighbours: the 20,000 with most ratings."""
    return most_rated(counts, limit=_REFERENCE_ITEMS)
