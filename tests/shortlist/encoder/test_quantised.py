"""Weights of eight bits: what they are rounded to, and who may ask for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from indexing.__main__ import main
from shortlist.encoder.machine import Precision
from shortlist.encoder.quantised import quantise, rounded
from shortlist.encoder.runtime import MODEL, Encoder, import_openvino


def test_a_row_is_a_scale_times_whole_numbers() -> None:
    weights = np.array([[12.7, -6.35, 0.04], [0.0, 0.0, 0.0]], dtype=np.float32)
    values, scales = rounded(weights)
    # 12.7 / 127 = 0.1; -6.35 is -63.5 of these, which rounds to the even -64; 0.04 is 0.4 of one
    np.testing.assert_array_equal(values, [[127, -64, 0], [0, 0, 0]])
    np.testing.assert_allclose(scales, [[0.1], [1.0]], rtol=1e-6)


def test_no_weight_is_off_by_more_than_half_a_scale() -> None:
    weights = np.random.default_rng(1).normal(size=(50, 70)).astype(np.float32)
    values, scales = rounded(weights)
    assert np.abs(values * scales - weights).max() <= scales.max() / 2 + 1e-6
    assert np.abs(values).max(axis=1).tolist() == [127] * 50


def test_every_product_with_weights_has_them_in_eight_bits(tiny_export: Path) -> None:
    graph = import_openvino().Core().read_model(tiny_export / MODEL)

    def constants() -> list[str]:
        return [
            str(source.get_output_element_type(0).get_type_name())
            for node in graph.get_ordered_ops()
            if node.get_type_name() == "MatMul"
            for source in [node.input_value(1).get_node()]
            if source.get_type_name() == "Constant"
        ]

    before = constants()
    assert before and set(before) == {"f32"}
    quantise(graph)
    assert constants() == []
    eight = [n for n in graph.get_ordered_ops() if n.get_type_name() == "Constant"
             and n.get_output_element_type(0).get_type_name() == "i8"]  # fmt: skip
    assert len(eight) == len(before)


def test_a_text_alone_is_encoded_like_one_among_others(minilm_export: Path) -> None:
    encoder = Encoder(minilm_export, precision=Precision.INT8, fixed_lengths=(12,))
    exact = Encoder(minilm_export, precision=Precision.F32)
    texts = ["space travel and futuristic wars", "a film", "七人の侍 黒澤明"]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    together = encoder.encode_together(texts)
    for found in (alone, together):
        cosines = (found * exact.encode(texts)).sum(axis=1)
        assert cosines.min() >= 0.995
        assert cosines.max() < 0.999999  # it is another encoder, and no f32 under another name


@pytest.mark.parametrize("asked", ["option", "catalog"])
def test_documents_are_never_encoded_in_it(tmp_path: Path, asked: str) -> None:
    text = 'name = "few"\n[items]\nfile = "items.csv"\nid = "id"\ntitle = "title"\n'
    option = ["--precision", "int8"] if asked == "option" else []
    (tmp_path / "catalog.toml").write_text(
        text + ("" if option else '[encoder]\nprecision = "int8"\n'), encoding="utf-8"
    )
    (tmp_path / "items.csv").write_text("id,title\n1,one\n", encoding="utf-8")
    where = ["--catalog", str(tmp_path / "catalog.toml"), "--artifacts", str(tmp_path / "out")]
    done = CliRunner().invoke(main, ["build", *where, *option])
    assert done.exit_code != 0
    assert "'int8' is not one of 'auto', 'f32', 'bf16'" in done.output or (
        "int8 is for queries (SHORTLIST_PRECISION); documents are encoded in one of: auto, f32,"
        " bf16" in done.output
    )
