"""The exported encoder, run by OpenVINO: texts in, unit vectors out."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from shortlist.encoder.batching import pack
from shortlist.encoder.machine import Precision, resolve_precision
from shortlist.encoder.quantised import GROUP_SIZE, quantise
from shortlist.errors import EncoderError

Vectors = npt.NDArray[np.float32]
RowArray = npt.NDArray[np.int64]

MODEL = "model.xml"
WEIGHTS = "model.bin"
TOKENIZER = "tokenizer.json"
SETTINGS = "settings.json"

TOKEN_BUDGET = 1024

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What a graph may ask for."""

_LIMITS = {"embedding_dim": (1, 65_536), "max_length": (1, 65_536), "pad_id": (0, 2**31 - 1)}


@dataclass(frozen=True)
class EncoderSettings:
    """What running an exported model needs to know beside its graph.

    `inputs` are the graph's input names in order; `weights_sha256` is that of the file the
    export was made from.
    """

    name: str
    weights_sha256: str
    embedding_dim: int
    max_length: int
    pad_id: int
    inputs: tuple[str, ...]
    query_prompt: str
    document_prompt: str


def write_settings(settings: EncoderSettings, folder: Path) -> None:
    """Write settings.json into an export's folder."""
    text = json.dumps(asdict(settings), indent=1, sort_keys=True)
    (folder / SETTINGS).write_text(f"{text}\n", encoding="utf-8")


def read_settings(folder: Path) -> EncoderSettings:
    """The settings of an export. Raises EncoderError when they are missing or malformed."""
    try:
        raw = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        settings = EncoderSettings(**{**raw, "inputs": tuple(raw["inputs"])})
        _check(settings)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise EncoderError(f"{folder / SETTINGS}: not an exported encoder: {error!r}") from error
    return settings


def _check(settings: EncoderSettings) -> None:
    """Raises ValueError for what no export has written."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        limits = _LIMITS.get(field.name)
        if field.name == "inputs":
            sound = bool(value) and set(value) <= set(INPUTS)
        elif limits is None:
            sound = isinstance(value, str)
        else:
            sound = type(value) is int and limits[0] <= value <= limits[1]
        if not sound:
            raise ValueError(f"{field.name}: found {value!r:.80}")


def import_openvino() -> ModuleType:
    """The openvino module, imported without its telemetry.

    `import openvino` would load openvino_telemetry, which starts a process that reports to an
    analytics host and writes into HOME. A None in sys.modules makes that import fail, and
    openvino then uses its own stub.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


def normalise_text(text: str) -> str:
    """The text in Unicode normal form C, so that composed and combining accents are one."""
    return unicodedata.normalize("NFC", text)


