"""Where a build's documents are encoded, and where finished chunks wait until it is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from indexing.catalog.build import BuildConfig, Engine
from indexing.chunks import ChunkEncoder
from indexing.encoding import Encoding
from indexing.kept_chunks import Keeping, KeptChunks, kept_chunks
from shortlist.errors import EncoderError

_FOLDER = ".chunks"


@dataclass(frozen=True)
class Workplace:
    """This process, or the cluster whose scheduler has the address of `config`."""

    config: BuildConfig
    kept: KeptChunks | None

    @contextmanager
    def encoder(self, encoding: Encoding) -> Iterator[ChunkEncoder]:
        """What encodes documents there, while it is open. Raises EncoderError."""
        with self._encoder(encoding) as encoder:
            if self.kept is None:
                yield encoder
            else:
                yield Keeping(encoder, self.kept, identity=encoding.fingerprint())

    @contextmanager
    def _encoder(self, encoding: Encoding) -> Iterator[ChunkEncoder]:
        if self.config.engine is Engine.LOCAL or self.config.address is None:
            with encoding.of_documents() as local:
                yield local
            return
        try:
            from indexing.dask_chunks import dask_chunks
        except ImportError as error:
            raise EncoderError(
                "builds on a cluster need the extra [dask]: pip install 'shortlist[dask]'"
                f" ({error})"
            ) from error
        found = dask_chunks(encoding, self.config.address, patience_s=self.config.patience_s)
        with found as cluster:
            yield cluster

    def forget(self) -> None:
        """Remove the finished chunks: what needed them is published."""
        if self.kept is not None:
            self.kept.forget()


def workplace(config: BuildConfig, artifacts: Path, *, dask: str | None = None) -> Workplace:
    """Where a catalogue's documents are encoded: by its settings, or by the scheduler `dask`."""
    if dask is not None:
        config = config.model_copy(update={"engine": Engine.DASK, "address": dask})
    below = artifacts / _FOLDER if config.engine is Engine.DASK else None
    place = config.chunks or below
    return Workplace(config, None if place is None else kept_chunks(place))
