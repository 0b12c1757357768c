"""An item and its tags to one document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

import numpy as np
import numpy.typing as npt

from shortlist.encoder.runtime import normalise_text
from shortlist.errors import CatalogError

HashArray = npt.NDArray[np.bytes_]
HASH_DTYPE = np.dtype("S16")


@dataclass(frozen=True)
class Template:
    """A parsed document template: each part is a literal and the field whose value follows it."""

    text: str
    parts: tuple[tuple[str, str | None], ...]


def parse_template(text: str, known: Sequence[str]) -> Template:
    """The template, checked against the fields it may name; `{{` stands for a brace.

    Raises CatalogError for an unknown field, a format specification, unbalanced braces, or a
    template that names no field at all.
    """
    listed = ", ".join(f"{{{name}}}" for name in known)
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise CatalogError(f"document.template {text!r}: {error}") from error
    for _, field, spec, conversion in parts:
        if field is not None and field not in known:
            raise CatalogError(
                f"document.template {text!r}: unknown field {{{field}}}; known fields: {listed}"
            )
        if spec or conversion:
            raise CatalogError(
                f"document.template {text!r}: expected {{{field}}} without a format or conversion"
            )
    if all(field is None for _, field, _, _ in parts):
        raise CatalogError(f"document.template {text!r}: names no field; known fields: {listed}")
    return Template(text, tuple((literal, field) for literal, field, _, _ in parts))


def render_documents(template: Template, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """One normalised document an item; `columns` holds equally long texts for every field."""
    named = [field for _, field in template.parts if field is not None]
    rows = zip(*(columns[field] for field in named), strict=True)
    return [normalise_text(_render(template, row)) for row in rows]


def _render(template: Template, row: Sequence[str]) -> str:
    values = iter(row)
    return "".join(
        literal if field is None else literal + next(values) for literal, field in template.parts
    )


def hash_documents(documents: Sequence[str]) -> HashArray:
    """The first 16 bytes of each document's SHA-256, dtype S16.

    Fixed-width byte strings compare as if padded with zero bytes, which for equal widths is
    plain comparison; numpy sorts and searches them.
    """
    width = HASH_DTYPE.itemsize
    digests = [hashlib.sha256(text.encode()).digest()[:width] for text in documents]
    return np.frombuffer(b"".join(digests), dtype=HASH_DTYPE)
