"""The parts of catalog.toml that say what is learnt from what people do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from indexing.catalog.sources import NonEmpty, Table
from indexing.neighbours.models import Model
from shortlist.bundle.profiles import Weight
from shortlist.engine.features import FEATURES, Source, features_from
from shortlist.engine.person import PRIOR
from shortlist.events.judgement import WEIGHTS


class PopularityConfig(Table):
    """The weighted rating's prior: the quantile of the rating counts that makes m."""

    prior_quantile: float = Field(default=0.9, ge=0, le=1)


class RecencyConfig(Table):
    """How recent an item is: a number that grows with time, and what halves its recency."""

    attribute: NonEmpty
    half_life: float = Field(default=10, ge=1e-9, le=1e18)


class NeighboursConfig(Table):
    """How items are compared by who likes them; needs ratings with a user.

    A rating from `liked_from` on is a like, by default from three quarters up the scale. What is
    None besides is learnt: `regularisation` is EASE's, more of it trusts few likes less, and below
    its bounds the matrix can no longer be inverted, above them its weights are no float32;
    `unliked` is what a rating below a like counts beside 1 for a like; `per_item` how many
    neighbours an item has on average.
    """

    model: Model = Model.AUTO
    liked_from: float | None = Field(default=None, allow_inf_nan=False)
    regularisation: float | None = Field(default=None, ge=1e-3, le=1e9)
    unliked: float | None = Field(default=None, ge=0, le=1)
    per_item: int | None = Field(default=None, ge=10, le=1000)

    @property
    def fixed(self) -> dict[str, float | None]:
        """What is not to be learnt, None where it is."""
        return self.model_dump(include={"regularisation", "unliked", "per_item"})


class EventsConfig(Table):
    """Where events are kept, and what they count beside ratings.

    `url` is that of the store; `user_key` what user ids are hashed with there, if they are. In both
    `${NAME}` is the environment's. `weights` say how much of a like an event is by its kind, halved
    every `half_life_days`. What is trending is the use of the last `trending_days`, which halve it
    too, against the use before, with a prior of `trending_prior` acts.
    """

    url: SecretStr
    user_key: SecretStr = SecretStr("")
    weights: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default={}, validate_default=True
    )
    half_life_days: float = Field(default=365, ge=1e-3, le=1e6)
    trending_days: float = Field(default=7, ge=1e-3, le=1e5)
    trending_prior: float = Field(default=20, ge=1e-3, le=1e9)

    @field_validator("weights")
    @classmethod
    def _beside_ours(cls, weights: dict[str, float]) -> dict[str, float]:
        _check_known(weights, WEIGHTS, "weights")
        return {**WEIGHTS, **weights}


class UsersConfig(Table):
    """That the bundle keeps what each user has rated, for lists and searches that are theirs.

    `prior` are the weights that the taste of who searches has beside the profile's.
    """

    prior: dict[str, Weight] = Field(default=dict(PRIOR), max_length=len(FEATURES))

    @field_validator("prior")
    @classmethod
    def _is_of_a_taste(cls, prior: dict[str, float]) -> dict[str, float]:
        _check_known(prior, features_from(Source.LIKES), "prior")
        return prior


def _check_known(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Raises ValueError for the first name that is none of the known ones."""
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise ValueError(f"{where}: {unknown!r} is none of: {', '.join(known)}")
