"""Profiles: what lists are ordered by, and those that are shipped."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Weight = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class Value(BaseModel):
    """A part of a manifest: no field but those it names, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Profile(Value):
    """A named set of weights over features, and how many candidates they order.

    Retrieval brings `n_candidates` items; `n_popular` of those with the most ratings are
    candidates as well, whatever the query. Where a feature of a taste has a weight, so are the
    `n_neighbours` that it says most of; where words have one, the `n_words` that have most of them.
    """

    n_candidates: int = Field(default=50, ge=1, le=1000)
    n_popular: int = Field(default=0, ge=0, le=1000)
    n_neighbours: int = Field(default=200, ge=0, le=1000)
    n_words: int = Field(default=100, ge=0, le=1000)
    weights: dict[str, Weight]

    @field_validator("weights")
    @classmethod
    def _some_weight(cls, weights: dict[str, float]) -> dict[str, float]:
        if not any(weights.values()):
            raise ValueError("expected at least one weight above 0")
        return weights


NOTEBOOK_PROFILE = Profile(n_candidates=50, weights={"similarity": 0.7, "popularity": 0.3})
STANDARD_PROFILE = Profile(
    weights={
        **{"similarity": 1.0, "words": 0.4, "coverage": 0.3, "labels": 0.3},
        **{"title_match": 1.2, "title_prefix": 0.4, "rating_volume": 0.3},
    }
)
"""What texts are ranked by where a catalogue names nothing else.

Chosen by hand on three catalogues: MovieLens and the sample, which have labels and ratings, and the
63,666 packages of Debian 12, which have names and a line each."""

RELATED_PROFILE = Profile(
    n_candidates=100,
    weights={"similarity": 0.3, "words": 1.5, "co_liked": 1.0, "rating_volume": 0.1},
)
TASTE_PROFILE = Profile(
    n_candidates=100, weights={"similarity": 0.2, "collaborative": 1.0, "rating_volume": 0.1}
)
STEERED_PROFILE = Profile(
    n_candidates=100,
    weights={
        **{"coverage": 2.0, "text_similarity": 0.3, "co_liked": 1.5, "collaborative": 0.2},
        **{"similarity": 0.05, "popularity": 0.35, "rating_volume": 0.1},
    },
)
"""What similar items, recommendations, and those that a text steers are ranked by where a catalogue
says nothing else.

Chosen by hand: the first two on MovieLens, where `make tune` finds nothing significantly better;
the third on half of the users of MovieLens and of the sample."""


ROLES = ("similar_profile", "recommend_profile", "steered_profile")
"""The lists that may have a profile of their own: of an item, of a taste, of one with a text."""
