"""One contract for every encoder, and what is refused when one is loaded."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shortlist.encoder.machine import Precision
from shortlist.encoder.runtime import MODEL, SETTINGS, TOKENIZER, Encoder, read_settings
from shortlist.errors import EncoderError

Reference = Callable[[Encoder], Any]
FloatArray = npt.NDArray[np.float32]

TEXTS = [
    "a film",
    "space travel and futuristic wars",
    "",
    "Toy Story (1995) Adventure|Animation|Children|Comedy|Fantasy pixar pixar fun",
    "Amélie — Le Fabuleux Destin d'Amélie Poulain",
    "七人の侍 黒澤明",
    "one two three four five six seven eight nine ten " * 4,
    "x",
]
SIZES = {"all-MiniLM-L6-v2": (384, 256), "tiny": (32, 48), "cased": (48, 60), "pieces": (40, 64)}
"""Dimension and maximum length of each model."""

TOLERANCE = {Precision.F32: 1e-5, Precision.BF16: 1e-3, Precision.INT8: 1e-2}
LOWEST_COSINE = {Precision.F32: 0.99999, Precision.BF16: 0.999, Precision.INT8: 0.99}


def assert_same(encoder: Encoder, found: FloatArray, expected: FloatArray) -> None:
    """Equal to within what the encoder's precision makes of another batch."""
    np.testing.assert_allclose(found, expected, atol=TOLERANCE[encoder.precision], rtol=0)


def assert_agrees(encoder: Encoder, found: FloatArray, expected: FloatArray) -> None:
    """The vectors that another program computed in float32."""
    if encoder.precision is Precision.F32:
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    assert np.min(np.sum(found * expected, axis=1)) >= LOWEST_COSINE[encoder.precision]


def test_rows_are_float32_unit_vectors(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.embedding_dim)
    assert encoder.embedding_dim == SIZES[encoder.settings.name][0]
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    vectors = encoder.encode([])
    assert vectors.shape == (0, encoder.embedding_dim)
    assert vectors.dtype == np.float32


def test_a_text_alone_and_in_a_batch_has_one_vector(encoder: Encoder) -> None:
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert_same(encoder, encoder.encode(TEXTS), alone)
    assert_same(encoder, encoder.encode_together(TEXTS), alone)


@pytest.mark.parametrize("token_budget", [1, 64, 100_000])
def test_rows_come_in_the_order_of_the_texts_however_they_are_packed(
    encoder: Encoder, token_budget: int
) -> None:
    expected = encoder.encode(TEXTS)
    backwards = encoder.encode(TEXTS[::-1], token_budget=token_budget)
    assert_same(encoder, backwards[::-1], expected)


