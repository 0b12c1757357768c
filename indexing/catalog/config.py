"""catalog.toml as a validated, frozen value."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from indexing.catalog.build import BuildConfig
from indexing.catalog.display import DisplayConfig
from indexing.catalog.gate import GateConfig
from indexing.catalog.index_type import check_index_type
from indexing.catalog.learning import (
    EventsConfig,
    NeighboursConfig,
    PopularityConfig,
    RecencyConfig,
    UsersConfig,
)
from indexing.catalog.limits import Limits
from indexing.catalog.quoting import quoted
from indexing.catalog.retrieval import RetrievalConfig
from indexing.catalog.sources import (
    MOST_NAMED,
    ItemsConfig,
    NonEmpty,
    RatingsConfig,
    SourceConfig,
    Table,
    TagsConfig,
)
from indexing.neighbours.models import Model
from shortlist.bundle.analysis import LANGUAGES
from shortlist.bundle.attributes import NUMERIC, ORDERED
from shortlist.bundle.experiment import Experiment
from shortlist.bundle.profiles import (
    NOTEBOOK_PROFILE,
    RELATED_PROFILE,
    ROLES,
    STANDARD_PROFILE,
    STEERED_PROFILE,
    TASTE_PROFILE,
    Profile,
)
from shortlist.bundle.wording import Reads
from shortlist.encoder.machine import OF_DOCUMENTS, Precision
from shortlist.engine.features import FEATURES, Source, weighs
from shortlist.engine.sorting import NAMES
from shortlist.engine.value_sets import CATEGORIES

STANDARD, NOTEBOOK = "standard", "notebook"
RELATED, TASTE, STEERED = "related", "taste", "steered"
"""Our profiles of searches, of similar items, of recommendations, and of these with a text."""


class DocumentConfig(Table):
    """How an item becomes one text."""

    template: NonEmpty | None = None


class WordsConfig(Table):
    """How the words of documents are compared: by stems of a language, or as they are."""

    language: str = "english"

    @field_validator("language")
    @classmethod
    def _is_known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"{quoted(language)} is none of: {', '.join(LANGUAGES)}")
        return language


class EncoderConfig(Table):
    """Which sentence-transformers model turns text into vectors, and how."""

    model: NonEmpty = "all-MiniLM-L6-v2"
    precision: Precision = Precision.AUTO
    query_prompt: str | None = None
    document_prompt: str | None = None

    @field_validator("precision")
    @classmethod
    def _is_of_documents(cls, precision: Precision) -> Precision:
        if precision not in OF_DOCUMENTS:
            raise ValueError(
                f"{precision} is for queries (SHORTLIST_PRECISION); documents are encoded in one"
                f" of: {', '.join(OF_DOCUMENTS)}"
            )
        return precision


class IndexConfig(Table):
    """`auto`, `flat`, or a FAISS factory string of up to five parts of the kinds listed here.

    FAISS takes a number in it for a size and brackets for a reason to call itself: other kinds can
    end the process, take all memory or be trained for hours.
    """

    type: Annotated[str, AfterValidator(check_index_type)] = Field(default="auto", max_length=100)


class EvaluationConfig(Table):
    """What an evaluation needs beside the catalogue, in files.

    Queries that are about it and that are not, and pairs of items that belong together.
    """

    topics: NonEmpty | None = None
    pairs: NonEmpty | None = None


class PublishConfig(Table):
    """How many old versions stay."""

    keep: int = Field(default=5, ge=0)


def _as_reads(value: object) -> object:
    """`year = "year"` is short for a kind without units."""
    return {"kind": value} if isinstance(value, str) else value


class CatalogConfig(Table):
    """The whole of catalog.toml; `folder` is where it lies and paths in it start."""

    folder: Path
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    source: SourceConfig | None = None
    items: ItemsConfig
    tags: TagsConfig | None = None
    ratings: RatingsConfig | None = None
    document: DocumentConfig = DocumentConfig()
    display: DisplayConfig = DisplayConfig()
    words: WordsConfig = WordsConfig()
    popularity: PopularityConfig = PopularityConfig()
    recency: RecencyConfig | None = None
    reads: dict[str, Annotated[Reads, BeforeValidator(_as_reads)]] = Field(
        default={}, max_length=20
    )
    neighbours: NeighboursConfig = NeighboursConfig()
    events: EventsConfig | None = None
    users: UsersConfig | None = None
    encoder: EncoderConfig = EncoderConfig()
    index: IndexConfig = IndexConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    gate: GateConfig = GateConfig()
    publish: PublishConfig = PublishConfig()
    build: BuildConfig = BuildConfig()
    limits: Limits = Limits()
    evaluation: EvaluationConfig = EvaluationConfig()
    default_profile: str = STANDARD
    similar_profile: str | None = None
    recommend_profile: str | None = None
    steered_profile: str | None = None
    profiles: dict[str, Profile] = Field(default={}, max_length=MOST_NAMED)
    experiment: Experiment | None = None

    @property
    def learns_neighbours(self) -> bool:
        """Whether there is anything to compare items by beside their documents."""
        return self.names_users and self.neighbours.model is not Model.NONE

    @property
    def names_users(self) -> bool:
        """Whether ratings, or what people do, say whose they are."""
        of_files = self.ratings is not None and self.ratings.user is not None
        return of_files or self.events is not None

    @property
    def scale(self) -> tuple[float, float] | None:
        """The lowest and the highest rating; of events alone 0 and 1, None for neither."""
        if self.ratings is not None:
            return self.ratings.scale
        return None if self.events is None else (0.0, 1.0)

    @property
    def roles(self) -> dict[str, str | None]:
        """The profile of every list that may have one of its own.

        Ours, where there are users; a profile named for tastes is that of a text beside one too.
        """
        named = {role: getattr(self, role) for role in ROLES}
        ours = dict(zip(ROLES, (RELATED, TASTE, STEERED), strict=True))
        if named["recommend_profile"] not in {None, TASTE}:
            ours["steered_profile"] = named["recommend_profile"]
        return {
            role: name or (ours[role] if self.learns_neighbours else None)
            for role, name in named.items()
        }

    @property
    def all_profiles(self) -> dict[str, Profile]:
        """The catalogue's profiles, and ours where it has none of that name and use for them.

        Ours are those of searches, unless the default is another, and those of a taste, where there
        are users.
        """
        ours = {RELATED: RELATED_PROFILE, TASTE: TASTE_PROFILE, STEERED: STEERED_PROFILE}
        tastes = ours if self.learns_neighbours else {}
        of_texts = {STANDARD: STANDARD_PROFILE, NOTEBOOK: NOTEBOOK_PROFILE}
        searches = of_texts if self.default_profile in of_texts else {}
        return {**tastes, **searches, **self.profiles}

    @model_validator(mode="before")
    @classmethod
    def _queries_share_the_source(cls, raw: dict[str, Any]) -> dict[str, Any]:
        tables = {one: raw.get(one) for one in ("items", "tags", "ratings") if "source" in raw}
        asking = {
            name: {**raw["source"], **table}
            for name, table in tables.items()
            if isinstance(table, dict) and "query" in table and isinstance(raw["source"], dict)
        }
        return {**raw, **asking}

    @model_validator(mode="after")
    def _named_profiles_exist(self) -> Self:
        for role in ("default_profile", *ROLES):
            name = getattr(self, role)
            if name is not None and name not in self.all_profiles:
                known = ", ".join(sorted(self.all_profiles))
                raise ValueError(f"{role} {name!r} is none of: {known}")
        return self

    @model_validator(mode="after")
    def _experiment_compares_profiles(self) -> Self:
        if self.experiment is not None:
            try:
                self.experiment.check(self.all_profiles, self.default_profile)
            except ValueError as error:
                raise ValueError(f"experiment.{error}") from error
        return self

    @model_validator(mode="after")
    def _profiles_can_rank(self) -> Self:
        known = {
            Source.RATINGS: self.scale,
            Source.RECENCY: self.recency,
            Source.EVENTS: self.events,
        }
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
    def _users_rate(self) -> Self:
        if self.users is not None and not self.names_users:
            raise ValueError("users: needs [ratings] with a user, or [events]")
        return self

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        taken = [name for name in self.items.attributes if name in {CATEGORIES, *NAMES}]
        if taken:
            raise ValueError(
                f"items.attributes.{taken[0]}: another name, please: lists are ordered or counted"
                " by something else that is called so"
            )
        return self

    @model_validator(mode="after")
    def _displayed_attributes_exist(self) -> Self:
        unknown = [name for name in self.display.attributes if name not in self.items.attributes]
        if unknown:
            raise ValueError(f"display.attributes.{unknown[0]}: no such attribute in [items]")
        return self

    @model_validator(mode="after")
    def _numbers_are_numbers(self) -> Self:
        named = {f"reads.{name}": name for name in self.reads}
        if self.recency is not None:
            named["recency.attribute"] = self.recency.attribute
        for where, name in named.items():
            attribute = self.items.attributes.get(name)
            kinds = ORDERED if where.startswith("recency") else NUMERIC
            if attribute is None or attribute.type not in kinds:
                raise ValueError(
                    f"{where}: expected an attribute of type {' or '.join(kinds)}, found {name!r}"
                )
        return self
