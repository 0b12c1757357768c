"""Items and their tags to documents, one each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from indexing.catalog import Catalog
from indexing.catalog.attributes import attribute_texts
from indexing.catalog.events import joined_tags
from indexing.catalog.template import Template, parse_template
from shortlist.encoder.runtime import normalise_text
from shortlist.errors import CatalogError

HashArray = npt.NDArray[np.bytes_]
HASH_DTYPE = np.dtype("S16")
_PROBED_ROWS = 2000
_PROBED_CHARACTERS = 10_000


def render_documents(template: Template, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """One normalised document an item; `columns` holds equally long texts for every field."""
    return [normalise_text(text) for text in template.render(columns)]


def hash_documents(documents: Sequence[str]) -> HashArray:
    """The first 16 bytes of each document's SHA-256, dtype S16.

    Fixed-width byte strings compare as if padded with zero bytes, which for equal widths is
    plain comparison; numpy sorts and searches them.
    """
    width = HASH_DTYPE.itemsize
    digests = [hashlib.sha256(text.encode()).digest()[:width] for text in documents]
    return np.frombuffer(b"".join(digests), dtype=HASH_DTYPE)


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

    def of(self, rows: npt.NDArray[np.int64]) -> Corpus:
        """The corpus of some rows (int64 [m]) alone, in their order."""
        columns = {name: column.iloc[rows] for name, column in self.columns.items()}
        return replace(self, columns=columns)

    def documents(self, *, batch_rows: int) -> Iterator[list[str]]:
        """The documents in row order, `batch_rows` at a time."""
        for begin in range(0, len(self), batch_rows):
            yield self._render(slice(begin, begin + batch_rows))

    def document_of(self, row: int, *, tags: str) -> str:
        """One item's document as it would be with these joined tags."""
        texts = {name: [self.columns[name].iloc[row]] for name in self.template.fields}
        return render_documents(self.template, {**texts, "tags": [tags]})[0]

    def recall_probes(self) -> list[str]:
        """Short texts, drawn from the catalogue, to measure an approximate index with.

        Raises CatalogError where there is nothing that anybody could search for.
        """
        step = max(1, len(self) // _PROBED_ROWS)
        titles = self.columns["title"].iloc[::step].tolist()
        probes = probe_texts(titles, self.tags, self._render(slice(None, None, step)))
        if not probes:
            raise CatalogError(
                "items.title: every title is blank, and no document has two words: nothing could be"
                " searched for; name another column"
            )
        return probes

    def _render(self, rows: slice) -> list[str]:
        texts = {name: self.columns[name].iloc[rows].tolist() for name in self.template.fields}
        return render_documents(self.template, texts)


def read_corpus(catalog: Catalog) -> Corpus:
    """The catalogue's documents by its template, by default title, categories, tags and texts.

    Raises CatalogError for an unknown field.
    """
    columns, attributes = _document_columns(catalog), catalog.items.attributes
    text = catalog.config.document.template
    if text is None:
        roles = [role for role in ("title", "categories", "tags") if role in columns]
        text = " ".join(f"{{{role}}}" for role in [*roles, *catalog.config.items.text])
    tags = catalog.tags.table["tag"].unique().tolist() if catalog.tags else []
    template = parse_template(text, sorted({*columns, *attributes}))
    columns |= {
        name: attribute_texts(attributes[name]) for name in set(template.fields) - set(columns)
    }
    return Corpus(template, columns, tuple(tags))


def _document_columns(catalog: Catalog) -> dict[str, pd.Series]:
    """Columns by their own name, roles, tags; they stand before an attribute of their name."""
    items, categories = catalog.items, catalog.config.items.categories
    columns = {**items.text, "title": items.titles}
    if categories is not None:
        columns["categories"] = items.text[categories.column]
    if catalog.tags is not None:
        columns["tags"] = joined_tags(catalog.tags.table, catalog.n_items)
    return columns


def probe_texts(
    titles: Sequence[str], tags: Sequence[str], documents: Sequence[str], *, n: int = 600
) -> list[str]:
    """Up to `n` short distinct texts as people type them: titles, tags, fragments of documents.

    A fragment is two to four neighbouring words, never a whole document. The draw is seeded:
    the same catalogue gives the same probes.
    """
    rng = np.random.default_rng(20261123)
    kinds = [kind for kind in (titles, tags, documents) if len(kind)]
    drawn: dict[str, None] = {}
    for _ in range(20 * n):
        kind = kinds[int(rng.integers(len(kinds)))]
        text = kind[int(rng.integers(len(kind)))]
        probe = _fragment(text, rng) if kind is documents else text
        if probe.strip():
            drawn[probe] = None
        if len(drawn) == n:
            break
    return list(drawn)


def _fragment(document: str, rng: np.random.Generator) -> str:
    words = document[:_PROBED_CHARACTERS].split()
    length = min(int(rng.integers(2, 5)), len(words) - 1)
    if length < 1:
        return ""
    begin = int(rng.integers(len(words) - length + 1))
    return " ".join(words[begin : begin + length])
