"""What a worker of a Dask cluster does for a build: it keeps an encoder, and encodes chunks.

A worker needs what serving needs, and `distributed`: neither pandas nor torch.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shortlist.bundle.arrays import Vectors
from shortlist.encoder.machine import Precision, available_cores
from shortlist.encoder.parity import CANARY_TEXTS, CANARY_VECTORS, read_canaries
from shortlist.encoder.runtime import MODEL, SETTINGS, TOKENIZER, WEIGHTS, Encoder
from shortlist.errors import EncoderError

_FILES = (MODEL, WEIGHTS, TOKENIZER, CANARY_TEXTS, CANARY_VECTORS, SETTINGS)


@dataclass(frozen=True)
class Export:
    """An exported encoder as it travels: its files by name, and the SHA-256 over all of them."""

    files: Mapping[str, bytes]
    digest: str

    @classmethod
    def of(cls, folder: Path) -> Export:
        """The export in a folder."""
        files = {name: (folder / name).read_bytes() for name in _FILES}
        return cls(files, _digest(files))


@dataclass(frozen=True)
class Likeness:
    """What two encoders must share to give the same vectors to the bit.

    `canaries` is the SHA-256 of the vectors of the export's test texts as a machine computes them.
    """

    export: str
    precision: str
    canaries: str

    def difference(self, other: Likeness) -> str | None:
        """What of another's is not as here, in words; None where all is."""
        if other.export != self.export:
            return "its copy of the export is another"
        if other.precision != self.precision:
            return f"it encodes in {other.precision}, this machine in {self.precision}"
        if other.canaries != self.canaries:
            return "its processor or libraries give other vectors to the bit"
        return None


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest()


def likeness_of(encoder: Encoder, export: Path, digest: str) -> Likeness:
    """What an encoder opened from an export is like."""
    vectors = encoder.encode(read_canaries(export).texts)
    return Likeness(digest, encoder.precision.value, hashlib.sha256(vectors.tobytes()).hexdigest())


_opened: dict[str, tuple[Encoder, Likeness]] = {}
_opening = threading.Lock()


def is_prepared(name: str) -> bool:
    """Whether the encoder that a build calls so is open in this process."""
    return name in _opened


def prepare(name: str, export: Export, precision: str) -> Likeness | str:
    """Open the encoder of an export on all cores of this machine: what it is like.

    What is wrong, in words, where it cannot be opened or did not arrive as it was sent.
    """
    with _opening:
        if name not in _opened:
            if _digest(export.files) != export.digest:
                return "the export did not arrive as it was sent"
            _opened.clear()  # one build at a time: an encoder takes a few hundred megabytes
            try:
                _opened[name] = _open(export, Precision(precision))
            except (EncoderError, OSError) as error:
                return f"the encoder cannot be opened: {error}"
        return _opened[name][1]


def _open(export: Export, precision: Precision) -> tuple[Encoder, Likeness]:
    folder = Path(tempfile.mkdtemp(prefix="shortlist-export-"))
    try:
        for name, content in export.files.items():
            (folder / name).write_bytes(content)
        n_cores = available_cores()
        encoder = Encoder(folder, precision=precision, n_streams=n_cores, n_threads=n_cores)
        return encoder, likeness_of(encoder, folder, export.digest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # what is mapped of it stays readable


def encode(name: str, texts: Sequence[str], prompt: str) -> Vectors:
    """The float32 unit vectors [len(texts), dim] of a chunk, by the encoder of this name.

    Raises EncoderError where it is not prepared here.
    """
    if name not in _opened:
        raise EncoderError(f"the encoder {name} is not prepared on this worker")
    return _opened[name][0].encode(texts, prompt=prompt)
