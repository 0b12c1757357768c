"""A query with everything decided: what is looked for, among which rows, and what it weighs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from shortlist.bundle.arrays import RowArray, Vectors
from shortlist.bundle.profiles import Profile
from shortlist.bundle.reader import Bundle
from shortlist.engine import features
from shortlist.engine.conditions import NO_FILTERS, Filters, Near
from shortlist.engine.features import ABSENT, FEATURES, POPULARITY, Source
from shortlist.engine.filters import Passing, passing
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.query import DEFAULT_K, MAX_CANDIDATES, Query, RankedQuery
from shortlist.engine.ranking import VARIED
from shortlist.engine.reading import Reading
from shortlist.engine.row_sets import RowSet
from shortlist.engine.snapshot import Snapshot
from shortlist.engine.sorting import SortKey, read_sort
from shortlist.errors import FeatureUnavailable, InvalidParameter

RECENCY, CATALOGUE = "recency", "catalogue"
"""How a list without a text is ordered where there is no popularity: the newest first, or as the
catalogue has its items."""


WHOLE_UP_TO = 20_000
"""In a catalogue of so many items facets compare all with a text, which takes 3 ms."""


@dataclass(frozen=True)
class Plan:
    """Decisions for one query.

    `vector` is float32 unit [dim], None to order by popularity alone, unless `encode` is still to
    give it; `text` is for the lanes of
    words and titles, "" without one; `like` is the row whose like is wanted, None for other
    questions; `taste` is what the query gives of somebody's likes, and
    `text_vector` float32 unit [dim] is the text's own beside a taste. `among` are the rows
    that pass a filter, None without one; `left_out` (int64, rising) never are
    candidates: blocked items, and those that were given; `n_matches` of `n_items` may be. `weights`
    are of features that the bundle has, in the order of the registry; `k` results are wanted of
    `n_candidates` retrieved ones, `n_popular`, `n_neighbours` and `n_words` join
    them. `read` are the filters that the text names in words. `sort` is the order that was asked
    for, and `near` the point that distances are from; `passing` is the filter part by part. Of a
    list without a vector the first `depth` that have the least score are put in order. `prior` are
    the weights of the taste of who searches, beside those of any profile. Where facets are
    `counted` in a large catalogue, what is nearest to a text is asked for beyond the candidates.
    """

    vector: Vectors | None
    encode: Callable[[], Vectors] | None
    text: str
    like: int | None
    text_vector: Vectors | None
    taste: Taste | None
    among: RowSet | None
    left_out: RowArray
    n_items: int
    n_matches: int
    profile: str
    k: int
    n_candidates: int
    n_popular: int
    n_neighbours: int
    n_words: int
    weights: dict[str, float]
    read: tuple[Reading, ...] = ()
    sort: tuple[SortKey, ...] = ()
    near: Near | None = None
    passing: Passing | None = None
    depth: int = MAX_CANDIDATES
    min_score: float | None = None
    prior: Mapping[str, float] | None = None
    counted: bool = False

    @property
    def compares(self) -> bool:
        """Whether items are compared with a vector."""
        return self.vector is not None or self.encode is not None

    def encoded(self) -> Plan:
        """The same with its vector, which the text is encoded for if it has not been."""
        return self if self.encode is None else replace(self, vector=self.encode(), encode=None)

    @property
    def filters(self) -> Filters | None:
        """The filter that `among` passes, None without one."""
        return None if self.passing is None else self.passing.wanted


def make_plan(
    snapshot: Snapshot,
    query: Query,
    *,
    vector: Vectors | None,
    encode: Callable[[], Vectors] | None = None,
    text: str = "",
    like: int | None = None,
    text_vector: Vectors | None = None,
    filters: Filters | None = None,
    taste: Taste | None = None,
    left_out: RowArray | None = None,
    preferred: str | None = None,
    read: tuple[Reading, ...] = (),
    prior: Mapping[str, float] | None = None,
    offset: int = 0,
) -> Plan:
    """Decide what the query leaves open.

    `filters` replace the query's own, where the text adds to them. `prior` are weights of features
    of the taste of who searches: they join those of the profile that it does not have, and bring no
    candidates. `preferred` is the profile of
    this kind of query where the bundle names one; without a `vector`, now or by `encode`, the list
    is by popularity, by recency or as the catalogue has it. It is read behind `offset` results.
    Raises InvalidParameter for k above n_candidates, an unknown profile, weights that are all 0,
    weights of a taste's features without one, and what a filter refuses; FeatureUnavailable for a
    weight of a feature that this bundle does not have.
    """
    bundle, compares = snapshot.bundle, vector is not None or encode is not None
    if not compares:
        name, profile = _browsing(bundle, query)
    else:
        name, profile = _profile(bundle, query, preferred)
    replaced = query.weights if isinstance(query, RankedQuery) else {}
    blocked = snapshot.blocked_rows
    left_out = blocked if left_out is None else np.union1d(blocked, left_out).astype(np.int64)
    n_candidates = _given(query.n_candidates, profile.n_candidates)
    k = _given(query.k, min(DEFAULT_K, n_candidates))
    if k > n_candidates:
        raise InvalidParameter("k", f"expected 1 to n_candidates ({n_candidates}), found {k}")
    n_items = bundle.manifest.counts.items
    filters = query.filters if filters is None else filters
    parts = None if filters == NO_FILTERS else passing(bundle, filters, left_out, snapshot.kept)
    among = None if parts is None else parts.whole
    return Plan(
        vector=vector,
        encode=encode,
        text=text,
        like=like,
        text_vector=text_vector,
        taste=taste,
        among=among,
        left_out=left_out,
        n_items=n_items,
        n_matches=n_items - len(left_out) if among is None else len(among),
        profile=name,
        k=k,
        n_candidates=n_candidates,
        n_popular=_given(getattr(query, "n_popular", None), profile.n_popular),
        n_neighbours=_n_neighbours(query, profile, prior),
        n_words=_given(getattr(query, "n_words", None), profile.n_words),
        weights=_weights(
            bundle,
            {**(prior or {}), **profile.weights, **replaced},
            replaced,
            taste=taste is not None,
            text=bool(text.strip()),
            item=like is not None,
            steers=text_vector is not None,
        )
        if compares
        else dict(profile.weights),
        read=read,
        sort=read_sort(bundle, query),
        near=query.filters.near,
        passing=parts,
        depth=max(n_candidates, offset + k + VARIED),
        min_score=query.min_score,
        prior=prior,
        counted=bool(query.facets) and n_items > WHOLE_UP_TO,
    )


def by_profile(bundle: Bundle, query: Query, plan: Plan, name: str) -> Plan:
    """The plan of the same query where another profile ranks; it must rank k results or more."""
    profile = bundle.manifest.profiles[name]
    return replace(
        plan,
        profile=name,
        n_candidates=_given(query.n_candidates, profile.n_candidates),
        n_popular=_given(getattr(query, "n_popular", None), profile.n_popular),
        n_neighbours=_n_neighbours(query, profile, plan.prior),
        n_words=_given(getattr(query, "n_words", None), profile.n_words),
        weights=_weights(
            bundle,
            {**(plan.prior or {}), **profile.weights},
            {},
            taste=plan.taste is not None,
            text=bool(plan.text.strip()),
            item=plan.like is not None,
            steers=plan.text_vector is not None,
        ),
    )


def _n_neighbours(query: Query, profile: Profile, prior: Mapping[str, float] | None) -> int:
    """How many neighbours join; a taste that is a prior alone brings no candidates."""
    if prior is not None:
        return 0
    return _given(getattr(query, "n_neighbours", None), profile.n_neighbours)


def _given(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _browsing(bundle: Bundle, query: Query) -> tuple[str, Profile]:
    """What a list without a text is ordered by: the first of three that the catalogue has."""
    if isinstance(query, RankedQuery) and (query.profile is not None or query.weights):
        raise InvalidParameter("profile", "a list without a text has no profile and no weights")
    found = bundle.sections.features
    if bundle.items.popularity is not None:
        name, weights = POPULARITY, {POPULARITY: 1.0}
    elif found is not None and RECENCY in found.columns:
        name, weights = RECENCY, {RECENCY: 1.0}
    else:
        name, weights = CATALOGUE, {}
    # Built past its validation: the catalogue's own order has no weight above 0.
    return name, Profile.model_construct(
        n_candidates=MAX_CANDIDATES, n_popular=0, n_neighbours=0, n_words=0, weights=weights
    )


def _profile(bundle: Bundle, query: Query, preferred: str | None) -> tuple[str, Profile]:
    profiles = bundle.manifest.profiles
    usual = bundle.manifest.default_profile if preferred is None else preferred
    wanted = getattr(query, "profile", None)
    name = usual if wanted is None else wanted
    if name not in profiles:
        known = ", ".join(sorted(profiles))
        raise InvalidParameter("profile", f"expected one of: {known}; found {name[:80]!r}")
    return name, profiles[name]


def _weights(
    bundle: Bundle,
    wanted: Mapping[str, float],
    replaced: Mapping[str, float],
    *,
    taste: bool,
    text: bool,
    item: bool,
    steers: bool,
) -> dict[str, float]:
    """Those of the `wanted` weights that are of features that there are; `replaced` were given."""
    available = features.available_features(
        bundle, taste=taste, text=text, item=item, steers=steers
    )
    for name, weight in replaced.items():
        if not weight or name in available:
            continue
        if FEATURES[name].source is Source.LIKES and not taste:
            raise InvalidParameter(
                f"weights.{name}", "a search has none: ask for similar items or for recommendations"
            )
        if name not in features.available_features(bundle, taste=True, text=True):
            raise FeatureUnavailable(f"{name}: {ABSENT[FEATURES[name].source]}")
        if FEATURES[name].source is Source.STEERING and not taste:
            raise InvalidParameter(f"weights.{name}", "a search has only a text: weigh similarity")
        # otherwise it is of a text, and there is none: it would be 0 for all
    weights = {name: wanted[name] for name in available if name in wanted}
    if not any(weights.values()):
        raise InvalidParameter(
            f"weights.{features.SIMILARITY}",
            f"expected a weight above 0 for at least one of: {', '.join(available)}",
        )
    return weights
