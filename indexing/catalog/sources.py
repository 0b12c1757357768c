"""The parts of catalog.toml that say what the files of a catalogue mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from indexing.catalog.patterns import require_one_group

NonEmpty = Annotated[str, Field(min_length=1)]

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
    BOOLEAN = "boolean"


class Table(BaseModel):
    """A table of catalog.toml: no key but those it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AlternativeTitlesConfig(Table):
    """Where an item's other titles are: one column, split at `separator`."""

    column: NonEmpty
    separator: NonEmpty = "|"


class CategoriesConfig(AlternativeTitlesConfig):
    """Where an item's categories are: one column, split at `separator`."""

    none: str | None = None


class AttributeConfig(Table):
    """One attribute: a column, or the first group of `pattern` searched in that column."""

    column: NonEmpty
    pattern: str | None = None
    type: AttributeType = AttributeType.STRING

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str | None) -> str | None:
        return None if pattern is None else require_one_group(pattern)


class ItemsConfig(Table):
    """The item file and the meaning of its columns."""

    file: NonEmpty
    id: NonEmpty
    title: NonEmpty
    id_type: IdType = IdType.AUTO
    categories: CategoriesConfig | None = None
    text: tuple[NonEmpty, ...] = Field(default=(), max_length=MOST_NAMED)
    alternative_titles: AlternativeTitlesConfig | None = None
    attributes: dict[str, AttributeConfig] = Field(default={}, max_length=MOST_NAMED)


class TagsConfig(Table):
    """The tag file: one row says that somebody gave an item a tag."""

    file: NonEmpty
    item: NonEmpty
    tag: NonEmpty


class RatingsConfig(Table):
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
