"""The optional parts of a bundle: titles, features, neighbours, calibration."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from indexing.catalog import Catalog
from indexing.features import (
    most_rated,
    neighbour_means,
    rating_percentile,
    rating_volume,
    recency,
)
from indexing.neighbours.learn import learn_neighbours
from indexing.neighbours.likes import Likes, default_liked_from, read_likes
from indexing.neighbours.lists import as_lists, as_matrix
from indexing.popularity import Popularity
from indexing.titles import all_variants
from shortlist.bundle.arrays import Csr
from shortlist.bundle.manifest import Section
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections import calibration, described
from shortlist.bundle.sections import item_features as features
from shortlist.bundle.sections import neighbour_lists as neighbours
from shortlist.bundle.sections import title_index as titles
from shortlist.bundle.sections.calibration import Calibration, calibrate
from shortlist.bundle.sections.item_features import MAX_POPULAR, ItemFeatures
from shortlist.bundle.sections.neighbour_lists import Neighbours

log = logging.getLogger(__name__)

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
    rated = _unrated(catalog.n_items) if popularity is None else rated_features(popularity, vectors)
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


def rated_features(popularity: Popularity, vectors: FloatArray) -> ItemFeatures:
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


def catalog_likes(catalog: Catalog) -> Likes | None:
    """Who likes what; None for a catalogue that does not say, or whose settings do not ask."""
    if catalog.ratings is None or not catalog.config.learns_neighbours:
        return None
    return read_likes(catalog.ratings.table, catalog.items.ids, liked_from=liked_from(catalog))


def liked_from(catalog: Catalog) -> float:
    """The least rating that is a like in this catalogue, which has ratings."""
    asked = catalog.config.neighbours.liked_from
    if asked is not None:
        return asked
    assert catalog.config.ratings is not None
    return default_liked_from(catalog.config.ratings.scale)


def write_neighbours(folder: Path, catalog: Catalog, *, live: Bundle | None) -> Section | None:
    """The neighbour section; taken over from `live` when likes and settings are unchanged.

    None where no two items are liked by the same user.
    """
    likes = catalog_likes(catalog)
    if likes is None:
        return None
    settings = catalog.config.neighbours
    key = hashlib.sha256(
        f"{neighbours.VERSION} {settings.model} {settings.regularisation} {likes.digest()}".encode()
    ).hexdigest()
    known = _live_neighbours(live, catalog, key)
    if known is not None:
        log.info("neighbours taken over: no like has changed")
        model, found = known
    else:
        learnt = learn_neighbours(
            likes,
            n_items=catalog.n_items,
            model=settings.model,
            regularisation=settings.regularisation,
        )
        if learnt is None:
            return None
        model, found = learnt.model, learnt.neighbours
    neighbours.write_neighbours(folder, found)
    return described(neighbours.SECTION, key=key, model=str(model))


def _live_neighbours(
    live: Bundle | None, catalog: Catalog, key: str
) -> tuple[str, Neighbours] | None:
    """The live model and neighbours at the rows that their items have now."""
    section = live.manifest.sections.get(neighbours.SECTION) if live else None
    if live is None or section is None or section.params.get("key") != key:
        return None
    found = live.sections.neighbours
    if found is None:
        return None
    row_of = pd.Series(np.arange(catalog.n_items), index=catalog.items.ids.astype("str"))
    ids = pd.Series(live.ids.ids.to_pandas()).astype("str")
    rows = row_of.reindex(ids).fillna(-1).to_numpy(np.int64)
    return str(section.params["model"]), Neighbours(
        _moved(found.collaborative, rows, catalog.n_items),
        _moved(found.co_liked, rows, catalog.n_items),
    )


def _moved(lists: Csr, rows: npt.NDArray[np.int64], n_items: int) -> Csr:
    """The lists with row i at `rows[i]`; items that are gone (-1) have no neighbours."""
    kept = np.flatnonzero(rows >= 0)
    return as_lists(as_matrix(lists)[kept][:, kept], rows[kept], n_items=n_items)


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