def test_a_long_text_is_cut_at_max_length(encoder: Encoder) -> None:
    # "a " is one token; two are taken by the marks at begin and end.
    n_kept = encoder.settings.max_length - 2
    assert encoder.settings.max_length == SIZES[encoder.settings.name][1]
    head = "a " * (n_kept - 20) + "7 " * 20
    long, cut = encoder.encode([head + "b " * 500]), encoder.encode([head])
    assert_same(encoder, long, cut)
    shorter = encoder.encode([head[: len(head) // 2]])
    assert np.abs(long - shorter).max() > 5 * TOLERANCE[encoder.precision]


def test_vectors_are_those_of_sentence_transformers(encoder: Encoder, reference: Reference) -> None:
    expected = reference(encoder).encode(TEXTS, prompt="", normalize_embeddings=True)
    assert_agrees(encoder, encoder.encode(TEXTS), expected)


def test_prompts_are_those_of_sentence_transformers(encoder: Encoder, reference: Reference) -> None:
    model = reference(encoder)
    queries = model.encode_query(TEXTS, normalize_embeddings=True)
    documents = model.encode_document(TEXTS, normalize_embeddings=True)
    assert_agrees(encoder, encoder.encode_queries(TEXTS), queries)
    prompt = encoder.settings.document_prompt
    assert_agrees(encoder, encoder.encode(TEXTS, prompt=prompt), documents)
    assert prompt == ("passage: " if encoder.settings.name == "tiny" else "")


def test_a_prompt_goes_before_the_text(encoder: Encoder) -> None:
    behind, written_out = encoder.encode(["film"], prompt="find: "), encoder.encode(["find: film"])
    assert_same(encoder, behind, written_out)


def test_composed_and_combining_accents_are_one_text(encoder: Encoder) -> None:
    composed, combining = encoder.encode(["Am\u00e9lie"]), encoder.encode(["Ame\u0301lie"])
    np.testing.assert_array_equal(composed, combining)


def test_progress_adds_up_to_the_number_of_texts(encoder: Encoder) -> None:
    done: list[int] = []
    encoder.encode(TEXTS, token_budget=30, on_progress=done.append)
    assert sum(done) == len(TEXTS)
    assert len(done) > 1


def test_eight_threads_may_share_one_encoder(encoder: Encoder) -> None:
    expected = encoder.encode(TEXTS)
    answers: dict[int, FloatArray] = {}
    start = threading.Barrier(8)

    def encode(thread: int) -> None:
        start.wait()
        shifted = TEXTS[thread:] + TEXTS[:thread]
        for _ in range(3):
            answers[thread] = encoder.encode(shifted, token_budget=40)

    threads = [threading.Thread(target=encode, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(8))
    for thread, vectors in answers.items():
        assert_same(encoder, np.roll(vectors, thread, axis=0), expected)


@pytest.fixture
def export(tmp_path: Path, tiny_export: Path) -> Path:
    """A copy of the tiny export to damage."""
    return Path(shutil.copytree(tiny_export, tmp_path / "export"))


def test_settings_come_back_as_they_were_written(tiny_export: Path) -> None:
    settings = read_settings(tiny_export)
    assert settings.inputs == ("input_ids", "attention_mask")
    assert (settings.query_prompt, settings.document_prompt) == ("query: ", "passage: ")
    assert (settings.name, settings.pad_id) == ("tiny", 0)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"inputs": 1}', '{"inputs": [], "x": 1}'])
def test_settings_that_are_none_are_refused(export: Path, content: str) -> None:
    (export / SETTINGS).write_text(content)
    with pytest.raises(EncoderError, match=r"settings\.json: not an exported encoder: "):
        Encoder(export)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_length", 2**40),
        ("max_length", "48"),
        ("max_length", True),
        ("embedding_dim", 0),
        ("pad_id", -1),
        ("query_prompt", None),
        ("inputs", []),
        ("inputs", ["input_ids", "position_ids"]),
    ],
)
def test_settings_that_no_export_has_are_refused(export: Path, name: str, value: object) -> None:
    raw = json.loads((export / SETTINGS).read_text())
    (export / SETTINGS).write_text(json.dumps({**raw, name: value}))
    with pytest.raises(EncoderError, match=rf"settings\.json: not an exported encoder: .*{name}"):
        Encoder(export)


def test_a_missing_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"settings\.json: not an exported encoder: "):
        Encoder(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "no json"])
def test_a_broken_tokenizer_is_refused(export: Path, content: str) -> None:
    (export / TOKENIZER).write_text(content)
    with pytest.raises(EncoderError, match=r"tokenizer\.json: cannot be read: "):
        Encoder(export)


@pytest.mark.parametrize("content", ["", "<net/>", "no xml"])
def test_a_broken_graph_is_refused(export: Path, content: str) -> None:
    (export / MODEL).write_text(content)
    with pytest.raises(EncoderError, match=r"model\.xml: OpenVINO cannot load it: "):
        Encoder(export)


def test_settings_name_the_prompts_that_queries_get(export: Path) -> None:
    settings = json.loads((export / SETTINGS).read_text())
    (export / SETTINGS).write_text(json.dumps({**settings, "query_prompt": "find: "}))
    changed = Encoder(export, precision=Precision.F32)
    np.testing.assert_allclose(
        changed.encode_queries(["film"]), changed.encode(["find: film"]), atol=1e-6
    )
