"""Templates: a text with {fields} whose values an item fills in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from indexing.catalog.quoting import quoted
from shortlist.errors import CatalogError

_MOST_FIELDS = 100


@dataclass(frozen=True)
class Template:
    """A parsed template: each part is a literal and the field whose value follows it."""

    text: str
    parts: tuple[tuple[str, str | None], ...]

    @property
    def fields(self) -> list[str]:
        """The fields it names, in order, one as often as it stands there."""
        return [field for _, field in self.parts if field is not None]

    @staticmethod
    def named_in(text: str) -> bool:
        """Whether a text names any field."""
        return any(field is not None for _, field, _, _ in Formatter().parse(text))

    def render(self, columns: Mapping[str, Sequence[str]]) -> list[str]:
        """One text an item; `columns` holds equally long texts for every field."""
        rows = zip(*(columns[field] for field in self.fields), strict=True)
        return [self._render(row) for row in rows]

    def _render(self, row: Sequence[str]) -> str:
        values = iter(row)
        return "".join(text if field is None else text + next(values) for text, field in self.parts)


def parse_template(
    text: str, known: Sequence[str] | None, *, where: str = "document.template"
) -> Template:
    """The template, checked against the fields it may name, None for any; `{{` stands for a brace.

    Raises CatalogError for an unknown field, a format specification, unbalanced braces, or a
    template that names no field at all.
    """
    named = f"{where} {quoted(text)}"
    fields = "" if known is None else f"; known fields: {', '.join(f'{{{one}}}' for one in known)}"
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise CatalogError(f"{named}: {error}") from error
    for _, field, spec, conversion in parts:
        if field == "" or (field is not None and known is not None and field not in known):
            raise CatalogError(f"{named}: unknown field {{{field}}}{fields}")
        if spec or conversion:
            raise CatalogError(f"{named}: expected {{{field}}} without a format or conversion")
    if all(field is None for _, field, _, _ in parts):
        raise CatalogError(f"{named}: names no field{fields}")
    if len(parts) > _MOST_FIELDS:
        raise CatalogError(f"{named}: expected at most {_MOST_FIELDS} fields")
    return Template(text, tuple((literal, field) for literal, field, _, _ in parts))
