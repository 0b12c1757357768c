"""Models and their exports: the bundled one, and a tiny one that is made here."""

from __future__ import annotations

import string
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexing.export import cached_export, default_cache
from indexing.models import resolve_model

TINY_DIM, TINY_MAX_LENGTH = 32, 48


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Exports are cached in a temporary folder, so that tests leave nothing in HOME."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def minilm_export(private_cache: Path) -> Path:
    """The exported all-MiniLM-L6-v2: a folder with model.xml, tokenizer.json, settings.json."""
    return cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer BERT of dimension 32 as a sentence-transformers folder with prompts.

    It reads letter by letter, cuts at 48 tokens, takes no token_type_ids and does not normalise
    its vectors.
    """
    folder = tmp_path_factory.mktemp("tiny-model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _save_tiny_model(folder / "tiny", raw=folder / "raw")
    return folder / "tiny"


def _save_tiny_model(folder: Path, *, raw: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    tokenizer = _letter_tokenizer()
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=TINY_DIM,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(raw)
    tokenizer.save_pretrained(raw)
    model = SentenceTransformer(
        modules=[Transformer(str(raw), max_seq_length=TINY_MAX_LENGTH), Pooling(TINY_DIM, "mean")],
        prompts={"query": "query: ", "document": "passage: "},
        device="cpu",
    )
    model.save(str(folder))


def _letter_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*string.ascii_lowercase, *string.digits]
    vocabulary = [*special, *letters, *string.punctuation, *(f"##{sign}" for sign in letters)]
    numbered = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbered, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=["input_ids", "attention_mask"],
    )


@pytest.fixture(scope="session")
def tiny_export(private_cache: Path, tiny_model: Path) -> Path:
    """The exported tiny model."""
    return cached_export(resolve_model(str(tiny_model)), default_cache())


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model hub is never asked."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def quiet_models() -> Iterator[None]:
    """For a test that loads a model itself: transformers warns of its own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
