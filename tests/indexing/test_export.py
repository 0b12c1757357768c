"""Exporting: made once, checked against sentence-transformers, never half there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexing import export as exporting
from indexing.export import cached_export, default_cache, with_prompts
from indexing.models import resolve_model
from shortlist.errors import EncoderError

Films = Callable[..., Path]
Refused = Callable[..., str]


def test_an_export_is_everything_running_needs(tiny_export: Path) -> None:
    assert sorted(path.name for path in tiny_export.iterdir()) == [
        "canaries.json",
        "canaries.npy",
        "model.bin",
        "model.xml",
        "settings.json",
        "tokenizer.json",
    ]


def test_a_second_export_of_equal_files_is_the_first_one(
    tiny_model: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "another place")
    monkeypatch.setattr(exporting, "export_encoder", None)  # calling it would fail
    assert cached_export(resolve_model(str(copy)), default_cache()) == tiny_export


def test_the_cache_is_below_xdg_cache_home_or_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg" / "shortlist" / "encoders"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "shortlist" / "encoders"


def test_a_cache_that_cannot_be_written_is_explained(
    films: Films, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = films()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert refused(path, EncoderError) == (
        f"{tmp_path / 'file/shortlist/encoders'}: cannot be written, and exported models are kept"
        " there: Not a directory; set XDG_CACHE_HOME to another folder"
    )


@pytest.mark.usefixtures("quiet_models")
def test_a_graph_that_ignores_its_mask_is_not_kept(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    true_module = exporting._graph_module

    def blind(model: Any, inputs: Sequence[str]) -> Any:
        class Blind(torch.nn.Module):
            """The true graph, told that every token counts."""

            def __init__(self) -> None:
                super().__init__()
                self.inner = true_module(model, inputs)

            def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:
                return self.inner(ids, torch.clamp(mask, min=1))

        return Blind().eval()

    monkeypatch.setattr(exporting, "_graph_module", blind)
    with pytest.raises(EncoderError) as caught:
        cached_export(resolve_model(str(tiny_model)), tmp_path / "cache")
    assert "the encoder does not reproduce its stored vectors: cosine " in str(caught.value)
    assert "expected at least 0.99999 in f32" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("quiet_models")
def test_a_model_that_pools_without_its_prompt_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "no-prompt"))
    path = folder / "1_Pooling" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "include_prompt": False}))
    with pytest.raises(EncoderError) as caught:
        cached_export(resolve_model(str(folder)), tmp_path / "cache")
    assert str(caught.value) == "no-prompt: leaves its prompt out of pooling; not supported"
    assert list((tmp_path / "cache").iterdir()) == []


def test_prompts_of_the_catalogue_replace_the_models_own(tiny_export: Path) -> None:
    own = with_prompts(tiny_export, query_prompt=None, document_prompt=None)
    assert (own.query_prompt, own.document_prompt) == ("query: ", "passage: ")
    none = with_prompts(tiny_export, query_prompt="", document_prompt="d ")
    assert (none.query_prompt, none.document_prompt) == ("", "d ")


def test_a_build_with_a_cached_export_imports_no_torch(films: Films, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from indexing.__main__ import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    options = ["build", "--catalog", str(films()), "--artifacts", str(tmp_path / "artifacts")]
    done = subprocess.run(
        [sys.executable, "-c", program, *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    published, _, imported = done.stdout.splitlines()
    assert "5 items (5 encoded, 0 reused, 0 repeated)" in published
    assert imported == "[]"


def test_canaries_are_unit_vectors_of_sentence_transformers(tiny_export: Path) -> None:
    vectors = np.load(tiny_export / "canaries.npy")
    texts = json.loads((tiny_export / "canaries.json").read_text())
    assert vectors.shape == (len(texts), 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
