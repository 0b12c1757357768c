"""What somebody likes and dislikes, as weights on rows and as a query vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray, Vectors
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections.neighbour_lists import SECTION
from shortlist.bundle.tables import ItemId
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.query import MAX_LIKED, Rated, RecommendQuery
from shortlist.errors import FeatureUnavailable, InvalidParameter

DISLIKE = 0.5
"""What a disliked item weighs against a liked one."""

_LEAST_LENGTH = 1e-6


def read_taste(bundle: Bundle, query: RecommendQuery) -> Taste:
    """The known items of a query, liked ones first, with their weights; see `ask`.

    Raises InvalidParameter when nothing is given, when no given id is known (naming them) and
    for a rating off the scale, FeatureUnavailable for a rating where there is no scale.
    """
    liked = _known(bundle, query.given[: len(query.liked)])
    disliked = _known(bundle, query.disliked)
    _check(query, n_known=len(liked) + len(disliked))
    weights = _rating_weights(bundle, query)
    given = [weights.get(one, 1.0) for one in liked]
    interactions, likes = _as_learnt(bundle, query, list(liked)) or (given, given)
    rows, less = [*liked.values(), *disliked.values()], [-DISLIKE] * len(disliked)
    return Taste(
        rows=np.array(rows, dtype=np.int64),
        weights=np.array([*given, *less]),
        n_liked=len(liked),
        interactions=np.array([*interactions, *less]),
        likes=np.array([*likes, *less]),
    )


def rated_taste(bundle: Bundle, rows: RowArray, ratings: FloatArray) -> Taste:
    """The taste of who rated these rows (int64 [g], each once) so (float64 [g], on the scale).

    Every item weighs as a liked one of this rating does in a query. The bundle must have a scale.
    """
    info, rule = bundle.manifest.popularity, _rule(bundle)
    assert info is not None
    middle = (info.scale[0] + info.scale[1]) / 2
    weights = (ratings - middle) / (info.scale[1] - middle)
    interactions = likes = weights
    if rule is not None:
        least, unliked = rule
        likes = (ratings >= least).astype(np.float64)
        interactions = np.where(ratings >= least, 1.0, unliked)
    return Taste(rows, weights, n_liked=len(rows), interactions=interactions, likes=likes)


def _as_learnt(
    bundle: Bundle, query: RecommendQuery, liked: Sequence[ItemId]
) -> tuple[list[float], list[float]] | None:
    """What each liked item counts as an interaction and as a like, as this bundle learnt from them.

    A rating is a like, or counts what ratings below one did; an item without is a like. None for a
    bundle that does not say.
    """
    rule = _rule(bundle)
    if rule is None:
        return None
    least, unliked = rule
    ratings = {one.item_id: one.rating for one in query.liked if isinstance(one, Rated)}
    is_liked = [ratings.get(one, least) >= least for one in liked]
    return [1.0 if each else unliked for each in is_liked], [float(one) for one in is_liked]


def _rule(bundle: Bundle) -> tuple[float, float] | None:
    """The least rating that is a like, and what a lower one counts, as neighbours were learnt."""
    section = bundle.manifest.sections.get(SECTION)
    params = {} if section is None else section.params
    least, unliked = params.get("liked_from"), params.get("unliked")
    if not isinstance(least, int | float) or not isinstance(unliked, int | float):
        return None
    return float(least), float(unliked)


def taste_vector(bundle: Bundle, taste: Taste, text: Vectors | None) -> Vectors:
    """The query vector of a taste and of a text's vector, float32 unit [dim]; see `ask`.

    Raises InvalidParameter when they cancel out.
    """
    n_liked = taste.n_liked
    wanted = np.zeros(bundle.vectors.shape[1])
    if text is not None:
        wanted += text
    wanted += _mean(bundle, taste.rows[:n_liked], taste.weights[:n_liked])
    wanted += DISLIKE * _mean(bundle, taste.rows[n_liked:], taste.weights[n_liked:])
    length = float(np.linalg.norm(wanted))
    if length < _LEAST_LENGTH:
        if not np.any(taste.weights) and text is None:
            raise InvalidParameter(
                "liked", "every rating is the middle of the scale: no preference"
            )
        raise InvalidParameter("liked", "what is liked and what is disliked cancel out")
    return (wanted / length).astype(np.float32)


def _mean(bundle: Bundle, rows: RowArray, weights: FloatArray) -> FloatArray:
    """The mean vector of these rows, float64 [dim], by weights of either sign; 0 for none."""
    total = float(np.abs(weights).sum()) or 1.0
    mean: FloatArray = (weights / total) @ bundle.vectors[rows].astype(np.float64)
    return mean


def _known(bundle: Bundle, ids: Sequence[ItemId]) -> dict[ItemId, int]:
    """The rows of those ids that some item has, each id once."""
    rows = {item_id: bundle.ids.row_of(item_id) for item_id in ids}
    return {item_id: row for item_id, row in rows.items() if row is not None}


def _check(query: RecommendQuery, *, n_known: int) -> None:
    given = query.given
    if len(given) > MAX_LIKED:
        raise InvalidParameter("liked", f"expected at most {MAX_LIKED} ids, found {len(given)}")
    if not given and not query.text.strip():
        raise InvalidParameter("liked", "expected an item or a text, found neither")
    if given and not n_known:
        listed = ", ".join(map(repr, given[:10]))
        raise InvalidParameter("liked", f"no item has any of the ids {listed}")


def _rating_weights(bundle: Bundle, query: RecommendQuery) -> dict[ItemId, float]:
    """(r - m) / (h - m) for each rating r, in [-1, 1]; m is the middle, h the top of the scale."""
    ratings = {one.item_id: one.rating for one in query.liked if isinstance(one, Rated)}
    if not ratings:
        return {}
    info = bundle.manifest.popularity
    if info is None:
        raise FeatureUnavailable("this catalogue has no ratings, so a rating has no scale")
    lowest, highest = info.scale
    middle = (lowest + highest) / 2
    for item_id, rating in ratings.items():
        if not lowest <= rating <= highest:
            raise InvalidParameter(
                "liked",
                f"rating of {item_id!r}: expected {lowest:g} to {highest:g}, found {rating:g}",
            )
    return {one: (rating - middle) / (highest - middle) for one, rating in ratings.items()}
