"""The parts of catalog.toml that say what the files of a catalogue mean."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from indexing.catalog.dialect import Dialect, require_one_character
from indexing.catalog.encodings import UTF8, encoding_name
from indexing.catalog.number_format import NumberFormat
from indexing.catalog.patterns import require_one_group
from shortlist.bundle.attributes import Kind

NonEmpty = Annotated[str, Field(min_length=1)]

HIGHEST_RATING = 1e9
MOST_NAMED = 100
"""So many attributes, text columns and profiles a catalogue may name."""


class IdType(StrEnum):
    """How item ids are kept: `auto` is integer when every value is a canonical integer."""

    AUTO = "auto"
    INTEGER = "integer"
    STRING = "string"


class Table(BaseModel):
    """A table of catalog.toml: no key but those it names."""

    # What an error shows of it is decided where it is explained: some of it is secret.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class RecordsConfig(Table):
    """Where a table's records are, and how a file of them is written.

    They are in a `file`, or what the database at `url` answers to `query`. A file is one, a pattern
    of several, a list of these, or a folder of Parquet files;
    `delimiter` is by default what the file's name tells; a number may have `decimal` before its
    fraction, `thousands` between three digits and three, and `currency` before or after it;
    a text that is one of `null_values` is no value.
    """

    name: ClassVar[str]
    file: NonEmpty | Annotated[tuple[NonEmpty, ...], Field(min_length=1, max_length=10_000)] = ""
    query: str = ""
    url: SecretStr | None = None
    delimiter: Annotated[str, AfterValidator(require_one_character)] | None = None
    quote: Annotated[str, AfterValidator(require_one_character)] | Literal[""] = '"'
    encoding: Annotated[str, AfterValidator(encoding_name)] = UTF8
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    currency: str = Field(default="", max_length=20)
    null_values: tuple[str, ...] = Field(default=(), max_length=MOST_NAMED)

    @property
    def dialect(self) -> Dialect:
        """How a CSV file of them is written."""
        return Dialect(self.delimiter, self.quote, self.encoding, self.decimal)

    @property
    def numbers(self) -> NumberFormat:
        """How numbers are written in texts."""
        return NumberFormat(self.decimal, self.thousands, self.currency)

    @model_validator(mode="after")
    def _come_from_one_place(self) -> Self:
        if bool(self.file) == bool(self.query.strip()):
            raise ValueError("expected a file or a query, one of them")
        if bool(self.query) != (self.url is not None):
            raise ValueError("expected a query and the url of its database, here or in [source]")
        written = {"delimiter", "quote", "encoding", "decimal", "thousands", "currency"}
        of_files = sorted(written & self.model_fields_set)
        if self.query and of_files:
            raise ValueError(f"{of_files[0]} is for files; a query needs none")
        return self

    @field_validator("file")
    @classmethod
    def _is_a_path(cls, file: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if any("://" in one for one in ((file,) if isinstance(file, str) else file or ())):
            raise ValueError("expected a path; a database is named by url and query")
        return file

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.delimiter is not None and self.delimiter == self.quote:
            raise ValueError("delimiter and quote: expected two characters")
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands: expected two characters")
        return self


class SourceConfig(Table):
    """The database of every query that names none."""

    url: SecretStr


class AlternativeTitlesConfig(Table):
    """Where an item's other titles are: one column, split at `separator`."""

    column: NonEmpty
    separator: NonEmpty = "|"


class CategoriesConfig(AlternativeTitlesConfig):
    """Where an item's categories are: one column, split at `separator`.

    With `fold_case` those that differ by case alone are one, called as most items call it.
    """

    none: str | None = None
    fold_case: bool = False


class AttributeConfig(Table):
    """One attribute: a column, or the first group of `pattern` searched in that column.

    Strings are parted at `separator`; a point has two `columns`, of latitudes and of longitudes.
    """

    column: NonEmpty | None = None
    columns: tuple[NonEmpty, NonEmpty] | None = None
    pattern: str | None = None
    type: Kind = Kind.STRING
    separator: NonEmpty = "|"

    @property
    def read_from(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return self.columns or (() if self.column is None else (self.column,))

    @model_validator(mode="after")
    def _has_its_columns(self) -> Self:
        if self.type is Kind.POINT:
            if self.columns is None or self.column is not None or self.pattern is not None:
                raise ValueError("a point has columns = [latitude, longitude] and nothing else")
        elif self.column is None or self.columns is not None:
            raise ValueError(f"expected one column = ... for an attribute of type {self.type}")
        if "separator" in self.model_fields_set and self.type is not Kind.STRINGS:
            raise ValueError("separator: only an attribute of type strings is parted")
        return self

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str | None) -> str | None:
        return None if pattern is None else require_one_group(pattern)


class ItemsConfig(RecordsConfig):
    """The items and the meaning of their columns."""

    name = "items"
    id: NonEmpty
    title: NonEmpty
    id_type: IdType = IdType.AUTO
    categories: CategoriesConfig | None = None
    text: tuple[NonEmpty, ...] = Field(default=(), max_length=MOST_NAMED)
    alternative_titles: AlternativeTitlesConfig | None = None
    attributes: dict[str, AttributeConfig] = Field(default={}, max_length=MOST_NAMED)


class TagsConfig(RecordsConfig):
    """The tags: one record says that somebody gave an item a tag."""

    name = "tags"
    item: NonEmpty
    tag: NonEmpty


class RatingsConfig(RecordsConfig):
    """The ratings; `scale` is their lowest and highest possible value."""

    name = "ratings"
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
