"""The items as columns in row order."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from indexing.catalog.arrow_values import TEXTS
from indexing.catalog.attributes import read_attribute
from indexing.catalog.database import Databases
from indexing.catalog.display import DisplayConfig, read_display
from indexing.catalog.doubts import doubts
from indexing.catalog.ids import read_ids
from indexing.catalog.limits import DEFAULT, Limits
from indexing.catalog.origin import Origin
from indexing.catalog.quoting import quoted
from indexing.catalog.records import Records, records_of
from indexing.catalog.sources import (
    AlternativeTitlesConfig,
    CategoriesConfig,
    ItemsConfig,
)
from indexing.catalog.tables import array_of, as_text, is_list, read_table, text_array
from shortlist.bundle.arrays import Csr
from shortlist.bundle.tables import Categories
from shortlist.errors import CatalogError

log = logging.getLogger(__name__)

NOTHING = DisplayConfig()


@dataclass(frozen=True)
class Items:
    """The items in row order; `text` holds every column a document template may name.

    `table` is what was read of them, column by column as the catalogue names them.
    `alternatives` are each item's other titles, None for a catalogue that names none.
    """

    ids: pd.Series
    titles: pd.Series
    categories: Categories
    attributes: dict[str, pa.Array]
    display: dict[str, pa.Array]
    text: dict[str, pd.Series]
    alternatives: list[list[str]] | None
    table: pd.DataFrame


def columns_of(config: ItemsConfig, display: DisplayConfig) -> list[str]:
    """The columns that are read of the items, each once."""
    several = (config.categories, config.alternative_titles)
    others = [split.column for split in several if split is not None]
    of_attributes = [one for each in config.attributes.values() for one in each.read_from]
    shown = display.columns(list(config.attributes))
    named = [config.id, config.title, *others, *config.text, *of_attributes, *shown]
    return list(dict.fromkeys(named))


def read_items(
    config: ItemsConfig,
    folder: Path,
    *,
    limits: Limits = DEFAULT,
    databases: Databases | None = None,
    display: DisplayConfig = NOTHING,
) -> Items:
    """The validated items. Raises CatalogError when it is empty or a value is unusable."""
    records = records_of(config, folder, databases)
    items = items_of(config, records, limits=limits, display=display)
    for doubt in doubts(
        ids=items.ids,
        titles=items.titles,
        texts=items.text,
        categories=items.categories,
        origin=records.origin,
    ):
        log.warning("%s", doubt)
    return items


def items_of(
    config: ItemsConfig, records: Records, *, limits: Limits, display: DisplayConfig
) -> Items:
    """The items of these records. Raises CatalogError as `read_items` does."""
    origin = records.origin
    other, categories = config.alternative_titles, config.categories
    texts = [config.title, *([categories.column] if categories else []), *config.text]
    table = read_table(records, columns_of(config, display), limits=limits, most="items")
    if not len(table):
        raise CatalogError(f"{origin}: the catalogue is empty; expected at least one item")
    text = {column: as_text(table[column]) for column in texts}
    if categories is not None:  # in documents lists of them stand as a file has them
        column = table[categories.column]
        text[categories.column] = as_text(column, separator=categories.separator)
    for split in (other, categories):
        if split is not None:
            _require_few(table[split.column], split, limits, origin)
    alternatives = None
    if other is not None:
        alternatives = _lists(table[other.column], other.separator)
    attributes = {
        name: read_attribute(
            table,
            name,
            attribute,
            origin=origin,
            limits=limits,
            numbers=config.numbers,
        )
        for name, attribute in config.attributes.items()
    }
    ids = read_ids(table[config.id], config.id_type, origin=origin)
    of_items = split_categories(table, categories, n_items=len(table))
    return Items(
        ids=ids,
        titles=text[config.title],
        categories=of_items,
        attributes=attributes,
        display=read_display(display, table, attributes, origin=origin),
        text=text,
        alternatives=alternatives,
        table=table,
    )


def _require_few(
    values: pd.Series, split: AlternativeTitlesConfig, limits: Limits, origin: Origin
) -> None:
    """Raise CatalogError for an item with too many values, before any are split."""
    n_values = _n_values(values, split.separator)
    many = np.flatnonzero(n_values > limits.values_per_item)
    if len(many):
        row = int(many[0])
        raise origin.problem(
            row,
            f"column {quoted(split.column)}: expected at most {limits.values_per_item} values of"
            f" an item, found {n_values[row]}; raise limits.values_per_item in catalog.toml if it"
            " should have them",
        )


def _n_values(values: pd.Series, separator: str) -> np.ndarray:
    """How many values each text or list has, int64 [n]; an empty text counts as one."""
    if is_list(values):
        counts = pa.compute.list_value_length(pa.array(values)).fill_null(0)
        return np.asarray(counts)
    counts = pa.compute.count_substring(pa.array(as_text(values), pa.large_string()), separator)
    return np.asarray(counts) + 1


def _lists(values: pd.Series, separator: str) -> list[list[str]]:
    """Each item's values without blanks around them; a list's own, else a text's parts."""
    lists = _list_array(values, separator).to_pylist()
    return [[one.strip() for one in listed or () if one.strip()] for listed in lists]


def split_categories(
    columns: Mapping[Hashable, pd.Series] | pd.DataFrame,
    config: CategoriesConfig | None,
    *,
    n_items: int,
) -> Categories:
    """The categories column, lists or split at its separator, without blanks and `none` markers."""
    if config is None:
        return Categories(Csr(np.zeros(n_items + 1, np.int64), np.empty(0, np.int32)), ())
    lists = _list_array(columns[config.column], config.separator)
    counts = np.asarray(pa.compute.list_value_length(lists).fill_null(0))
    parts = pa.compute.utf8_trim_whitespace(lists.flatten().fill_null("")).dictionary_encode()
    written, codes = parts.dictionary.to_pylist(), np.asarray(parts.indices)
    kept = np.array([text not in {"", config.none} for text in written], dtype=np.bool_)[codes]
    rows, codes = np.repeat(np.arange(n_items), counts)[kept], codes[kept]
    called = written
    if config.fold_case:
        called = _joined_by_case(written, np.bincount(codes, minlength=len(written)))
    names = sorted({called[code] for code in np.unique(codes).tolist()})
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of.get(name, -1) for name in called], dtype=np.int32)[codes]
    _, first = np.unique(rows * max(1, len(names)) + codes, return_index=True)
    first.sort()
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows[first], minlength=n_items))])
    return Categories(Csr(offsets, codes[first]), tuple(names))


def _list_array(values: pd.Series, separator: str) -> pa.Array:
    """Each item's values as an array of lists of text: a list's own, else a text's parts."""
    if is_list(values):
        return array_of(values, TEXTS)
    return pa.compute.split_pattern(text_array(as_text(values)), separator)


def _joined_by_case(names: list[str], counts: np.ndarray) -> list[str]:
    """Each name as it is written most often, ties as they sort."""
    rarest_first = sorted(zip(-counts, names, strict=True), reverse=True)
    usual = {name.casefold(): name for _, name in rarest_first}
    return [usual[name.casefold()] for name in names]
