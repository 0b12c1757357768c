"""Documents to unit vectors, paying only for documents that no bundle has encoded before."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from indexing.documents import HASH_DTYPE, HashArray, hash_documents
from shortlist.bundle import layout
from shortlist.bundle.arrays import RowArray, Vectors, map_array
from shortlist.bundle.manifest import EncoderInfo
from shortlist.bundle.reader import Bundle, sha256_of_file
from shortlist.bundle.segments import Segment
from shortlist.bundle.writer import SegmentWriter
from shortlist.encoder.machine import Precision, available_cores
from shortlist.encoder.runtime import MODEL, TOKENIZER, WEIGHTS, Encoder
from shortlist.errors import BundleCorrupt

log = logging.getLogger(__name__)

_COMPUTES = (MODEL, WEIGHTS, TOKENIZER)


@dataclass(frozen=True)
class KnownVectors:
    """Vectors that may be taken over: sorted 16-byte hashes, and the row of each in `vectors`."""

    hashes: HashArray
    rows: RowArray
    vectors: Vectors

    def find(self, hashes: HashArray) -> RowArray:
        """The row of each hash among the known vectors, -1 where it is not known."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[place] == hashes, self.rows[place], -1)


def batch_encoder(folder: Path, precision: Precision) -> Encoder:
    """An encoder that gives all cores to many texts at once."""
    n_cores = available_cores()
    return Encoder(folder, precision=precision, n_streams=n_cores, n_threads=n_cores)


@dataclass(frozen=True)
class EmbeddingCounts:
    """How many documents were encoded, taken from the live bundle, and equal to another one.

    `cut` of those that are written anew are longer than what the model takes.
    """

    encoded: int
    reused: int
    repeated: int
    cut: int


def embed_corpus(
    batches: Iterable[list[str]],
    encoder: Encoder,
    writer: SegmentWriter,
    *,
    prompt: str,
    live: Sequence[KnownVectors],
    on_progress: Callable[[int], object],
) -> EmbeddingCounts:
    """Write the vector of every document, in row order, a batch at a time.

    A document whose hash is among the `live` ones takes that vector; of identical documents
    only the first is encoded. `prompt` goes before each. `on_progress` is called with
    the number of documents just done.
    """
    written: list[KnownVectors] = []
    encoded = reused = n_rows = n_cut = 0
    for documents in batches:
        hashes = hash_documents(documents)
        vectors = np.empty((len(documents), encoder.embedding_dim), dtype=np.float32)
        from_live = _take_over(hashes, live, vectors)
        missing = np.flatnonzero(~(from_live | _take_over(hashes, written, vectors)))
        _, first, inverse = np.unique(hashes[missing], return_index=True, return_inverse=True)
        on_progress(len(documents) - len(first))
        texts = [documents[row] for row in missing[first]]
        vectors[missing] = encoder.encode(texts, prompt=prompt, on_progress=on_progress)[inverse]
        writer.append(hashes, vectors)
        written.append(_sorted_by_hash(hashes, writer.vectors, first_row=n_rows))
        n_rows += len(documents)
        encoded += len(first)
        reused += int(from_live.sum())
        n_cut += encoder.n_cut(documents, prompt=prompt)
    return EmbeddingCounts(encoded, reused, n_rows - encoded - reused, n_cut)


def _take_over(hashes: HashArray, sources: Sequence[KnownVectors], out: Vectors) -> np.ndarray:
    """Fill the rows of `out` whose hash a source knows; returns which rows those are, bool."""
    done = np.zeros(len(hashes), dtype=bool)
    for source in sources:
        rows = source.find(hashes)
        out[rows >= 0] = source.vectors[rows[rows >= 0]]
        done |= rows >= 0
    return done


def _sorted_by_hash(hashes: HashArray, vectors: Vectors, *, first_row: int = 0) -> KnownVectors:
    order = np.argsort(hashes, kind="stable")
    return KnownVectors(hashes[order], order + first_row, vectors)


def known_vectors(live: Bundle, wanted: EncoderInfo, *, export: Path) -> list[KnownVectors]:
    """The vectors of a bundle's segments, none unless they were encoded as is wanted now.

    Model, weights, prompts, maximum length and precision must all be equal, and the graph and
    tokenizer of the `export` byte for byte: pooling, for one, is in the graph alone. A bundle whose
    hashes cannot be read gives none, and the log says so.
    """
    files = [export / name for name in _COMPUTES]
    stored = [live.manifest.files.get(f"{layout.ENCODER}/{name}") for name in _COMPUTES]
    digests = [info and info.sha256 for info in stored]
    if live.manifest.encoder != wanted or digests != [sha256_of_file(one) for one in files]:
        return []
    try:
        return [_sorted_by_hash(hashes, one.vectors) for one, hashes in _entry_hashes(live)]
    except BundleCorrupt as error:
        log.warning("the vectors of the live version are not taken over: %s", error)
        return []


def read_hashes(bundle: Bundle) -> HashArray:
    """The document hashes of a bundle in row order, S16 [n].

    Raises BundleCorrupt for anything but one hash an item.
    """
    found = np.empty(bundle.n_items, HASH_DTYPE)
    for segment, hashes in _entry_hashes(bundle):
        live = segment.rows >= 0
        found[segment.rows[live]] = hashes[live]
    return found


def check_hashes(bundle: Bundle) -> None:
    """Raises BundleCorrupt unless every entry of every segment has a hash."""
    for _ in _entry_hashes(bundle):
        pass


def _entry_hashes(bundle: Bundle) -> Iterator[tuple[Segment, HashArray]]:
    """The document hashes of every segment's entries, S16 [m]."""
    for segment in bundle.segments:
        if segment.name:
            n_entries = len(segment.rows)
            yield segment, map_array(segment.folder / layout.HASHES, HASH_DTYPE, n_entries)
        else:
            yield segment, _from_parquet(bundle)


def _from_parquet(bundle: Bundle) -> HashArray:
    """The document hashes of a bundle from before there were segments."""
    name, width = layout.DOCUMENTS, HASH_DTYPE.itemsize
    try:
        table = pyarrow.parquet.read_table(bundle.folder / name, columns=["hash"])
    except (pa.ArrowException, OSError) as error:
        raise BundleCorrupt(f"{name}: not a Parquet file: {error}") from error
    packed = table.column("hash").combine_chunks()
    if packed.type != pa.binary(width) or packed.null_count or len(packed) != bundle.n_items:
        raise BundleCorrupt(
            f"{name}: expected {bundle.n_items} hashes of {width} bytes, found {len(packed)} of"
            f" {packed.type}"
        )
    return np.frombuffer(packed.buffers()[1], HASH_DTYPE, len(packed), packed.offset * width)
