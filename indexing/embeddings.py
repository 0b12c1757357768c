"""Documents to unit vectors, paying only for documents that no bundle has encoded before."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from indexing.chunks import ChunkEncoder, Chunks, OnProgress
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
    encoder: ChunkEncoder,
    writer: SegmentWriter,
    *,
    live: Sequence[KnownVectors],
    on_progress: OnProgress,
) -> EmbeddingCounts:
    """Write the vector of every document, while batches of them in row order are read.

    A document whose hash is among the `live` ones takes that vector; of identical documents
    only the first is encoded. `on_progress` is called with the number of documents just done.
    """
    earlier: list[KnownVectors] = []
    repeats: list[tuple[RowArray, RowArray]] = []
    chunks = Chunks(encoder, writer.put, on_progress)
    n_rows = reused = n_cut = 0
    for documents in batches:
        hashes = hash_documents(documents)
        rows = n_rows + np.arange(len(documents))
        from_live = _take_over(hashes, rows, live, writer)
        first_rows = _first_rows(hashes, rows, earlier)
        is_new = ~from_live & (first_rows == rows)
        repeated = ~from_live & (first_rows < rows)
        on_progress(len(documents) - int(is_new.sum()))
        chunks.add([documents[place] for place in np.flatnonzero(is_new)], rows[is_new])
        repeats.append((rows[repeated], first_rows[repeated]))
        writer.append(hashes)
        earlier.append(_sorted_by_hash(hashes, writer.vectors, first_row=n_rows))
        n_rows += len(documents)
        reused += int(from_live.sum())
        n_cut += encoder.n_cut(documents)
    n_encoded = chunks.finish()
    for again, first in repeats:
        writer.put(again, writer.vectors[first])
    return EmbeddingCounts(n_encoded, reused, n_rows - n_encoded - reused, n_cut)


def _first_rows(hashes: HashArray, rows: RowArray, earlier: Sequence[KnownVectors]) -> RowArray:
    """The row at which each hash of these rows stands first, int64 [b]."""
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    found = rows[first[inverse]]
    for batch in earlier:
        known = batch.find(hashes)
        found[known >= 0] = known[known >= 0]
    return found


def _take_over(
    hashes: HashArray, rows: RowArray, sources: Sequence[KnownVectors], writer: SegmentWriter
) -> npt.NDArray[np.bool_]:
    """Write those of these rows whose hash a source knows; returns which they are, bool [b]."""
    done = np.zeros(len(hashes), dtype=bool)
    for source in sources:
        known = source.find(hashes)
        taken = (known >= 0) & ~done
        writer.put(rows[taken], source.vectors[known[taken]])
        done |= taken
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
