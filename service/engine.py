"""The use-cases, free of HTTP: search."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from indexing.bundle.manifest import Profile
from indexing.bundle.tables import ItemId
from indexing.errors import InvalidParameter
from service.ranking import Ranking, rank
from service.retrieval.base import Candidates
from service.snapshot import Snapshot

MAX_CANDIDATES = 1000
MAX_QUERY_CHARACTERS = 1000
DEFAULT_K = 10


@dataclass(frozen=True)
class SearchQuery:
    """One search. None means what the profile says, for `k` 10 or its depth if that is less.

    `weights` replace those of the profile's features.
    """

    text: str
    k: int | None = None
    n_candidates: int | None = None
    profile: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """One term of a score: contribution = value × weight."""

    feature: str
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True)
class Result:
    """One item of an answer; `rank` and `retrieval_rank` count from 1."""

    rank: int
    item_id: ItemId
    title: str
    categories: list[str]
    attributes: dict[str, int | float | str | None]
    score: float
    retrieval_score: float
    popularity_score: float | None
    retrieval_rank: int
    rating_count: int | None
    mean_rating: float | None
    components: list[Component]


@dataclass(frozen=True)
class SearchAnswer:
    """The k best candidates in order, and what they were chosen with."""

    query: str
    index_version: str
    profile: str
    took_ms: float
    k: int
    n_candidates: int
    exact: bool
    results: list[Result]


@dataclass(frozen=True)
class _Plan:
    """A query with everything decided; `weights` only of features the bundle has."""

    profile: str
    k: int
    n_candidates: int
    weights: dict[str, float]


def search(snapshot: Snapshot, query: SearchQuery) -> SearchAnswer:
    """Retrieve, rank and describe the k best items for a text.

    Raises InvalidParameter for a blank or overlong text, k or n_candidates out of
    1 <= k <= n_candidates <= 1000, an unknown profile, and weights out of 0 to 10 or all 0.
    """
    started = time.perf_counter()
    _check_text(query.text)
    plan = _plan(snapshot, query)
    vector = snapshot.encoder.encode(query.text)
    candidates = _retrieve(snapshot, vector, plan.n_candidates)
    features = _features(snapshot, candidates, list(plan.weights))
    ranking = rank(features, np.array(list(plan.weights.values())))
    return SearchAnswer(
        query=query.text,
        index_version=snapshot.version,
        profile=plan.profile,
        k=plan.k,
        n_candidates=plan.n_candidates,
        exact=candidates.exact,
        results=_results(snapshot, candidates, features, ranking, plan),
        took_ms=round((time.perf_counter() - started) * 1e3, 3),
    )


def _check_text(text: str) -> None:
    if not text.strip():
        raise InvalidParameter("q", "expected a text, found none or only blanks")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise InvalidParameter(
            "q", f"expected at most {MAX_QUERY_CHARACTERS} characters, found {len(text)}"
        )


def _plan(snapshot: Snapshot, query: SearchQuery) -> _Plan:
    name, profile = _profile(snapshot, query.profile)
    n_candidates = profile.n_candidates if query.n_candidates is None else query.n_candidates
    if not 1 <= n_candidates <= MAX_CANDIDATES:
        raise InvalidParameter(
            "n_candidates", f"expected 1 to {MAX_CANDIDATES}, found {n_candidates}"
        )
    k = min(DEFAULT_K, n_candidates) if query.k is None else query.k
    if not 1 <= k <= n_candidates:
        raise InvalidParameter("k", f"expected 1 to n_candidates ({n_candidates}), found {k}")
    return _Plan(name, k, n_candidates, _weights(snapshot, profile, query.weights))


def _profile(snapshot: Snapshot, wanted: str | None) -> tuple[str, Profile]:
    manifest = snapshot.bundle.manifest
    name = manifest.default_profile if wanted is None else wanted
    if name not in manifest.profiles:
        known = ", ".join(sorted(manifest.profiles))
        raise InvalidParameter("profile", f"expected one of: {known}; found {name!r}")
    return name, manifest.profiles[name]


def _weights(
    snapshot: Snapshot, profile: Profile, replaced: Mapping[str, float]
) -> dict[str, float]:
    """The weights of the features this bundle has, in a fixed order."""
    for feature, weight in replaced.items():
        if not (math.isfinite(weight) and 0 <= weight <= 10):
            raise InvalidParameter(f"w_{feature}", f"expected 0 to 10, found {weight}")
    wanted = {**profile.weights, **replaced}
    has_ratings = snapshot.bundle.items.popularity is not None
    known = ("similarity", "popularity") if has_ratings else ("similarity",)
    weights = {feature: wanted[feature] for feature in known if feature in wanted}
    if not any(weights.values()):
        raise InvalidParameter(
            "w_similarity", f"expected a weight above 0 for at least one of: {', '.join(known)}"
        )
    return weights


def _retrieve(snapshot: Snapshot, vector: npt.NDArray[np.float32], n_candidates: int) -> Candidates:
    """The candidates without blocked items; so many more are retrieved that none is missing."""
    blocked = snapshot.blocked_rows
    if not len(blocked):
        return snapshot.retriever.retrieve(vector, n_candidates)
    found = snapshot.retriever.retrieve(vector, n_candidates + len(blocked))
    return found.without(blocked).head(n_candidates)


def _features(
    snapshot: Snapshot, candidates: Candidates, names: list[str]
) -> npt.NDArray[np.float64]:
    """The feature matrix float64 [m, f] of the candidates, columns as named."""
    columns: dict[str, npt.NDArray[np.float64]] = {
        "similarity": candidates.scores.astype(np.float64)
    }
    popularity = snapshot.bundle.items.popularity
    if popularity is not None:
        columns["popularity"] = popularity.popularity_score[candidates.rows]
    return np.stack([columns[name] for name in names], axis=1)


def _results(
    snapshot: Snapshot,
    candidates: Candidates,
    features: npt.NDArray[np.float64],
    ranking: Ranking,
    plan: _Plan,
) -> list[Result]:
    k = plan.k
    places = ranking.order[:k]
    rows = candidates.rows[places]
    shown = zip(
        rows.tolist(),
        ranking.scores[:k].tolist(),
        candidates.scores[places].tolist(),
        places.tolist(),
        features[places].tolist(),
        ranking.contributions[:k].tolist(),
        strict=True,
    )
    return [
        _result(
            snapshot,
            row,
            rank=position,
            score=score,
            retrieval_score=similarity,
            retrieval_rank=place + 1,
            components=[
                Component(feature, value, weight, contribution)
                for (feature, weight), value, contribution in zip(
                    plan.weights.items(), values, contributions, strict=True
                )
            ],
        )
        for position, (row, score, similarity, place, values, contributions) in enumerate(shown, 1)
    ]


def _result(
    snapshot: Snapshot,
    row: int,
    *,
    rank: int,
    score: float,
    retrieval_score: float,
    retrieval_rank: int,
    components: list[Component],
) -> Result:
    items, popularity = snapshot.bundle.items, snapshot.bundle.items.popularity
    mean_rating = None if popularity is None else float(popularity.mean_rating[row])
    return Result(
        rank=rank,
        item_id=snapshot.bundle.ids.id_of(row),
        title=items.titles[row].as_py(),
        categories=items.categories.of(row),
        attributes={name: values[row].as_py() for name, values in items.attributes.items()},
        score=score,
        retrieval_score=retrieval_score,
        popularity_score=None if popularity is None else float(popularity.popularity_score[row]),
        retrieval_rank=retrieval_rank,
        rating_count=None if popularity is None else int(popularity.rating_count[row]),
        mean_rating=None if mean_rating is None or math.isnan(mean_rating) else mean_rating,
        components=components,
    )
