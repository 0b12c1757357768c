"""Every encoder the contract holds for, and sentence-transformers beside it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from indexing.models import resolve_model
from shortlist.encoder.machine import Precision, resolve_precision
from shortlist.encoder.runtime import Encoder

Reference = Callable[[Encoder], Any]


@pytest.fixture(
    scope="module",
    params=[
        ("minilm_export", Precision.F32),
        ("minilm_export", Precision.BF16),
        ("minilm_export", Precision.INT8),
        ("tiny_export", Precision.F32),
        ("tiny_export", Precision.BF16),
        ("tiny_export", Precision.INT8),
        ("cased_export", Precision.F32),
        ("cased_export", Precision.BF16),
        ("cased_export", Precision.INT8),
        ("pieces_export", Precision.F32),
        ("pieces_export", Precision.BF16),
        ("pieces_export", Precision.INT8),
    ],
    ids=lambda param: f"{param[0].removesuffix('_export')}-{param[1]}",
)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """An encoder for every model and precision."""
    name, precision = request.param
    if precision is Precision.BF16 and resolve_precision(Precision.AUTO) is not Precision.BF16:
        pytest.skip("this processor has no bf16 instructions; OpenVINO would emulate them")
    return Encoder(request.getfixturevalue(name), precision=precision, n_streams=2, n_threads=2)


@pytest.fixture(scope="session")
def reference(tiny_model: Path, cased_model: Path, pieces_model: Path) -> Reference:
    """The sentence-transformers model that an encoder was exported from."""
    folders = {folder.name: folder for folder in (tiny_model, cased_model, pieces_model)}
    folders["all-MiniLM-L6-v2"] = resolve_model("all-MiniLM-L6-v2").folder

    @cache
    def load(name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(folders[name]), device="cpu")

    return lambda encoder: load(encoder.settings.name)
