"""A catalogue's documents and columns, as the bundle wants them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from indexing.catalog import Catalog, joined_tags
from indexing.documents import Template, parse_template, render_documents
from indexing.popularity import Popularity, weighted_ratings
from indexing.recall import probe_texts
from shortlist.bundle.tables import CategoryColumn, ItemTable, PopularityColumns

_PROBED_ROWS = 2000


@dataclass(frozen=True)
class Corpus:
    """A catalogue's documents, rendered when they are asked for.

    `columns` holds every field a template may name, as text in row order.
    """

    template: Template
    columns: Mapping[str, pd.Series]
    tags: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.columns["title"])

    def documents(self, *, batch_rows: int) -> Iterator[list[str]]:
        """The documents in row order, `batch_rows` at a time."""
        for begin in range(0, len(self), batch_rows):
            yield self._render(slice(begin, begin + batch_rows))

    def document_of(self, row: int, *, tags: str) -> str:
        """One item's document as it would be with these joined tags."""
        fields = {field for _, field in self.template.parts if field is not None}
        texts = {field: [self.columns[field].iloc[row]] for field in fields}
        if "tags" in fields:
            texts["tags"] = [tags]
        return render_documents(self.template, texts)[0]

    def recall_probes(self) -> list[str]:
        """Short texts, drawn from the catalogue, to measure an approximate index with."""
        step = max(1, len(self) // _PROBED_ROWS)
        titles = self.columns["title"].iloc[::step].tolist()
        return probe_texts(titles, self.tags, self._render(slice(None, None, step)))

    def _render(self, rows: slice) -> list[str]:
        fields = {field for _, field in self.template.parts if field is not None}
        texts = {field: self.columns[field].iloc[rows].tolist() for field in fields}
        return render_documents(self.template, texts)


def read_corpus(catalog: Catalog) -> Corpus:
    """The catalogue's documents by its template. Raises CatalogError for an unknown field."""
    columns = _document_columns(catalog)
    tags = catalog.tags.table["tag"].unique().tolist() if catalog.tags else []
    return Corpus(_document_template(catalog, columns), columns, tuple(tags))


def _document_columns(catalog: Catalog) -> dict[str, pd.Series]:
    """Columns by their own name, roles, attributes, tags."""
    items, config = catalog.items, catalog.config.items
    columns = {name: _as_text(values) for name, values in items.attributes.items()}
    columns.update(items.text)
    columns["title"] = items.titles
    if config.categories is not None:
        columns["categories"] = items.text[config.categories.column]
    if catalog.tags is not None:
        columns["tags"] = joined_tags(catalog.tags.table, catalog.n_items)
    return columns


def _document_template(catalog: Catalog, fields: Mapping[str, object]) -> Template:
    """The catalogue's template, by default title, categories and tags as far as it has them."""
    text = catalog.config.document.template
    if text is None:
        roles = [role for role in ("title", "categories", "tags") if role in fields]
        text = " ".join(f"{{{role}}}" for role in [*roles, *catalog.config.items.text])
    return parse_template(text, sorted(fields))


def catalog_popularity(catalog: Catalog) -> Popularity | None:
    """The popularity table, None for a catalogue without ratings."""
    ratings = catalog.config.ratings
    if ratings is None or catalog.ratings is None:
        return None
    return weighted_ratings(
        catalog.ratings.table,
        catalog.n_items,
        highest=ratings.scale[1],
        prior_quantile=catalog.config.popularity.prior_quantile,
    )


def item_table(catalog: Catalog, popularity: Popularity | None) -> ItemTable:
    """The item columns of the bundle."""
    categories = catalog.items.categories
    return ItemTable(
        titles=_array(catalog.items.titles, pa.large_string()),
        categories=CategoryColumn(categories.offsets, categories.codes, categories.names),
        attributes={name: _arrow(column) for name, column in catalog.items.attributes.items()},
        popularity=None if popularity is None else popularity_columns(popularity),
    )


def id_column(catalog: Catalog) -> pa.Array:
    """The item ids in row order, int64 or text."""
    integer = pd.api.types.is_integer_dtype(catalog.items.ids)
    return _array(catalog.items.ids, pa.int64() if integer else pa.large_string())


def popularity_columns(popularity: Popularity) -> PopularityColumns:
    """The popularity table as the bundle keeps it."""
    table = popularity.table
    return PopularityColumns(
        rating_count=table["rating_count"].to_numpy(np.int32),
        mean_rating=table["mean_rating"].to_numpy(np.float64),
        popularity_score=table["popularity_score"].to_numpy(np.float64),
    )


def _arrow(column: pd.Series) -> pa.Array:
    types = {"Int64": pa.int64(), "Float64": pa.float64()}
    return _array(column, types.get(str(column.dtype), pa.large_string()))


def _array(column: pd.Series, wanted: pa.DataType) -> pa.Array:
    """One array: a column read from more than a megabyte of CSV comes in chunks."""
    found = pa.array(column, wanted, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype("str").fillna("").replace("<NA>", "")
