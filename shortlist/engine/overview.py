"""What the live bundle holds: all that a client needs to offer its controls."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.bundle.manifest import TASTE_FEATURES
from shortlist.engine.facets import CATEGORIES, Facets, count_facets
from shortlist.engine.filters import numeric_attributes
from shortlist.engine.plan import available_features
from shortlist.engine.pool import Scope
from shortlist.engine.snapshot import Snapshot


@dataclass(frozen=True)
class ProfileShown:
    """A named set of weights and how deep it looks."""

    n_candidates: int
    n_popular: int
    n_neighbours: int
    weights: dict[str, float]


@dataclass(frozen=True)
class CatalogAnswer:
    """The live version in short.

    `features` can be weighed in every ranked list, `taste_features` only where an item is given.
    `similar_profile` and `recommend_profile` are those of their lists when none is named.
    `rating_scale` is the lowest and highest rating, None without ratings. `facets` count all
    items that are not blocked.
    """

    name: str
    index_version: str
    created_at: str
    items: int
    profiles: dict[str, ProfileShown]
    default_profile: str
    similar_profile: str
    recommend_profile: str
    features: list[str]
    taste_features: list[str]
    rating_scale: tuple[float, float] | None
    facets: Facets


def catalog(snapshot: Snapshot) -> CatalogAnswer:
    """The live version's profiles, features and facets."""
    bundle, manifest = snapshot.bundle, snapshot.bundle.manifest
    every = available_features(bundle, taste=True)
    rows = Scope(None, snapshot.blocked_rows, bundle.n_items).all_rows()
    return CatalogAnswer(
        name=manifest.catalog.name,
        index_version=snapshot.version,
        created_at=manifest.created_at,
        items=bundle.n_items,
        profiles={
            name: ProfileShown(
                n_candidates=profile.n_candidates,
                n_popular=profile.n_popular,
                n_neighbours=profile.n_neighbours,
                weights={one: profile.weights[one] for one in every if one in profile.weights},
            )
            for name, profile in manifest.profiles.items()
        },
        default_profile=manifest.default_profile,
        similar_profile=manifest.similar_profile or manifest.default_profile,
        recommend_profile=manifest.recommend_profile or manifest.default_profile,
        features=list(available_features(bundle)),
        taste_features=[feature for feature in every if feature in TASTE_FEATURES],
        rating_scale=None if manifest.popularity is None else manifest.popularity.scale,
        facets=count_facets(bundle, (CATEGORIES, *numeric_attributes(bundle)), rows),
    )
