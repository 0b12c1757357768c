"""Exporting a sentence-transformers model; the only place that imports torch, and lazily."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexing.models import ModelSource
from shortlist.encoder import runtime
from shortlist.encoder.machine import Precision
from shortlist.encoder.parity import Canaries, canary_texts, check_export, write_canaries
from shortlist.encoder.runtime import (
    INPUTS,
    MODEL,
    SETTINGS,
    TOKENIZER,
    Encoder,
    EncoderSettings,
)
from shortlist.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

EXPORT_VERSION = 1
_DAY_S = 86_400
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_EXAMPLE = ["a short text", "and a longer one, so that the example is padded"]


def cached_export(source: ModelSource, cache: Path) -> Path:
    """The folder of this model's export, made once per user and model.

    Raises EncoderError when the export does not agree with sentence-transformers.
    """
    target = cache / f"{source.sha256[:32]}-v{EXPORT_VERSION}"
    if (target / SETTINGS).is_file():
        return target
    log.info("exporting %s (once per model)", source.name)
    _sweep(cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".export-", dir=cache))
    except OSError as error:
        raise EncoderError(
            f"{cache}: cannot be written, and exported models are kept there: {error.strerror};"
            " set XDG_CACHE_HOME to another folder"
        ) from error
    try:
        export_encoder(source, staging)
        staging.rename(target)
    except OSError:
        if not (target / SETTINGS).is_file():  # else another process was faster
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _sweep(cache: Path) -> None:
    """Remove what exports that were killed more than a day ago left."""
    for leftover in cache.glob(".export-*"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _DAY_S:
                shutil.rmtree(leftover)


def default_cache() -> Path:
    """Where exports are kept: `$XDG_CACHE_HOME/shortlist/encoders`, else under ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "shortlist" / "encoders"


def with_prompts(
    folder: Path, *, query_prompt: str | None, document_prompt: str | None
) -> EncoderSettings:
    """An export's settings with these prompts in the place of the model's own."""
    settings = runtime.read_settings(folder)
    query = settings.query_prompt if query_prompt is None else query_prompt
    document = settings.document_prompt if document_prompt is None else document_prompt
    return replace(settings, query_prompt=query, document_prompt=document)


def export_encoder(source: ModelSource, target: Path) -> None:
    """Write graph, weights, tokenizer, settings and canaries of the model into `target`.

    The whole module chain is converted in float32 and compared with sentence-transformers on
    texts of mixed length; EncoderError when they differ.
    """
    # without these files transformers makes up a tokenizer that knows no word
    if not any(any(source.folder.rglob(name)) for name in _TOKENIZER_FILES):
        raise EncoderError(
            f"{source.folder}: no tokenizer; expected {' or '.join(_TOKENIZER_FILES)}"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _load_model(source)
        inputs = _convert(model, target / MODEL)
        texts = canary_texts()
        vectors = model.encode(
            list(texts), prompt="", normalize_embeddings=True, show_progress_bar=False
        )
    model.tokenizer.backend_tokenizer.save(str(target / TOKENIZER))
    default = model.prompts.get(model.default_prompt_name or "", "")
    settings = EncoderSettings(
        name=source.name,
        weights_sha256=source.weights_sha256,
        embedding_dim=vectors.shape[1],
        max_length=int(model.max_seq_length or 512),
        pad_id=int(model.tokenizer.pad_token_id or 0),
        inputs=inputs,
        query_prompt=model.prompts.get("query") or default,
        document_prompt=model.prompts.get("document") or default,
    )
    runtime.write_settings(settings, target)
    canaries = Canaries(texts, np.asarray(vectors, dtype=np.float32))
    write_canaries(canaries, target)
    worst = check_export(Encoder(target, precision=Precision.F32), canaries)
    log.info("export agrees with sentence-transformers: lowest cosine %.7f", worst)


def _load_model(source: ModelSource) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        logging.getLogger("sentence_transformers.base.model").addFilter(_of_interest)
        transformers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        model = SentenceTransformer(str(source.folder), device="cpu", local_files_only=True)
        has_fast_tokenizer = hasattr(model.tokenizer, "backend_tokenizer")
        prompts = any(model.prompts.values())
        leaves_out = prompts and not getattr(model[1], "include_prompt", True)
    except Exception as error:  # whatever the libraries raise of a damaged folder
        raise EncoderError(
            f"{source.folder}: sentence-transformers cannot load it:"
            f" {type(error).__name__}: {error}"
        ) from error
    if not has_fast_tokenizer:
        raise EncoderError(f"{source.name}: has no fast tokenizer, which the service needs")
    if leaves_out:
        raise EncoderError(f"{source.name}: leaves its prompt out of pooling; not supported")
    return model.eval()


def _of_interest(record: logging.LogRecord) -> bool:
    """Not what tracing sets off: it reads every attribute, those the library has given up too."""
    return "has been deprecated" not in record.getMessage()


def _convert(model: SentenceTransformer, path: Path) -> tuple[str, ...]:
    """Convert the whole module chain; returns the graph's input names in order."""
    openvino = runtime.import_openvino()
    features = model.preprocess(_EXAMPLE)
    inputs = tuple(name for name in INPUTS if name in features)
    example = tuple(features[name] for name in inputs)
    graph = openvino.convert_model(_graph_module(model, inputs), example_input=example)
    for port, name in zip(graph.inputs, inputs, strict=True):
        port.get_tensor().set_names({name})
    openvino.save_model(graph, path, compress_to_fp16=False)
    return inputs


def _graph_module(model: SentenceTransformer, inputs: Sequence[str]) -> Any:
    import torch

    class SentenceEmbedding(torch.nn.Module):
        """Tensors in, sentence embedding out: the form that tracing needs."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            features = dict(zip(inputs, tensors, strict=True))
            embedding: torch.Tensor = self.model(features)["sentence_embedding"]
            return embedding

    return SentenceEmbedding().eval()
