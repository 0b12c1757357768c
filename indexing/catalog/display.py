"""What results show of an item: [display] of catalog.toml, and the columns that it makes."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from indexing.catalog.attributes import attribute_texts
from indexing.catalog.origin import Origin
from indexing.catalog.quoting import quoted
from indexing.catalog.sources import MOST_NAMED, NonEmpty, Table
from indexing.catalog.tables import as_text
from indexing.catalog.template import Template, parse_template
from shortlist.bundle.display import ADDRESSES, are_addresses
from shortlist.bundle.wording import AttributeInfo

log = logging.getLogger(__name__)

MOST_CHARACTERS = 300
"""Of a description; longer ones are cut behind a word."""

_PARTS = "·"
"""What stands between the parts of a subtitle."""

_BETWEEN = re.compile(r"^(?:[\s,;/|–]|-(?=\s|$))+|(?:[\s,;/|–]|(?<=\s)-)+$")
"""What joins two fields of a part, and is left out at its ends where one is missing."""


class DisplayConfig(Table):
    """What a result shows beside the title.

    `description` is a column; the others are templates over attributes and columns.
    """

    subtitle: NonEmpty | None = None
    description: NonEmpty | None = None
    image: NonEmpty | None = None
    link: NonEmpty | None = None
    attributes: dict[str, AttributeInfo] = Field(default={}, max_length=MOST_NAMED)

    @property
    def templates(self) -> dict[str, Template]:
        """The templates by what they make. Raises CatalogError for one that cannot be read."""
        named = {"subtitle": self.subtitle, "image": self.image, "link": self.link}
        return {
            name: parse_template(text, None, where=f"display.{name}")
            for name, text in named.items()
            if text is not None
        }

    def columns(self, attributes: Sequence[str]) -> list[str]:
        """The columns that are needed beside those of the attributes."""
        fields = [field for one in self.templates.values() for field in one.fields]
        named = [*fields, *([self.description] if self.description else [])]
        return [name for name in dict.fromkeys(named) if name not in attributes]


def read_display(
    config: DisplayConfig,
    table: pd.DataFrame,
    attributes: Mapping[str, pa.Array],
    *,
    origin: Origin,
) -> dict[str, pa.Array]:
    """The columns that are shown, text in row order, null for none.

    An address in which a field is missing is none; what is no address of http or https, nor below
    the host itself, is left out with a warning.
    """
    found = {}
    if config.description is not None:
        found["description"] = _array(as_text(table[config.description]).map(shortened))
    for name, template in config.templates.items():
        fields = {field: _texts(field, table, attributes) for field in template.fields}
        if name in ADDRESSES:
            found[name] = _addresses(name, template, fields, origin)
        else:
            found[name] = _array(pd.Series(_subtitles(template, fields), dtype="str"))
    return found


def _texts(field: str, table: pd.DataFrame, attributes: Mapping[str, pa.Array]) -> list[str]:
    column = attribute_texts(attributes[field]) if field in attributes else as_text(table[field])
    texts: list[str] = column.str.strip().tolist()
    return texts


def _subtitles(template: Template, fields: Mapping[str, list[str]]) -> list[str]:
    """The parts of which some field is there, one text an item."""
    columns = []
    for text in template.text.split(_PARTS):
        if not Template.named_in(text):
            columns.append([text.strip()] * len(next(iter(fields.values()))))
            continue
        part = parse_template(text, None, where="display.subtitle")
        known = zip(*(fields[name] for name in part.fields), strict=True)
        columns.append([
            _BETWEEN.sub("", written) if any(own) else ""
            for written, own in zip(part.render(fields), known, strict=True)
        ])  # fmt: skip
    rows = zip(*columns, strict=True)
    return [f" {_PARTS} ".join(part for part in row if part) for row in rows]


def _addresses(
    name: str, template: Template, fields: Mapping[str, list[str]], origin: Origin
) -> pa.Array:
    """A field is escaped unless the address begins with it."""
    begins = template.parts[0][0] == "" and template.parts[0][1]
    escaped = {
        field: texts if field == begins else [quote(text, safe="") for text in texts]
        for field, texts in fields.items()
    }
    whole = np.array([all(row) for row in zip(*fields.values(), strict=True)], dtype=np.bool_)
    texts = pd.Series(template.render(escaped), dtype="str").where(whole, "")
    found = _array(texts)
    sound = are_addresses(found).fill_null(True).to_numpy(zero_copy_only=False)
    bad = np.flatnonzero(~sound)
    if len(bad):
        row = int(bad[0])
        log.warning(
            "%s: %s: display.%s: %s is no address of http or https and left out, as are %d others",
            *(origin, origin.locate([row])[0], name, quoted(texts.iloc[row]), len(bad) - 1),
        )
        found = _array(texts.where(sound, ""))
    return found


def shortened(text: str) -> str:
    """The text in one line, cut behind a word where it is long."""
    text = " ".join(text.split())
    if len(text) <= MOST_CHARACTERS:
        return text
    begin = text[: MOST_CHARACTERS - 1]
    return f"{begin.rsplit(' ', 1)[0].rstrip(' ,;·–-')}…"


def _array(texts: pd.Series) -> pa.Array:
    found = pa.array(texts.where(texts != "", None), pa.large_string(), from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
