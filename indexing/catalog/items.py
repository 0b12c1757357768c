"""The item file as columns in row order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.ids import is_int64, read_ids
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.patterns import first_groups
from indexing.catalog.quoting import quoted
from indexing.catalog.sources import (
    AlternativeTitlesConfig,
    AttributeConfig,
    AttributeType,
    CategoriesConfig,
    ItemsConfig,
)
from indexing.catalog.tables import as_text, locate, read_table
from shortlist.bundle.arrays import Csr
from shortlist.bundle.tables import Categories
from shortlist.errors import CatalogError

_TRUTHS = {
    **dict.fromkeys(("true", "yes", "1", "t", "y"), True),
    **dict.fromkeys(("false", "no", "0", "f", "n"), False),
}
"""How a boolean is written, in any case."""


@dataclass(frozen=True)
class Items:
    """The items in row order; `text` holds every column a document template may name.

    `alternatives` are each item's other titles, None for a catalogue that names none.
    """

    ids: pd.Series
    titles: pd.Series
    categories: Categories
    attributes: dict[str, pd.Series]
    text: dict[str, pd.Series]
    alternatives: list[list[str]] | None


def read_items(config: ItemsConfig, folder: Path, *, limits: Limits = DEFAULT) -> Items:
    """The validated item file. Raises CatalogError when it is empty or a value is unusable."""
    path = folder / config.file
    other, categories = config.alternative_titles, config.categories
    texts = [config.title, *([categories.column] if categories else []), *config.text]
    attributes = [attribute.column for attribute in config.attributes.values()]
    others = [other.column] if other else []
    columns = [config.id, *texts, *others, *attributes]
    table = read_table(path, columns, limits=limits, most="items")
    if not len(table):
        raise CatalogError(f"{path}: the catalogue is empty; expected at least one item")
    text = {column: as_text(table[column]) for column in texts}
    for split in (other, categories):
        if split is not None:
            _require_few(as_text(table[split.column]), split, limits, path)
    alternatives = None
    if other is not None:
        alternatives = [_split(one, other.separator) for one in as_text(table[other.column])]
    return Items(
        ids=read_ids(table[config.id], config.id_type, path=path),
        titles=text[config.title],
        categories=split_categories(text, categories, n_items=len(table)),
        attributes={
            name: read_attribute(table[attribute.column], name, attribute, path=path, limits=limits)
            for name, attribute in config.attributes.items()
        },
        text=text,
        alternatives=alternatives,
    )


def _require_few(
    texts: pd.Series, split: AlternativeTitlesConfig, limits: Limits, path: Path
) -> None:
    """Raise CatalogError for an item with too many values, before any are split."""
    counts = pa.compute.count_substring(pa.array(texts, pa.large_string()), split.separator)
    n_values = counts.to_numpy() + 1
    many = np.flatnonzero(n_values > limits.values_per_item)
    if len(many):
        row = int(many[0])
        raise CatalogError(
            f"{path}: {locate(path, [row])[0]}: column {quoted(split.column)}: expected at most"
            f" {limits.values_per_item} values of an item, found {n_values[row]}; raise"
            " limits.values_per_item in catalog.toml if it should have them"
        )


def _split(titles: str, separator: str) -> list[str]:
    return [title.strip() for title in titles.split(separator) if title.strip()]


def split_categories(
    text: dict[str, pd.Series], config: CategoriesConfig | None, *, n_items: int
) -> Categories:
    """The categories column split at its separator; blanks and the `none` marker are left out."""
    if config is None:
        return Categories(Csr(np.zeros(n_items + 1, np.int64), np.empty(0, np.int32)), ())
    parts = text[config.column].reset_index(drop=True).str.split(config.separator, regex=False)
    flat = parts.explode().str.strip()
    flat = flat[(flat != "") & (flat != (config.none or ""))]
    flat = flat[~pd.MultiIndex.from_arrays([flat.index, flat]).duplicated()]
    names = sorted(flat.unique())
    counts = np.bincount(flat.index.to_numpy(dtype=np.int64), minlength=n_items)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    codes = pd.Index(names, dtype="str").get_indexer(pd.Index(flat, dtype="str"))
    return Categories(Csr(offsets, codes.astype(np.int32)), tuple(names))


def read_attribute(
    column: pd.Series, name: str, config: AttributeConfig, *, path: Path, limits: Limits = DEFAULT
) -> pd.Series:
    """One attribute in row order: nullable Int64, Float64, boolean or text; null for none.

    A pattern that does not match gives null; a value that is there and is not of the
    attribute's type raises CatalogError.
    """
    values = as_text(column)
    if config.pattern is not None:
        values = first_groups(values, config.pattern, name, limits, path)
    values = values.str.strip()
    if config.type is AttributeType.STRING:
        return values.where(values != "", None)
    if config.type is AttributeType.BOOLEAN:
        return _truths(values, name, path=path)
    return _numbers(values, name, config.type, path=path)


def _truths(values: pd.Series, name: str, *, path: Path) -> pd.Series:
    truths = values.str.casefold().map(_TRUTHS).astype("boolean")
    bad = np.flatnonzero(((values != "") & truths.isna()).to_numpy(dtype=bool))
    if len(bad):
        row = int(bad[0])
        raise CatalogError(
            f"{path}: {locate(path, [row])[0]}: attribute {name!r}: expected a boolean (one of"
            f" {', '.join(_TRUTHS)}), found {quoted(values.iloc[row])}"
        )
    return truths


def _numbers(values: pd.Series, name: str, kind: AttributeType, *, path: Path) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    good = numbers.abs() < np.inf
    exact = pd.Series(False, index=values.index)
    if kind is AttributeType.INTEGER:
        exact = is_int64(values)
        good = exact | (good & (numbers == numbers.round()) & (numbers.abs() < 2**53))
    bad = np.flatnonzero(((values != "") & ~good).to_numpy(dtype=bool))
    if len(bad):
        row = int(bad[0])
        raise CatalogError(
            f"{path}: {locate(path, [row])[0]}: attribute {name!r}: expected"
            f" {kind.value}, found {quoted(values.iloc[row])}"
        )
    if kind is AttributeType.NUMBER:
        return numbers.where(good).astype("Float64")
    whole = numbers.where(good & ~exact, 0.0).to_numpy().astype(np.int64)
    whole[exact.to_numpy(dtype=bool)] = values[exact].to_numpy(dtype=object).astype(np.int64)
    missing = ~good.to_numpy(dtype=bool)
    return pd.Series(pd.arrays.IntegerArray(whole, missing), index=values.index)
