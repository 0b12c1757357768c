"""What turns a catalogue's texts into vectors during a build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexing import embeddings
from indexing.catalog.config import CatalogConfig
from indexing.embeddings import KnownVectors, batch_encoder
from indexing.export import cached_export, default_cache, with_prompts
from indexing.models import resolve_model
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import EncoderInfo
from shortlist.bundle.reader import Bundle
from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import Encoder, EncoderSettings


@dataclass(frozen=True)
class Encoding:
    """A catalogue's encoder, where it is exported to, and what its vectors depend on."""

    export: Path
    settings: EncoderSettings
    encoder: Encoder
    identity: EncoderInfo

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors of texts as queries, float32 [m, dim]."""
        return self.encoder.encode(texts, prompt=self.settings.query_prompt)

    def known_vectors(self, live: Bundle | None) -> list[KnownVectors]:
        """The vectors of the live version that need not be computed again."""
        if live is None:
            return []
        return embeddings.known_vectors(live, self.identity, export=self.export)


def encoding_of(config: CatalogConfig, precision: Precision | None) -> Encoding:
    """The encoder that a catalogue names, exported if need be.

    `precision` goes before the catalogue's. Raises EncoderError.
    """
    source = resolve_model(config.encoder.model, relative_to=config.folder)
    export = cached_export(source, default_cache())
    settings = with_prompts(
        export,
        query_prompt=config.encoder.query_prompt,
        document_prompt=config.encoder.document_prompt,
    )
    encoder = batch_encoder(export, precision or config.encoder.precision)
    named = EncoderInfo.model_fields  # what vectors depend on beside the text
    identity = EncoderInfo(
        **{name: value for name, value in vars(settings).items() if name in named},
        precision=encoder.precision.value,
    )
    return Encoding(export, settings, encoder, identity)