class Encoder:
    """An exported model on this machine's processor.

    `n_streams` inferences run side by side and share `n_threads` threads. One call at a time
    runs; concurrent callers wait for each other.

    `fixed_lengths` are token counts for which the graph is compiled once more with that shape:
    a text alone is padded to the next of them. A graph whose shapes change from call to call
    prepares itself anew each time, which costs a third of a short query's time. Each length
    costs memory for its own copy of the weights (32 MB in bf16 for all-MiniLM-L6-v2).
    """

    def __init__(
        self,
        folder: Path,
        *,
        precision: Precision = Precision.AUTO,
        n_streams: int = 1,
        n_threads: int = 1,
        fixed_lengths: Sequence[int] = (),
    ) -> None:
        self.settings = read_settings(folder)
        self.precision = resolve_precision(precision)
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # the library raises bare Exception
            raise EncoderError(f"{folder / TOKENIZER}: cannot be read: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.settings.max_length)
        compiled = _compiler(folder / MODEL, self.precision, n_streams, n_threads)
        self._queue = import_openvino().AsyncInferQueue(compiled(), n_streams)
        self._queue.set_callback(_store_result)
        self._fixed = {
            length: compiled((1, length)).create_infer_request() for length in sorted(fixed_lengths)
        }
        self._lock = threading.Lock()

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self.settings.embedding_dim

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """float32 unit vectors [len(texts), embedding_dim] of texts that search."""
        return self.encode_tokens(self.query_tokens(texts))

    def query_tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of texts that search, cut at `max_length`."""
        return self._tokenise(texts, self.settings.query_prompt)

    def encode(
        self,
        texts: Sequence[str],
        *,
        prompt: str = "",
        token_budget: int = TOKEN_BUDGET,
        on_progress: Callable[[int], object] | None = None,
    ) -> Vectors:
        """float32 unit vectors [len(texts), embedding_dim] of the texts behind the prompt.

        Texts are normalised, cut at `max_length` tokens and packed by length; the order of the
        rows is that of the texts. An empty list gives shape (0, embedding_dim).
        """
        return self.encode_tokens(
            self._tokenise(texts, prompt), token_budget=token_budget, on_progress=on_progress
        )

    def encode_tokens(
        self,
        tokens: list[list[int]],
        *,
        token_budget: int = TOKEN_BUDGET,
        on_progress: Callable[[int], object] | None = None,
    ) -> Vectors:
        """As `encode`, of texts that are tokens already."""
        out = np.empty((len(tokens), self.embedding_dim), dtype=np.float32)
        if not (len(tokens) == 1 and self._run_alone(tokens[0], out)):
            batches = pack([len(ids) for ids in tokens], token_budget=token_budget)
            self._run(tokens, batches, out, on_progress)
        return _unit_rows(out)

    def encode_together(self, texts: Sequence[str], *, prompt: str = "") -> Vectors:
        """As `encode`, with all texts padded into one single batch."""
        tokens = self._tokenise(texts, prompt)
        out = np.empty((len(texts), self.embedding_dim), dtype=np.float32)
        self._run(tokens, [np.arange(len(texts))], out, None)
        return _unit_rows(out)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many tokens these texts have in all, after truncation."""
        return sum(len(ids) for ids in self._tokenise(texts, ""))

    def n_cut(self, texts: Sequence[str], *, prompt: str = "") -> int:
        """How many of these texts are longer than `max_length` tokens, which is where they end."""
        longest = self.settings.max_length - len(prompt)
        long = [prompt + text for text in map(normalise_text, texts) if len(text) >= longest - 2]
        return sum(bool(one.overflowing) for one in self._tokenizer.encode_batch_fast(long))

    def _tokenise(self, texts: Sequence[str], prompt: str) -> list[list[int]]:
        prompted = [prompt + normalise_text(text) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(prompted)
        return [encoding.ids for encoding in encodings]

    def _run(
        self,
        tokens: list[list[int]],
        batches: list[RowArray],
        out: Vectors,
        on_progress: Callable[[int], object] | None,
    ) -> None:
        with self._lock:
            for rows in batches:
                inputs = _padded([tokens[row] for row in rows], self.settings)
                self._queue.start_async(inputs, (out, rows, on_progress))
            self._queue.wait_all()

    def _run_alone(self, ids: list[int], out: Vectors) -> bool:
        """Encode one text with a graph of fixed length, if there is one that is long enough."""
        length = next((length for length in self._fixed if length >= len(ids)), None)
        if length is None:
            return False
        request = self._fixed[length]
        inputs = _padded([ids], self.settings, length=length)
        with self._lock:
            request.infer(inputs, share_inputs=True)
            out[0] = request.get_output_tensor(0).data[0]
        return True


def _store_result(
    request: Any, target: tuple[Vectors, RowArray, Callable[[int], object] | None]
) -> None:
    out, rows, on_progress = target
    out[rows] = request.get_output_tensor(0).data
    if on_progress is not None:
        on_progress(len(rows))


def _compiler(
    path: Path, precision: Precision, n_streams: int, n_threads: int
) -> Callable[..., Any]:
    """What compiles a graph: with dynamic shapes, or the fixed one that it is given."""
    openvino = import_openvino()
    core = openvino.Core()
    options = {
        "INFERENCE_PRECISION_HINT": precision.value,
        "NUM_STREAMS": str(n_streams),
        "INFERENCE_NUM_THREADS": n_threads,
    }
    eight_bits = precision is Precision.INT8
    if eight_bits:  # the hint is of what is not a product with weights
        options |= {
            "INFERENCE_PRECISION_HINT": Precision.F32.value,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(GROUP_SIZE),
        }

    def compiled(shape: tuple[int, int] | None = None) -> Any:
        try:
            graph = core.read_model(path)
            if eight_bits:
                quantise(graph)
            if shape is not None:
                graph.reshape({port: openvino.PartialShape(shape) for port in graph.inputs})
            return core.compile_model(graph, "CPU", options)
        except RuntimeError as error:
            raise EncoderError(f"{path}: OpenVINO cannot load it: {error}") from error

    return compiled


def _padded(
    tokens: list[list[int]], settings: EncoderSettings, *, length: int | None = None
) -> dict[str, RowArray]:
    """The graph's inputs, int64 [len(tokens), length or longest], padded on the right."""
    longest = length or max(len(ids) for ids in tokens)
    ids = np.full((len(tokens), longest), settings.pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return {name: arrays[name] for name in settings.inputs}


def _unit_rows(vectors: Vectors) -> Vectors:
    """Rows divided by their length; a reduced-precision graph leaves them off by up to 1e-3."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or np.any(lengths == 0):
        raise EncoderError("the model gave a zero or non-finite vector")
    unit: Vectors = vectors / lengths
    return unit
