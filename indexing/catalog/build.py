"""The part of catalog.toml that says where a build's documents are encoded."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from indexing.catalog.sources import NonEmpty, Table


class Engine(StrEnum):
    """What encodes documents: this process, or the workers of a Dask cluster."""

    LOCAL = "local"
    DASK = "dask"


class BuildConfig(Table):
    """`address` is that of a Dask scheduler, such as tcp://10.0.0.5:8786.

    Finished `chunks` are kept in a folder or at a url such as s3://bucket/chunks until a build has
    published them: by default below the artifacts folder where a cluster encodes, else nowhere. A
    scheduler that is away is waited for `patience_s` seconds.
    """

    engine: Engine = Engine.LOCAL
    address: NonEmpty | None = None
    chunks: NonEmpty | None = None
    patience_s: float = Field(default=60, ge=0, le=86_400)

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.engine is Engine.DASK and self.address is None:
            raise ValueError(
                'engine "dask" needs the address of a scheduler, such as tcp://host:8786'
            )
        return self
