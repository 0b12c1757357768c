"""Who asks: what a user is known to have rated, and the taste that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.reader import Bundle
from shortlist.bundle.sections.users import ACTS, NEWEST, SECTION
from shortlist.bundle.tables import ItemId
from shortlist.engine.answer import Acquaintance
from shortlist.engine.features import FEATURES
from shortlist.engine.lanes.neighbour import Taste
from shortlist.engine.query import (
    PopularQuery,
    Query,
    RecommendQuery,
    SearchQuery,
    UserQuery,
)
from shortlist.engine.taste import rated_taste

PRIOR: Mapping[str, float] = {"collaborative": 0.1}
"""What the taste of who searches weighs where a bundle says nothing else; see docs/relevance.md."""


@dataclass(frozen=True)
class Person:
    """A user as far as is known: the rows (int64) they rated, each once, and how (float64).

    Ratings are on the catalogue's scale, earliest first.
    """

    rows: RowArray = field(default_factory=lambda: np.empty(0, np.int64))
    ratings: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def is_known(self) -> bool:
        """Whether there is anything to go by."""
        return len(self.rows) > 0


NOBODY = Person()


def person_of(
    bundle: Bundle, user_key: str | None, newest: Iterable[tuple[ItemId, float]] = ()
) -> Person:
    """What the bundle knows of a user, and behind it their `newest` ratings, earliest first.

    Of who was forgotten since it was built the bundle is not asked: their `user_key` is None.
    The latest rating of an item counts; of items that there are not nothing does. Ratings are cut
    to the scale.
    """
    users, info = bundle.sections.users, bundle.manifest.popularity
    if info is None:
        return NOBODY
    rated: dict[int, float] = {}
    if users is not None and user_key is not None:
        rows, ratings = users.of(user_key)
        rated = dict(zip(rows.tolist(), ratings.tolist(), strict=True))
    for item_id, rating in newest:
        row = bundle.ids.row_of(item_id)
        if row is not None:
            rated.pop(row, None)  # behind all others
            rated[row] = min(max(rating, info.scale[0]), info.scale[1])
    return Person(np.array(list(rated), np.int64), np.array(list(rated.values()), np.float64))


def as_query(
    bundle: Bundle, query: UserQuery, person: Person
) -> RecommendQuery | SearchQuery | PopularQuery:
    """What a user is asked for: recommendations for their taste, with a text if there is one.

    Without a taste it is a search by the text, or popular items.
    """
    if taste_of(bundle, person) is not None:
        return RecommendQuery(**_common(query, RecommendQuery))
    if query.text.strip():
        return SearchQuery(q=query.text, **_common(query, SearchQuery))
    return PopularQuery(**_common(query, PopularQuery))


def _common(query: UserQuery, model: type[Query]) -> dict[str, Any]:
    """The options that were given and that a query of this kind has too."""
    shared = (query.model_fields_set & set(model.model_fields)) - {"user"}
    return {name: getattr(query, name) for name in shared}


def taste_of(bundle: Bundle, person: Person | None) -> Taste | None:
    """The taste of a person's latest ratings; None where nothing in them is liked."""
    if person is None or not person.is_known or bundle.manifest.popularity is None:
        return None
    taste = rated_taste(bundle, person.rows[-NEWEST:], person.ratings[-NEWEST:])
    return taste if np.any(taste.weights > 0) else None


def acquaintance(person: Person, *, used: bool) -> Acquaintance:
    """How far somebody is known, and whether that has a say."""
    return {"known": person.is_known, "ratings": len(person.rows), "used": used}


def act_weights(bundle: Bundle) -> dict[str, float]:
    """How much of a like an act is, by its kind, as the bundle learnt from acts; else empty."""
    section = bundle.manifest.sections.get(SECTION)
    params = {} if section is None else section.params
    return {
        name.removeprefix(ACTS): float(value)
        for name, value in params.items()
        if name.startswith(ACTS) and isinstance(value, int | float)
    }


def prior_of(bundle: Bundle) -> dict[str, float]:
    """What the taste of who searches weighs beside a profile, by feature."""
    section = bundle.manifest.sections.get(SECTION)
    if section is None:
        return dict(PRIOR)
    return {
        name: float(value)
        for name, value in section.params.items()
        if name in FEATURES and isinstance(value, int | float)
    }
