"""By which profile a query is ranked: how deep it looks, and what its features weigh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shortlist.bundle.profiles import Profile
from shortlist.bundle.reader import Bundle
from shortlist.engine import features
from shortlist.engine.features import ABSENT, FEATURES, POPULARITY, Source
from shortlist.engine.query import MAX_CANDIDATES, Query, RankedQuery
from shortlist.errors import FeatureUnavailable, InvalidParameter

RECENCY, CATALOGUE = "recency", "catalogue"
"""How a list without a text is ordered where there is no popularity: the newest first, or as the
catalogue has its items."""


@dataclass(frozen=True)
class Ranking:
    """What ranks a query.

    `n_candidates` are retrieved, `n_popular`, `n_neighbours` and `n_words` join them. `weights` are
    of features that the bundle has, in the order of the registry.
    """

    profile: str
    n_candidates: int
    n_popular: int
    n_neighbours: int
    n_words: int
    weights: dict[str, float]


@dataclass(frozen=True)
class Has:
    """What a query brings, as its features need it: likes, a text, an item, a text beside likes."""

    taste: bool
    text: bool
    item: bool
    steers: bool


def by_text(bundle: Bundle, query: Query, preferred: str | None) -> str:
    """The profile that the query names, that is preferred, or the bundle's.

    Raises InvalidParameter for one that the bundle does not have.
    """
    profiles = bundle.manifest.profiles
    usual = bundle.manifest.default_profile if preferred is None else preferred
    wanted = getattr(query, "profile", None)
    name = usual if wanted is None else wanted
    if name not in profiles:
        known = ", ".join(sorted(profiles))
        raise InvalidParameter("profile", f"expected one of: {known}; found {name[:80]!r}")
    return name


def ranking(
    bundle: Bundle,
    query: Query,
    name: str,
    has: Has,
    *,
    prior: Mapping[str, float] | None,
    replaced: Mapping[str, float],
) -> Ranking:
    """A profile of the bundle with what the query says itself; `replaced` are its own weights.

    `prior` are weights that join those that the profile does not have; with them a taste brings no
    candidates. Raises InvalidParameter for weights that are all 0 and for those of a taste's
    features without one, FeatureUnavailable for one of a feature that this bundle does not have.
    """
    profile = bundle.manifest.profiles[name]
    return Ranking(
        profile=name,
        n_candidates=_given(query, "n_candidates", profile),
        n_popular=_given(query, "n_popular", profile),
        n_neighbours=_given(query, "n_neighbours", profile) if prior is None else 0,
        n_words=_given(query, "n_words", profile),
        weights=_weights(bundle, {**(prior or {}), **profile.weights, **replaced}, replaced, has),
    )


def browsing(bundle: Bundle, query: Query) -> Ranking:
    """What a list without a text is ordered by: the first of three that the catalogue has.

    Raises InvalidParameter for a query that names a profile or weights.
    """
    if isinstance(query, RankedQuery) and (query.profile is not None or query.weights):
        raise InvalidParameter("profile", "a list without a text has no profile and no weights")
    found = bundle.sections.features
    if bundle.items.popularity is not None:
        name, weights = POPULARITY, {POPULARITY: 1.0}
    elif found is not None and RECENCY in found.columns:
        name, weights = RECENCY, {RECENCY: 1.0}
    else:
        name, weights = CATALOGUE, {}
    n_candidates = MAX_CANDIDATES if query.n_candidates is None else query.n_candidates
    n_popular, n_words, n_neighbours = (
        getattr(query, one, None) or 0 for one in ("n_popular", "n_words", "n_neighbours")
    )
    return Ranking(name, n_candidates, n_popular, n_neighbours, n_words, weights)


def _given(query: Query, name: str, profile: Profile) -> int:
    """How many the query says, else how many its profile does."""
    value: int | None = getattr(query, name, None)
    found: int = getattr(profile, name) if value is None else value
    return found


def _weights(
    bundle: Bundle,
    wanted: Mapping[str, float],
    replaced: Mapping[str, float],
    has: Has,
) -> dict[str, float]:
    """Those of the `wanted` weights that are of features that there are; `replaced` were given."""
    available = features.available_features(
        bundle, taste=has.taste, text=has.text, item=has.item, steers=has.steers
    )
    for name, weight in replaced.items():
        if not weight or name in available:
            continue
        if FEATURES[name].source is Source.LIKES and not has.taste:
            raise InvalidParameter(
                f"weights.{name}", "a search has none: ask for similar items or for recommendations"
            )
        if name not in features.available_features(bundle, taste=True, text=True):
            raise FeatureUnavailable(f"{name}: {ABSENT[FEATURES[name].source]}")
        if FEATURES[name].source is Source.STEERING and not has.taste:
            raise InvalidParameter(f"weights.{name}", "a search has only a text: weigh similarity")
        # otherwise it is of a text, and there is none: it would be 0 for all
    weights = {name: wanted[name] for name in available if name in wanted}
    if not any(weights.values()):
        raise InvalidParameter(
            f"weights.{features.SIMILARITY}",
            f"expected a weight above 0 for at least one of: {', '.join(available)}",
        )
    return weights
