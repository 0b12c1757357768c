"""What catalog.toml asks of a build before it goes live."""

from __future__ import annotations

from pydantic import Field

from indexing.catalog.sources import NonEmpty, Table


class GoldenQuery(Table):
    """A query whose answer must have this item among its first `top`."""

    query: NonEmpty
    item: int | str
    top: int = Field(default=10, ge=1, le=1000)


class GateConfig(Table):
    """What a build may differ by from the live version of the same catalogue.

    `replay` is the least that its estimated clicks may be of the live version's, see
    `indexing.comparing.replay`.
    """

    max_items_lost: float = Field(default=0.2, ge=0, le=1)
    min_overlap: float = Field(default=0.5, ge=0, le=1)
    replay: float | None = Field(default=None, gt=0, le=10)
    golden: tuple[GoldenQuery, ...] = Field(default=(), max_length=1000)
