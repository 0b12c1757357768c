"""Chunks of vectors that are finished, kept until the version that needs them is published."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.fs

from indexing.chunks import ChunkEncoder, OnProgress
from shortlist.bundle.arrays import Vectors
from shortlist.errors import PublishError

log = logging.getLogger(__name__)

_DIGEST = hashlib.sha256().digest_size


def chunk_key(identity: str, texts: Sequence[str]) -> str:
    """What a chunk's vectors follow from, as 64 hex digits: who encodes, and every text."""
    digest = hashlib.sha256(identity.encode())
    for text in texts:
        encoded = text.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


@dataclass(frozen=True)
class KeptChunks:
    """A place for finished chunks: a file each, the SHA-256 of its vectors before them."""

    files: pyarrow.fs.FileSystem
    folder: str

    def find(self, key: str, *, shape: tuple[int, int]) -> Vectors | None:
        """The float32 vectors of this chunk, None where they are not or not whole."""
        try:
            with self.files.open_input_stream(f"{self.folder}/{key}") as stream:
                content = stream.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("%s: finished chunks cannot be read: %s", self.folder, error)
            return None
        digest, packed = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(packed).digest() != digest or len(packed) != 4 * shape[0] * shape[1]:
            return None
        return np.frombuffer(packed, np.float32).reshape(shape)

    def keep(self, key: str, vectors: Vectors) -> None:
        """Keep a chunk. Where that fails it is only logged: the build goes on without."""
        packed = np.ascontiguousarray(vectors, np.float32).tobytes()
        path = f"{self.folder}/{key}"
        try:
            self.files.create_dir(self.folder, recursive=True)
            with self.files.open_output_stream(f"{path}.part") as stream:
                stream.write(hashlib.sha256(packed).digest() + packed)
            self.files.move(f"{path}.part", path)
        except OSError as error:
            log.warning("%s: a finished chunk is not kept: %s", self.folder, error)

    def forget(self) -> None:
        """Remove all that is kept here."""
        try:
            if self.files.get_file_info(self.folder).type is not pyarrow.fs.FileType.NotFound:
                self.files.delete_dir(self.folder)
        except OSError as error:
            log.warning("%s: finished chunks are not removed: %s", self.folder, error)


def kept_chunks(place: str | Path) -> KeptChunks:
    """What is kept in a folder, or at a url. Raises PublishError for a url of no known kind."""
    if isinstance(place, Path) or "://" not in place:
        return KeptChunks(pyarrow.fs.LocalFileSystem(), str(Path(place).absolute()))
    try:
        files, folder = pyarrow.fs.FileSystem.from_uri(place)
    except (ValueError, OSError) as error:
        raise PublishError(f"{place}: chunks cannot be kept there: {error}") from error
    return KeptChunks(files, folder.rstrip("/"))


class Keeping:
    """Chunks that are encoded once: what is kept is taken over, what is new is kept."""

    def __init__(self, encoder: ChunkEncoder, kept: KeptChunks, *, identity: str) -> None:
        self._encoder = encoder
        self._kept = kept
        self._identity = identity

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self._encoder.embedding_dim

    @property
    def at_once(self) -> int:
        """As `ChunkEncoder` says."""
        return self._encoder.at_once

    def submit(self, texts: list[str], on_progress: OnProgress) -> Future[Vectors]:
        """As `ChunkEncoder` says."""
        key = chunk_key(self._identity, texts)
        found = self._kept.find(key, shape=(len(texts), self.embedding_dim))
        if found is None:
            future = self._encoder.submit(texts, on_progress)
            future.add_done_callback(lambda done: self._keep(key, done))
            return future
        on_progress(len(texts))
        taken: Future[Vectors] = Future()
        taken.set_result(found)
        return taken

    def _keep(self, key: str, done: Future[Vectors]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._kept.keep(key, done.result())

    def n_cut(self, texts: Sequence[str]) -> int:
        """As `ChunkEncoder` says."""
        return self._encoder.n_cut(texts)
