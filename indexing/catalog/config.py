"""catalog.toml as a validated, frozen value."""

from __future__ import annotations

import difflib
import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from indexing.bundle.manifest import NOTEBOOK_PROFILE, Profile
from indexing.encoder.precision import Precision
from indexing.errors import CatalogError

NonEmpty = Annotated[str, Field(min_length=1)]


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


class CategoriesConfig(_Table):
    """Where an item's categories are: one column, split at `separator`."""

    column: NonEmpty
    separator: NonEmpty = "|"
    none: str | None = None


class AttributeConfig(_Table):
    """One attribute: a column, or the first group of `pattern` searched in that column."""

    column: NonEmpty
    pattern: str | None = None
    type: AttributeType = AttributeType.STRING

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            n_groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if n_groups != 1:
            raise ValueError(f"expected exactly one (group), found {n_groups}")
        return pattern


class ItemsConfig(_Table):
    """The item file and the meaning of its columns."""

    file: NonEmpty
    id: NonEmpty
    title: NonEmpty
    id_type: IdType = IdType.AUTO
    categories: CategoriesConfig | None = None
    text: tuple[NonEmpty, ...] = ()
    attributes: dict[str, AttributeConfig] = {}


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
        if not 0 <= lowest < highest < float("inf"):
            raise ValueError(f"scale: expected 0 <= lowest < highest, found {list(self.scale)}")
        return self


class DocumentConfig(_Table):
    """How an item becomes one text."""

    template: NonEmpty | None = None


class PopularityConfig(_Table):
    """The weighted rating's prior: the quantile of the rating counts that makes m."""

    prior_quantile: float = Field(default=0.9, ge=0, le=1)


class EncoderConfig(_Table):
    """Which sentence-transformers model turns text into vectors, and how."""

    model: NonEmpty = "all-MiniLM-L6-v2"
    precision: Precision = Precision.AUTO
    query_prompt: str | None = None
    document_prompt: str | None = None


class IndexConfig(_Table):
    """`auto`, `flat`, or a FAISS factory string."""

    type: NonEmpty = "auto"


class GoldenQuery(_Table):
    """A query whose answer must have this item among its first `top`."""

    query: NonEmpty
    item: int | str
    top: int = Field(default=10, ge=1, le=1000)


class GateConfig(_Table):
    """What a build may differ by from the live version of the same catalogue."""

    max_items_lost: float = Field(default=0.2, ge=0, le=1)
    min_overlap: float = Field(default=0.5, ge=0, le=1)
    golden: tuple[GoldenQuery, ...] = ()


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
    popularity: PopularityConfig = PopularityConfig()
    encoder: EncoderConfig = EncoderConfig()
    index: IndexConfig = IndexConfig()
    gate: GateConfig = GateConfig()
    publish: PublishConfig = PublishConfig()
    default_profile: str = "notebook"
    profiles: dict[str, Profile] = {"notebook": NOTEBOOK_PROFILE}

    @model_validator(mode="after")
    def _default_profile_exists(self) -> Self:
        if self.default_profile not in self.profiles:
            known = ", ".join(sorted(self.profiles))
            raise ValueError(f"default_profile {self.default_profile!r} is none of: {known}")
        return self

    @model_validator(mode="after")
    def _profiles_can_rank(self) -> Self:
        for name, profile in self.profiles.items():
            if self.ratings is None and not profile.weights.get("similarity"):
                raise ValueError(
                    f"profiles.{name}: weighs only popularity, and a catalogue without [ratings]"
                    " has none; give similarity a weight above 0 or add [ratings]"
                )
        return self


def read_catalog_config(path: Path) -> CatalogConfig:
    """The validated settings in a catalog.toml.

    Raises CatalogError for a missing file, bad TOML (line and column), an unknown key (the
    nearest known one is named) or a value out of range.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise CatalogError(f"{path}: no such catalogue description; pass --catalog PATH") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
    if "folder" in raw:
        raise CatalogError(f"{path}: unknown key 'folder'; paths start at the file's own folder")
    try:
        return CatalogConfig.model_validate({**raw, "folder": path.resolve().parent})
    except ValidationError as error:
        raise CatalogError(_explain(path, error)) from error


def _explain(path: Path, error: ValidationError) -> str:
    lines = [_explain_one(dict(problem)) for problem in error.errors()]
    return "\n".join(f"{path}: {line}" for line in lines)


def _explain_one(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key '{where}'{_nearest(problem['loc'])}"
    if problem["type"] == "missing":
        return f"missing key '{where}'"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}, found {problem['input']!r}" if where else message


def _nearest(location: tuple[str | int, ...]) -> str:
    known = sorted(_known_keys(location[:-1]))
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known keys: {', '.join(known)}"


def _known_keys(table: tuple[str | int, ...]) -> set[str]:
    """The keys allowed in the table that stands at this place in catalog.toml."""
    if not table:
        return set(CatalogConfig.model_fields) - {"folder"}
    models: dict[tuple[str, ...], type[BaseModel]] = {
        ("items",): ItemsConfig,
        ("items", "categories"): CategoriesConfig,
        ("items", "attributes"): AttributeConfig,
        ("tags",): TagsConfig,
        ("ratings",): RatingsConfig,
        ("document",): DocumentConfig,
        ("popularity",): PopularityConfig,
        ("encoder",): EncoderConfig,
        ("index",): IndexConfig,
        ("gate",): GateConfig,
        ("gate", "golden"): GoldenQuery,
        ("publish",): PublishConfig,
        ("profiles",): Profile,
    }
    parts = tuple(str(part) for part in table)
    named = models.get(parts[:2]) or models.get(parts[:1])
    return set(named.model_fields) if named else set()
