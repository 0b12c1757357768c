"""A query with everything decided: depth, number of results, weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shortlist.bundle.manifest import (
    FEATURES,
    RATING_FEATURES,
    TASTE_FEATURES,
    TITLE_FEATURES,
    Profile,
)
from shortlist.bundle.reader import Bundle
from shortlist.engine.query import DEFAULT_K, MAX_CANDIDATES, Options
from shortlist.errors import FeatureUnavailable, InvalidParameter


@dataclass(frozen=True)
class Plan:
    """Decisions for one query; `weights` only of features the bundle has, in a fixed order."""

    profile: str
    k: int
    n_candidates: int
    n_popular: int
    n_neighbours: int
    weights: dict[str, float]

    @property
    def matches_titles(self) -> bool:
        """Whether the title lane contributes anything."""
        return any(self.weights.get(feature, 0.0) > 0 for feature in TITLE_FEATURES)


def make_plan(
    bundle: Bundle, query: Options, *, preferred: str | None = None, taste: bool = False
) -> Plan:
    """Decide what the query leaves open.

    `preferred` is the profile of this kind of query where the bundle names one; `taste` says that
    items are given that somebody likes. Raises InvalidParameter for k or n_candidates out of
    1 <= k <= n_candidates <= 1000, n_popular or n_neighbours out of 0 to 1000, an unknown
    profile, weights out of 0 to 10 or all 0, and weights of a taste's features without one;
    FeatureUnavailable for a weight of a feature that this bundle does not have.
    """
    name, profile = _profile(bundle, preferred if query.profile is None else query.profile)
    n_candidates = _within(
        "n_candidates", query.n_candidates, profile.n_candidates, lowest=1, highest=MAX_CANDIDATES
    )
    n_popular = _within(
        "n_popular", query.n_popular, profile.n_popular, lowest=0, highest=MAX_CANDIDATES
    )
    n_neighbours = _within(
        "n_neighbours", query.n_neighbours, profile.n_neighbours, lowest=0, highest=MAX_CANDIDATES
    )
    _check_diversity(query.diversity)
    k = _page_size(query, n_candidates)
    weights = _weights(bundle, profile, query.weights, taste=taste)
    return Plan(name, k, n_candidates, n_popular, n_neighbours, weights)


def popularity_plan(bundle: Bundle, query: Options) -> Plan:
    """The plan of a list by popularity: no profile, no other weight.

    Raises InvalidParameter as `make_plan`, FeatureUnavailable for a catalogue without ratings.
    """
    if bundle.items.popularity is None:
        raise FeatureUnavailable(f"popularity: {_why_absent('popularity')}")
    if query.profile is not None or query.weights:
        raise InvalidParameter("profile", "a list by popularity has no profile and no weights")
    n_candidates = _within(
        "n_candidates", query.n_candidates, MAX_CANDIDATES, lowest=1, highest=MAX_CANDIDATES
    )
    _check_diversity(query.diversity)
    k = _page_size(query, n_candidates)
    return Plan("popularity", k, n_candidates, 0, 0, {"popularity": 1.0})


def _page_size(query: Options, n_candidates: int) -> int:
    k = min(DEFAULT_K, n_candidates) if query.k is None else query.k
    if not 1 <= k <= n_candidates:
        raise InvalidParameter("k", f"expected 1 to n_candidates ({n_candidates}), found {k}")
    return k


def _check_diversity(diversity: float) -> None:
    if not 0 <= diversity <= 1:
        raise InvalidParameter("diversity", f"expected 0 to 1, found {diversity}")


def available_features(bundle: Bundle, *, taste: bool = False) -> tuple[str, ...]:
    """The features that this bundle has, in the order of an answer's components.

    Those of a `taste` only where there is one.
    """
    columns = bundle.sections.features.columns if bundle.sections.features else {}
    has = {
        "similarity": True,
        "popularity": bundle.items.popularity is not None,
        **dict.fromkeys(columns, True),
        **dict.fromkeys(TITLE_FEATURES, bundle.sections.titles is not None),
        **dict.fromkeys(TASTE_FEATURES, taste and bundle.sections.neighbours is not None),
    }
    return tuple(feature for feature in FEATURES if has.get(feature))


def _within(name: str, wanted: int | None, default: int, *, lowest: int, highest: int) -> int:
    value = default if wanted is None else wanted
    if not lowest <= value <= highest:
        raise InvalidParameter(name, f"expected {lowest} to {highest}, found {value}")
    return value


def _profile(bundle: Bundle, wanted: str | None) -> tuple[str, Profile]:
    profiles = bundle.manifest.profiles
    name = bundle.manifest.default_profile if wanted is None else wanted
    if name not in profiles:
        known = ", ".join(sorted(profiles))
        raise InvalidParameter("profile", f"expected one of: {known}; found {name!r}")
    return name, profiles[name]


def _weights(
    bundle: Bundle, profile: Profile, replaced: Mapping[str, float], *, taste: bool
) -> dict[str, float]:
    available = available_features(bundle, taste=taste)
    for feature, weight in replaced.items():
        if feature not in FEATURES:
            raise InvalidParameter(
                "weights", f"no such feature: {feature[:80]!r}; known: {', '.join(FEATURES)}"
            )
        if not (math.isfinite(weight) and 0 <= weight <= 10):
            raise InvalidParameter(f"w_{feature}", f"expected 0 to 10, found {weight}")
        if weight and feature in TASTE_FEATURES and not taste:
            raise InvalidParameter(
                f"w_{feature}", "a search has none: ask for similar items or for recommendations"
            )
        if weight and feature not in available:
            raise FeatureUnavailable(f"w_{feature}: {_why_absent(feature)}")
    wanted = {**profile.weights, **replaced}
    weights = {feature: wanted[feature] for feature in available if feature in wanted}
    if not any(weights.values()):
        raise InvalidParameter(
            "w_similarity",
            f"expected a weight above 0 for at least one of: {', '.join(available)}",
        )
    return weights


def _why_absent(feature: str) -> str:
    if feature in RATING_FEATURES:
        return "this catalogue has no ratings, or was built before this feature was there"
    if feature in TASTE_FEATURES:
        return "this catalogue has no ratings by users, or too few of them"
    if feature == "recency":
        return "this catalogue has no [recency]"
    return "this bundle was built without it; build it again"
