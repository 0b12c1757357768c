"""catalog.toml as a validated, frozen value."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from indexing.catalog.index_type import check_index_type
from indexing.catalog.limits import Limits
from indexing.catalog.patterns import require_one_group
from indexing.catalog.quoting import quoted
from indexing.neighbours.models import Model
from shortlist.bundle.analysis import LANGUAGES
from shortlist.bundle.manifest import NOTEBOOK_PROFILE, RELATED_PROFILE, TASTE_PROFILE, Profile
from shortlist.encoder.machine import Precision
from shortlist.engine.features import FEATURES, Source, weighs

NonEmpty = Annotated[str, Field(min_length=1)]

NOTEBOOK, RELATED, TASTE = "notebook", "related", "taste"
"""Our profiles of searches, of similar items and of recommendations."""

HIGHEST_RATING = 1e9
MOST_NAMED = 100
"""So many attributes, text columns and profiles a catalogue may name."""


class IdType(StrEnum):
    """How item ids are kept: `auto` is integer when every value is a canonical integer."""

    AUTO = "auto"
    INTEGER = "integer"
    STRING = "string"


class AttributeType(StrEnum):
    """The type of one attribute's values."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AlternativeTitlesConfig(_Table):
    """Where an item's other titles are: one column, split at `separator`."""

    column: NonEmpty
    separator: NonEmpty = "|"


class CategoriesConfig(AlternativeTitlesConfig):
    """Where an item's categories are: one column, split at `separator`."""

    none: str | None = None


class AttributeConfig(_Table):
    """One attribute: a column, or the first group of `pattern` searched in that column."""

    column: NonEmpty
    pattern: str | None = None
    type: AttributeType = AttributeType.STRING

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str | None) -> str | None:
        return None if pattern is None else require_one_group(pattern)


class ItemsConfig(_Table):
    """The item file and the meaning of its columns."""

    file: NonEmpty
    id: NonEmpty
    title: NonEmpty
    id_type: IdType = IdType.AUTO
    categories: CategoriesConfig | None = None
    text: tuple[NonEmpty, ...] = Field(default=(), max_length=MOST_NAMED)
    alternative_titles: AlternativeTitlesConfig | None = None
    attributes: dict[str, AttributeConfig] = Field(default={}, max_length=MOST_NAMED)


class TagsConfig(_Table):
    """The tag file: one row says that somebody gave an item a tag."""

    file: NonEmpty
    item: NonEmpty
    tag: NonEmpty


class RatingsConfig(_Table):
    """The rating file; `scale` is its lowest and highest possible value."""

    file: NonEmpty
    item: NonEmpty
    value: NonEmpty
    scale: tuple[float, float]
    user: NonEmpty | None = None
    time: NonEmpty | None = None

    @model_validator(mode="after")
    def _scale_rises(self) -> Self:
        lowest, highest = self.scale
        if not 0 <= lowest < highest <= HIGHEST_RATING:
            raise ValueError(
                f"scale: expected 0 <= lowest < highest <= {HIGHEST_RATING:g}, found"
                f" {list(self.scale)}"
            )
        return self


class DocumentConfig(_Table):
    """How an item becomes one text."""

    template: NonEmpty | None = None


class WordsConfig(_Table):
    """How the words of documents are compared: by stems of a language, or as they are."""

    language: str = "english"

    @field_validator("language")
    @classmethod
    def _is_known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"{quoted(language)} is none of: {', '.join(LANGUAGES)}")
        return language


class PopularityConfig(_Table):
    """The weighted rating's prior: the quantile of the rating counts that makes m."""

    prior_quantile: float = Field(default=0.9, ge=0, le=1)


class RecencyConfig(_Table):
    """How recent an item is: a number that grows with time, and what halves its recency."""

    attribute: NonEmpty
    half_life: float = Field(default=10, ge=1e-9, le=1e18)


class NeighboursConfig(_Table):
    """How items are compared by who likes them; needs ratings with a user.

    A rating from `liked_from` on is a like, by default from three quarters up the scale.
    `regularisation` is EASE's: more of it trusts few likes less. Below its bounds the matrix can
    no longer be inverted, above them its weights are no numbers of float32.
    """

    model: Model = Model.AUTO
    liked_from: float | None = Field(default=None, allow_inf_nan=False)
    regularisation: float = Field(default=100.0, ge=1e-3, le=1e9)


class EncoderConfig(_Table):
    """Which sentence-transformers model turns text into vectors, and how."""

    model: NonEmpty = "all-MiniLM-L6-v2"
    precision: Precision = Precision.AUTO
    query_prompt: str | None = None
    document_prompt: str | None = None


