"""What the live bundle holds: all that a client needs to offer its controls."""

from __future__ import annotations

from dataclasses import dataclass

from shortlist.bundle.attributes import Kind, kind_of
from shortlist.bundle.profiles import Profile
from shortlist.bundle.wording import AttributeInfo
from shortlist.engine.facets import Facets
from shortlist.engine.features import Source, available_features, features_from
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import sort_names


@dataclass(frozen=True)
class CatalogAttribute:
    """An attribute: its type, and how people read it where the catalogue says so."""

    name: str
    type: Kind
    label: str | None
    unit: str | None
    decimals: int | None


@dataclass(frozen=True)
class CatalogAnswer:
    """The live version in short.

    `features` can be weighed in every ranked list, `taste_features` only where an item is given.
    `similar_profile`, `recommend_profile` and `steered_profile` (a taste with a text) are those of
    their lists when none is named. `sorts` is what lists can be ordered by.
    `rating_scale` is the lowest and highest rating, None without ratings. `facets` count all
    items that are not blocked.
    """

    name: str
    index_version: str
    created_at: str
    items: int
    profiles: dict[str, Profile]
    default_profile: str
    similar_profile: str
    recommend_profile: str
    steered_profile: str
    features: list[str]
    taste_features: list[str]
    rating_scale: tuple[float, float] | None
    facets: Facets
    sorts: list[str]
    attributes: list[CatalogAttribute]
    has_descriptions: bool


def overview(snapshot: Snapshot) -> CatalogAnswer:
    """The live version's profiles, features and facets."""
    bundle, manifest = snapshot.bundle, snapshot.bundle.manifest
    every = available_features(bundle, taste=True)
    profiles = {  # with those weights that count in this bundle, in the order of the features
        name: one.model_copy(
            update={"weights": {of: one.weights[of] for of in every if of in one.weights}}
        )
        for name, one in manifest.profiles.items()
    }
    of_tastes = manifest.recommend_profile or manifest.default_profile
    return CatalogAnswer(
        name=manifest.catalog.name,
        index_version=snapshot.version,
        created_at=manifest.created_at,
        items=bundle.n_items,
        profiles=profiles,
        default_profile=manifest.default_profile,
        similar_profile=manifest.similar_profile or manifest.default_profile,
        recommend_profile=of_tastes,
        steered_profile=manifest.steered_profile or of_tastes,
        features=list(available_features(bundle)),
        taste_features=[
            one for one in features_from(Source.STEERING, Source.LIKES) if one in every
        ],
        rating_scale=None if manifest.popularity is None else manifest.popularity.scale,
        facets=snapshot.facets,
        sorts=sort_names(bundle),
        attributes=[
            CatalogAttribute(
                name, kind_of(column), **dict(manifest.attributes.get(name, AttributeInfo()))
            )
            for name, column in bundle.items.attributes.items()
        ],
        has_descriptions="description" in bundle.items.display,
    )
