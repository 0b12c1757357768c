"""Stored vectors find out an encoder that computes something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from shortlist.encoder.machine import Precision
from shortlist.encoder.parity import (
    CANARY_TEXTS,
    CANARY_VECTORS,
    LOWEST_COSINE,
    Canaries,
    canary_texts,
    check_canaries,
    check_export,
    read_canaries,
    write_canaries,
)
from shortlist.encoder.runtime import SETTINGS, Encoder
from shortlist.errors import EncoderError


@pytest.fixture(scope="module")
def tiny(tiny_export: Path) -> Encoder:
    """The tiny encoder in f32."""
    return Encoder(tiny_export, precision=Precision.F32)


def test_every_encoder_agrees_with_its_canaries(
    encoder: Encoder, request: pytest.FixtureRequest
) -> None:
    name = encoder.settings.name
    export = "minilm_export" if name == "all-MiniLM-L6-v2" else f"{name}_export"
    canaries = read_canaries(request.getfixturevalue(export))
    lowest = check_export(encoder, canaries)
    assert LOWEST_COSINE[encoder.precision] <= lowest <= 1 + 1e-6


def test_canaries_come_back_as_they_were_written(tiny_export: Path, tmp_path: Path) -> None:
    canaries = read_canaries(tiny_export)
    assert canaries.texts == canary_texts()
    write_canaries(canaries, tmp_path)
    again = read_canaries(tmp_path)
    assert again.texts == canaries.texts
    np.testing.assert_array_equal(again.vectors, canaries.vectors)


def test_swapped_vectors_are_found_out(tiny: Encoder, tiny_export: Path) -> None:
    canaries = read_canaries(tiny_export)
    vectors = canaries.vectors.copy()
    vectors[[2, 3]] = vectors[[3, 2]]
    with pytest.raises(EncoderError) as caught:
        check_export(tiny, Canaries(canaries.texts, vectors))
    message = str(caught.value)
    assert message.startswith("the encoder does not reproduce its stored vectors: cosine 0.")
    assert "for 'Space travel and futuristic wars'" in message or "for 'Toy Story (1995)" in message
    assert message.endswith("expected at least 0.99999 in f32")


def test_a_vector_that_is_no_number_is_found_out(tiny: Encoder, tiny_export: Path) -> None:
    canaries = read_canaries(tiny_export)
    vectors = canaries.vectors.copy()
    vectors[0] = np.nan
    with pytest.raises(EncoderError, match="cosine nan for ''"):
        check_export(tiny, Canaries(canaries.texts, vectors))


@pytest.mark.parametrize("name", [CANARY_TEXTS, CANARY_VECTORS])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_unusable_canaries_are_refused(
    tiny_export: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = Path(shutil.copytree(tiny_export, tmp_path / "export"))
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(EncoderError, match=f"^{folder}: canaries cannot be read: "):
        read_canaries(folder)


@pytest.mark.parametrize(
    ("name", "value"), [("embedding_dim", 33), ("max_length", 65_536), ("inputs", ["input_ids"])]
)
def test_a_graph_that_cannot_be_run_as_its_settings_say_is_refused(
    tiny_export: Path, tmp_path: Path, name: str, value: object
) -> None:
    export = Path(shutil.copytree(tiny_export, tmp_path / "export"))
    raw = json.loads((export / SETTINGS).read_text())
    (export / SETTINGS).write_text(json.dumps({**raw, name: value}))
    with pytest.raises(EncoderError, match="the model cannot be run on its canaries"):
        check_canaries(Encoder(export, precision=Precision.F32), read_canaries(export))


def test_canaries_with_a_broken_header_are_refused(tiny_export: Path, tmp_path: Path) -> None:
    export = Path(shutil.copytree(tiny_export, tmp_path / "export"))
    content = (export / CANARY_VECTORS).read_bytes()
    (export / CANARY_VECTORS).write_bytes(content.replace(b"'fortran_order'", b"'fortran_orde('"))
    with pytest.raises(EncoderError, match="canaries cannot be read"):
        read_canaries(export)