class IndexConfig(_Table):
    """`auto`, `flat`, or a FAISS factory string of up to five parts of the kinds listed here.

    FAISS takes a number in it for a size and brackets for a reason to call itself: other kinds can
    end the process, take all memory or be trained for hours.
    """

    type: Annotated[str, AfterValidator(check_index_type)] = Field(default="auto", max_length=100)


class GoldenQuery(_Table):
    """A query whose answer must have this item among its first `top`."""

    query: NonEmpty
    item: int | str
    top: int = Field(default=10, ge=1, le=1000)


class GateConfig(_Table):
    """What a build may differ by from the live version of the same catalogue."""

    max_items_lost: float = Field(default=0.2, ge=0, le=1)
    min_overlap: float = Field(default=0.5, ge=0, le=1)
    golden: tuple[GoldenQuery, ...] = Field(default=(), max_length=1000)


class EvaluationConfig(_Table):
    """What an evaluation needs beside the catalogue: queries that are or are not about it."""

    topics: NonEmpty | None = None


class PublishConfig(_Table):
    """How many old versions stay."""

    keep: int = Field(default=5, ge=0)


class CatalogConfig(_Table):
    """The whole of catalog.toml; `folder` is where it lies and paths in it start."""

    folder: Path
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    items: ItemsConfig
    tags: TagsConfig | None = None
    ratings: RatingsConfig | None = None
    document: DocumentConfig = DocumentConfig()
    words: WordsConfig = WordsConfig()
    popularity: PopularityConfig = PopularityConfig()
    recency: RecencyConfig | None = None
    neighbours: NeighboursConfig = NeighboursConfig()
    encoder: EncoderConfig = EncoderConfig()
    index: IndexConfig = IndexConfig()
    gate: GateConfig = GateConfig()
    publish: PublishConfig = PublishConfig()
    limits: Limits = Limits()
    evaluation: EvaluationConfig = EvaluationConfig()
    default_profile: str = NOTEBOOK
    similar_profile: str | None = None
    recommend_profile: str | None = None
    profiles: dict[str, Profile] = Field(
        default={NOTEBOOK: NOTEBOOK_PROFILE}, max_length=MOST_NAMED
    )

    @property
    def learns_neighbours(self) -> bool:
        """Whether there is anything to compare items by beside their documents."""
        has_users = self.ratings is not None and self.ratings.user is not None
        return has_users and self.neighbours.model is not Model.NONE

    @property
    def all_profiles(self) -> dict[str, Profile]:
        """The catalogue's profiles, and ours where it has none of that name and use for them.

        Ours are the default one, unless another is, and those of a taste, where there are users.
        """
        tastes = {RELATED: RELATED_PROFILE, TASTE: TASTE_PROFILE} if self.learns_neighbours else {}
        default = {NOTEBOOK: NOTEBOOK_PROFILE} if self.default_profile == NOTEBOOK else {}
        return {**tastes, **default, **self.profiles}

    @model_validator(mode="after")
    def _named_profiles_exist(self) -> Self:
        for role in ("default_profile", "similar_profile", "recommend_profile"):
            name = getattr(self, role)
            if name is not None and name not in self.all_profiles:
                known = ", ".join(sorted(self.all_profiles))
                raise ValueError(f"{role} {name!r} is none of: {known}")
        return self

    @model_validator(mode="after")
    def _profiles_can_rank(self) -> Self:
        known = {Source.RATINGS: self.ratings, Source.RECENCY: self.recency}
        sources = [Source.TEXT, *(one for one, table in known.items() if table is not None)]
        for name, profile in self.profiles.items():
            unknown = [feature for feature in profile.weights if feature not in FEATURES]
            if unknown:
                raise ValueError(
                    f"profiles.{name}.weights: unknown feature {unknown[0]!r};"
                    f" known: {', '.join(FEATURES)}"
                )
            if not weighs(profile.weights, *sources):
                raise ValueError(
                    f"profiles.{name}: weighs only what this catalogue or some query has not:"
                    " popularity needs [ratings], recency [recency], collaborative and co_liked"
                    " something liked; give similarity a weight above 0"
                )
        return self

    @model_validator(mode="after")
    def _recency_is_a_number(self) -> Self:
        if self.recency is not None:
            attribute = self.items.attributes.get(self.recency.attribute)
            if attribute is None or attribute.type is AttributeType.STRING:
                raise ValueError(
                    f"recency.attribute: expected an attribute of type integer or number, found"
                    f" {self.recency.attribute!r}"
                )
        return self
