"""A version as it would be had it been built from other users' ratings only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.corpus import popularity_columns
from indexing.neighbours.learn import learn_neighbours
from indexing.neighbours.likes import Likes, read_likes
from indexing.popularity import weighted_ratings
from indexing.sections import liked_from, rated_features
from shortlist.engine.snapshot import Snapshot


@dataclass(frozen=True)
class Without:
    """A snapshot that knows nothing of some users, and the likes that it was learnt from."""

    snapshot: Snapshot
    likes: Likes


def learnt_from(snapshot: Snapshot, catalog: Catalog, ratings: pd.DataFrame) -> Without:
    """The snapshot with popularity, rating features and neighbours from these ratings alone.

    Documents stay as they are, also the tags in them that the users left out have given.
    """
    config = catalog.config
    assert config.ratings is not None
    popularity = weighted_ratings(
        ratings,
        catalog.n_items,
        highest=config.ratings.scale[1],
        prior_quantile=config.popularity.prior_quantile,
    )
    bundle = snapshot.bundle
    rated = rated_features(popularity, np.asarray(bundle.vectors))
    own = bundle.sections.features.columns if bundle.sections.features else {}
    kept = {name: values for name, values in own.items() if name not in rated.columns}
    likes = read_likes(ratings, catalog.items.ids, liked_from=liked_from(catalog))
    learnt = learn_neighbours(
        likes,
        n_items=catalog.n_items,
        model=config.neighbours.model,
        regularisation=config.neighbours.regularisation,
        quiet=True,
    )
    sections = replace(
        bundle.sections,
        features=replace(rated, columns={**rated.columns, **kept}),
        neighbours=None if learnt is None else learnt.neighbours,
    )
    items = replace(bundle.items, popularity=popularity_columns(popularity))
    return Without(replace(snapshot, bundle=replace(bundle, items=items, sections=sections)), likes)
