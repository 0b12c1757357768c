"""From a catalogue's settings to what its changed items may hold, and from these to a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from indexing.catalog import Catalog
from indexing.catalog.config import CatalogConfig
from indexing.catalog.events import Events
from indexing.catalog.items import columns_of, items_of
from indexing.catalog.number_format import PLAIN
from indexing.catalog.records import TableRecords
from indexing.catalog.sources import AttributeConfig, IdType
from indexing.changing.source import Values, table_of
from shortlist.bundle.attributes import Kind
from shortlist.bundle.intake import TAGS, ColumnIntake, Intake
from shortlist.bundle.tables import Categories

_CHECKED = (Kind.BOOLEAN, Kind.TIME, Kind.INTEGER, Kind.NUMBER)
_MOST_DEGREES = (90.0, 180.0)


def intake_of(config: CatalogConfig, *, integer_ids: bool) -> Intake | None:
    """What an item of this catalogue may be changed by.

    None for one that has tags and a column called so: a changed item could not name both.
    """
    items = config.items
    columns = dict.fromkeys(columns_of(items, config.display), ColumnIntake())
    if config.tags is not None and TAGS in columns:
        return None
    for split in (items.categories, items.alternative_titles):
        if split is not None:
            columns[split.column] = ColumnIntake(lists=True)
    for attribute in items.attributes.values():
        columns |= _of_attribute(attribute, plain=items.numbers == PLAIN)
    return Intake(
        id=items.id,
        id_type="integer" if integer_ids else "string",
        title=items.title,
        tags=config.tags is not None,
        columns={**columns, items.id: ColumnIntake(), items.title: ColumnIntake()},
        field_bytes=config.limits.field_bytes,
        values_per_item=config.limits.values_per_item,
    )


def _of_attribute(attribute: AttributeConfig, *, plain: bool) -> dict[str, ColumnIntake]:
    """What the columns of an attribute must be; numbers that are not `plain` are read later."""
    if attribute.type is Kind.POINT:
        kinds = (ColumnIntake(kind=Kind.NUMBER, most=most) for most in _MOST_DEGREES)
        return dict(zip(attribute.read_from, kinds, strict=True)) if plain else {}
    if attribute.type is Kind.STRINGS:
        return {name: ColumnIntake(lists=True) for name in attribute.read_from}
    is_number = attribute.type in {Kind.INTEGER, Kind.NUMBER}
    if attribute.pattern is not None or attribute.type not in _CHECKED or (is_number and not plain):
        return {}
    return {name: ColumnIntake(kind=attribute.type) for name in attribute.read_from}


def separators_of(config: CatalogConfig) -> dict[str, str]:
    """What parts the values of each column that may be a list."""
    items = config.items
    splits = [one for one in (items.categories, items.alternative_titles) if one is not None]
    found = {split.column: split.separator for split in splits}
    for attribute in items.attributes.values():
        if attribute.type is Kind.STRINGS and attribute.column is not None:
            found.setdefault(attribute.column, attribute.separator)
    return found


def catalog_of(
    config: CatalogConfig,
    intake: Intake,
    items: Sequence[Values],
    *,
    locate: Callable[[Sequence[int]], list[str]],
    categories: Sequence[str],
) -> Catalog:
    """These items, at least one, as a catalogue of their own, without ratings.

    They are read as the catalogue's files are; `locate` says for messages where each comes from.
    Where categories are one whatever their case, they are called as the known `categories` are.
    Raises CatalogError for a value that cannot be.
    """
    id_type = IdType.INTEGER if intake.id_type == "integer" else IdType.STRING
    settings = config.items.model_copy(update={"id_type": id_type})
    names = columns_of(settings, config.display)
    table = table_of(items, names, separators_of(config), decimal=settings.decimal)
    records = TableRecords("changes", table, locate, settings.null_values)
    found = items_of(settings, records, limits=config.limits, display=config.display)
    if settings.categories is not None and settings.categories.fold_case:
        known = {name.casefold(): name for name in reversed(categories)}
        called = tuple(known.get(one.casefold(), one) for one in found.categories.names)
        found = replace(found, categories=Categories(found.categories.lists, called))
    tags = None
    if config.tags is not None:
        given = [item.get(TAGS) or () if TAGS not in names else () for item in items]
        rows = np.repeat(np.arange(len(items)), [len(own) for own in given])
        texts = pd.Series([str(tag) for own in given for tag in own], dtype="str")
        tags = Events(pd.DataFrame({"row": rows.astype(np.int64), "tag": texts}), 0)
    return Catalog(config, found, tags, None)
