"""Every number that a profile can weigh: one entry and one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from shortlist.bundle.arrays import FloatArray, RowArray
from shortlist.bundle.reader import Bundle
from shortlist.errors import BundleCorrupt

if TYPE_CHECKING:
    from shortlist.engine.pool import Pool


@dataclass(frozen=True)
class Matches:
    """Features of the items that a lane speaks of: rows int64 [m], rising, distinct.

    `values` float64 [m] in [0, 1], by the feature's name.
    """

    rows: RowArray
    values: Mapping[str, FloatArray]

    def at(self, rows: RowArray, name: str) -> FloatArray:
        """A feature at these rows, float64 [n]; 0 for rows that the lane does not speak of."""
        if not len(self.rows):
            return np.zeros(len(rows))
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[place] == rows, self.values[name][place], 0.0)


class Source(StrEnum):
    """Where a feature comes from: what a catalogue, or a query, must have for it."""

    TEXT = "text"
    STEERING = "steering"
    WORDS = "words"
    LABELS = "labels"
    RATINGS = "ratings"
    LIKES = "likes"
    RECENCY = "recency"
    EVENTS = "events"
    TITLES = "titles"


ABSENT = {
    Source.TEXT: "nothing is compared here",
    Source.STEERING: "there is no text beside a taste",
    Source.WORDS: "this bundle was built without it; build it again",
    Source.LABELS: "this catalogue has neither categories nor tags, or was built without words",
    Source.RATINGS: "this catalogue has no ratings, or was built before this feature was there",
    Source.LIKES: "this catalogue has no ratings by users, or too few of them",
    Source.RECENCY: "this catalogue has no [recency]",
    Source.EVENTS: "this catalogue has no [events]",
    Source.TITLES: "this bundle was built without it; build it again",
}
"""Why a bundle may lack a feature."""


@dataclass(frozen=True)
class Feature:
    """A number known of every candidate.

    `value` gives it for the rows of a pool, float64 [m], by the feature's name. It may be
    `estimated` from similar items where an item itself has none. Features from likes belong to a
    taste: a search by text alone has none. Those of words and titles belong to a text, those of
    words also to an item, whose key terms are looked for, and those that steer to a text beside a
    taste.
    """

    name: str
    source: Source
    value: Callable[[str, Bundle, Pool], FloatArray]
    estimated: bool = False

    def is_in(self, bundle: Bundle, sources: Mapping[Source, bool]) -> bool:
        """Whether this bundle has it, where there are these `sources` of a query's."""
        if self.source in sources:
            return sources[self.source]
        if self.name == POPULARITY:
            return bundle.items.popularity is not None
        features = bundle.sections.features
        return features is not None and self.name in features.columns


def _similarity(_: str, __: Bundle, pool: Pool) -> FloatArray:
    assert pool.similarities is not None
    return pool.similarities.astype(np.float64)


def _text_similarity(_: str, __: Bundle, pool: Pool) -> FloatArray:
    assert pool.text_similarities is not None
    return pool.text_similarities.astype(np.float64)


def _popularity(_: str, bundle: Bundle, pool: Pool) -> FloatArray:
    assert bundle.items.popularity is not None
    return bundle.items.popularity.popularity_score[pool.rows]


def _column(name: str, bundle: Bundle, pool: Pool) -> FloatArray:
    assert bundle.sections.features is not None
    return bundle.sections.features.columns[name][pool.rows]


def _said(name: str, _: Bundle, pool: Pool) -> FloatArray:
    """What the words lane says of the candidates; 0 without one."""
    found = pool.said.get(name)
    return np.zeros(len(pool.rows)) if found is None else found


def _matched(name: str, _: Bundle, pool: Pool) -> FloatArray:
    """What a lane says of the candidates; 0 for those it does not speak of."""
    for matches in pool.matches.values():
        if name in matches.values:
            return matches.at(pool.rows, name)
    return np.zeros(len(pool.rows))


SIMILARITY, TEXT_SIMILARITY, POPULARITY = "similarity", "text_similarity", "popularity"

FEATURES: Mapping[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature(SIMILARITY, Source.TEXT, _similarity),
        Feature(TEXT_SIMILARITY, Source.STEERING, _text_similarity),
        Feature("words", Source.WORDS, _said),
        Feature("coverage", Source.WORDS, _said),
        Feature("labels", Source.LABELS, _said),
        Feature("collaborative", Source.LIKES, _matched),
        Feature("co_liked", Source.LIKES, _matched),
        Feature(POPULARITY, Source.RATINGS, _popularity),
        Feature("expected_popularity", Source.RATINGS, _column, estimated=True),
        Feature("rating_volume", Source.RATINGS, _column, estimated=True),
        Feature("rating_percentile", Source.RATINGS, _column),
        Feature("recency", Source.RECENCY, _column),
        Feature("trending", Source.EVENTS, _column),
        Feature("title_match", Source.TITLES, _matched),
        Feature("title_prefix", Source.TITLES, _matched),
    )
}
"""What a profile can weigh, in the order of an answer's components."""


def features_from(*sources: Source) -> tuple[str, ...]:
    """The names of the features that come from one of these."""
    return tuple(name for name, feature in FEATURES.items() if feature.source in sources)


def available_features(
    bundle: Bundle,
    *,
    taste: bool = False,
    text: bool = True,
    item: bool = False,
    steers: bool = True,
) -> tuple[str, ...]:
    """The features that this bundle has for a query with or without a `taste`, `text` or `item`.

    A text beside a taste steers, unless it is a search and the taste only somebody's.
    """
    sections = bundle.sections
    own = sections.words
    words = own is not None and (text or (item and own.names_key_terms))
    sources = {
        Source.TEXT: True,
        Source.STEERING: taste and text and steers,
        Source.LIKES: taste and sections.neighbours is not None,
        Source.WORDS: words,
        Source.LABELS: words and own is not None and own.has_labels,
        Source.TITLES: text and sections.titles is not None,
    }
    return tuple(name for name, one in FEATURES.items() if one.is_in(bundle, sources))


def weighs(weights: Mapping[str, float], *sources: Source) -> bool:
    """Whether any of these weights is of a feature that comes from one of these."""
    return any(weight > 0 and FEATURES[name].source in sources for name, weight in weights.items())


def feature_matrix(bundle: Bundle, pool: Pool, names: Iterable[str]) -> FloatArray:
    """The features of a pool's rows, float64 [m, f], columns as named."""
    names = list(names)
    if not names:
        return np.empty((len(pool.rows), 0))
    return np.stack([FEATURES[name].value(name, bundle, pool) for name in names], axis=1)


def check_profiles(bundle: Bundle) -> None:
    """Raises BundleCorrupt for a profile that weighs what no feature is called.

    The default one, and what an experiment compares with it, have to weigh something that this
    bundle has, or no search could be answered.
    """
    profiles, usual = bundle.manifest.profiles, bundle.manifest.default_profile
    for name, profile in profiles.items():
        for feature in profile.weights:
            if feature not in FEATURES:
                raise BundleCorrupt(
                    f"manifest.json: profiles.{name}: unknown feature {feature!r};"
                    f" known: {', '.join(FEATURES)}"
                )
    available = available_features(bundle)
    searched = {"default_profile": usual}
    if bundle.manifest.experiment is not None:
        searched["experiment.candidate"] = bundle.manifest.experiment.candidate
    for role, name in searched.items():
        if not any(profiles[name].weights.get(feature) for feature in available):
            raise BundleCorrupt(
                f"manifest.json: {role}: {name!r} weighs nothing that this bundle has:"
                f" {', '.join(available)}"
            )
