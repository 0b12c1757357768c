"""What turns a catalogue's texts into vectors during a build."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from indexing import embeddings
from indexing.catalog.config import CatalogConfig
from indexing.chunks import ChunkEncoder, local_chunks
from indexing.embeddings import KnownVectors, batch_encoder
from indexing.export import cached_export, default_cache, with_prompts
from indexing.models import resolve_model
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.manifest import EncoderInfo
from shortlist.bundle.reader import Bundle, sha256_of_file
from shortlist.encoder.machine import Precision
from shortlist.encoder.parity import read_canaries
from shortlist.encoder.runtime import MODEL, TOKENIZER, WEIGHTS, Encoder, EncoderSettings


@dataclass(frozen=True)
class Encoding:
    """A catalogue's encoder, where it is exported to, and what its vectors depend on.

    `wanted` is the precision that was asked for, which this machine resolved.
    """

    export: Path
    settings: EncoderSettings
    encoder: Encoder
    identity: EncoderInfo
    wanted: Precision

    def queries(self, texts: Sequence[str]) -> Vectors:
        """The unit vectors of texts as queries, float32 [m, dim]."""
        return self.encoder.encode(texts, prompt=self.settings.query_prompt)

    def of_documents(self) -> AbstractContextManager[ChunkEncoder]:
        """What encodes documents, while it is open."""
        return local_chunks(self.encoder, prompt=self.settings.document_prompt)

    def fingerprint(self) -> str:
        """What a chunk's vectors follow from beside its texts, to the bit, as 64 hex digits.

        The vectors of the export's test texts stand for processor and libraries.
        """
        canaries = self.encoder.encode(read_canaries(self.export).texts)
        files = "".join(sha256_of_file(self.export / name) for name in (MODEL, WEIGHTS, TOKENIZER))
        said = f"{self.identity.model_dump_json()}{files}".encode() + canaries.tobytes()
        return hashlib.sha256(said).hexdigest()

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
    wanted = precision or config.encoder.precision
    encoder = batch_encoder(export, wanted)
    named = EncoderInfo.model_fields  # what vectors depend on beside the text
    identity = EncoderInfo(
        **{name: value for name, value in vars(settings).items() if name in named},
        precision=encoder.precision.value,
    )
    return Encoding(export, settings, encoder, identity, wanted)
