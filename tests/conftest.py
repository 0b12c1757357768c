"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import shutil
import string
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from indexing.build import build
from indexing.bundle.store import ArtifactStore
from indexing.encoder.export import cached_export, default_cache
from indexing.encoder.models import resolve_model
from indexing.encoder.precision import Precision

TINY_DIM, TINY_MAX_LENGTH = 32, 48

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Exports are cached in a temporary folder, so that tests leave nothing in HOME."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return REPOSITORY


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder of ml-latest-small; skips without MOVIELENS, fails when it is wrong."""
    value = os.environ.get("MOVIELENS")
    if not value:
        pytest.skip("set MOVIELENS to the ml-latest-small folder: make test MOVIELENS=PATH")
    folder = Path(value)
    assert (folder / "movies.csv").is_file(), f"MOVIELENS={value}: no movies.csv in it"
    return folder


@pytest.fixture(scope="session")
def minilm_export(private_cache: Path) -> Path:
    """The exported all-MiniLM-L6-v2: a folder with model.xml, tokenizer.json, settings.json."""
    return cached_export(resolve_model("all-MiniLM-L6-v2"), default_cache())


@pytest.fixture(scope="session")
def sample_artifacts(tmp_path_factory: pytest.TempPathFactory, minilm_export: Path) -> Path:
    """An artifacts folder with the bundled sample published in f32. Read it, never write it.

    Its default profile is the notebook's, whose arithmetic a test can do by hand.
    """
    copy = tmp_path_factory.mktemp("sample") / "catalogue"
    shutil.copytree(REPOSITORY / "data/sample", copy)
    text = (copy / "catalog.toml").read_text(encoding="utf-8")
    assert 'default_profile = "tuned"' in text
    text = text.replace('default_profile = "tuned"', 'default_profile = "notebook"')
    (copy / "catalog.toml").write_text(text, encoding="utf-8")
    folder = tmp_path_factory.mktemp("sample-artifacts")
    build(copy / "catalog.toml", folder, precision=Precision.F32)
    return folder


@pytest.fixture(scope="session")
def sample_bundle(sample_artifacts: Path) -> Path:
    """The folder of the sample's published bundle. Read it, never write it."""
    return ArtifactStore(sample_artifacts).live_folder()


FILMS = """\
movieId,title,genres
1,Star Voyage (1999),Adventure|Sci-Fi
2,"Kitchen, The (2005)",Comedy
3,Deep Love (1987),Drama|Romance
4,Robot Dawn (2020),Sci-Fi
5,Silent Farm,(no genres listed)
"""
TAGS = """\
userId,movieId,tag,timestamp
1,1,space travel,10
2,1,aliens,11
1,2,cooking,12
2,4,robots,13
"""
RATINGS = """\
userId,movieId,rating,timestamp
1,1,5.0,10
2,1,4.0,11
3,1,4.5,12
1,2,2.0,13
2,3,3.5,14
"""
CATALOG = """\
name = "tiny"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
categories = { column = "genres", separator = "|", none = "(no genres listed)" }
[items.attributes]
year = { column = "title", pattern = '\\((\\d{4})\\)\\s*$', type = "integer" }
[tags]
file = "tags.csv"
item = "movieId"
tag = "tag"
[ratings]
file = "ratings.csv"
item = "movieId"
user = "userId"
value = "rating"
time = "timestamp"
scale = [0.5, 5.0]
[document]
template = "{title} {genres} {tags}"
"""

WriteCatalog = Callable[..., Path]


@pytest.fixture
def write_catalog(tmp_path: Path) -> WriteCatalog:
    """Writes a catalogue of five films; keyword arguments replace a file's text or bytes.

    `write_catalog(catalog=..., movies=..., tags=..., ratings=...)` returns catalog.toml's path.
    """

    def write(**replaced: str | bytes) -> Path:
        folder = tmp_path / "catalogue"
        folder.mkdir(exist_ok=True)
        texts = {"movies": FILMS, "tags": TAGS, "ratings": RATINGS, **replaced}
        catalog = texts.pop("catalog", CATALOG)
        for name, content in {"catalog.toml": catalog, **_csv_names(texts)}.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / name).write_bytes(data)
        return folder / "catalog.toml"

    return write


def _csv_names(texts: dict[str, str | bytes]) -> dict[str, str | bytes]:
    return {f"{name}.csv": content for name, content in texts.items()}


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
