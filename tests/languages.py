"""Models for other languages, as small as they come, and a catalogue that is not in English."""

from __future__ import annotations

import string
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexing.export import cached_export, default_cache
from indexing.models import resolve_model

CASED_DIM, CASED_MAX_LENGTH = 48, 60
PIECES_DIM, PIECES_MAX_LENGTH = 40, 64

BOOKS = """\
numer,tytul,rodzaj,opis
1,Łódź nocą (1998),Dramat,Tkacze opuszczają fabrykę w starym mieście
2,Źdźbło trawy (2003),Przyroda,Ogród babci i jego zapachy
3,Straße ohne Wiederkehr (1971),Krimi,Ein Kommissar sucht nachts die Brücke
4,L'été à Paris (1989),Romans,Une histoire d'amour au bord de la Seine
5,Książę i żebrak (1962),Dramat|Przygoda,Dwaj chłopcy zamieniają się miejscami
6,Zażółć gęślą jaźń (2011),Komedia,Wszystkie litery naraz
"""
READERS = """\
kto,numer,ocena
1,1,5
1,2,5
2,1,4
2,2,4
3,2,5
3,5,4
4,3,5
4,4,2
"""
CATALOG = """\
name = "ksiazki"
[items]
file = "books.csv"
id = "numer"
title = "tytul"
text = ["opis"]
categories = { column = "rodzaj" }
[ratings]
file = "readers.csv"
item = "numer"
user = "kto"
value = "ocena"
scale = [1, 5]
[document]
template = "{tytul} {rodzaj} {opis}"
[words]
language = "polish"
[encoder]
"""


def documents() -> list[str]:
    """What the catalogue's template makes of its six books, in their order."""
    lines = [line.split(",") for line in BOOKS.splitlines()[1:]]
    return [f"{title} {kinds} {about}" for _, title, kinds, about in lines]


def write_books(folder: Path, *encoder: str, language: str = "polish") -> Path:
    """Write the catalogue of six books, these lines below its `[encoder]`; catalog.toml's path."""
    folder.mkdir(exist_ok=True)
    (folder / "books.csv").write_text(BOOKS, encoding="utf-8")
    (folder / "readers.csv").write_text(READERS, encoding="utf-8")
    text = "\n".join([CATALOG.replace('"polish"', f'"{language}"'), *encoder, ""])
    (folder / "catalog.toml").write_text(text, encoding="utf-8")
    return folder / "catalog.toml"


@dataclass(frozen=True)
class Architecture:
    """A transformer's class and that of its sizes, and what the model adds behind it."""

    transformer: Any
    config: Any
    tokenizer: Any
    max_length: int
    width: int
    behind: list[Any]


@pytest.fixture(scope="session")
def cased_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of dimension 48 that knows the words of the six books, with case and accents.

    It pools the first token, normalises its vectors, takes token_type_ids and has no prompts.
    """
    return _saved(tmp_path_factory.mktemp("models") / "cased", _cased)


def _cased() -> Architecture:
    from sentence_transformers.models import Normalize, Pooling
    from transformers import BertConfig, BertModel

    return Architecture(
        transformer=BertModel,
        config=BertConfig,
        tokenizer=_word_tokenizer(),
        max_length=CASED_MAX_LENGTH,
        width=CASED_DIM,
        behind=[Pooling(CASED_DIM, "cls"), Normalize()],
    )


@pytest.fixture(scope="session")
def pieces_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random XLM-RoBERTa with a SentencePiece tokenizer, as most multilingual models have one.

    48 wide, it pools the mean and ends in a layer of dimension 40; its vectors have any length,
    its padding is number 1, and it has no prompts: whoever uses it has to name them.
    """
    return _saved(tmp_path_factory.mktemp("models") / "pieces", _of_pieces)


def _of_pieces() -> Architecture:
    from sentence_transformers.models import Dense, Pooling
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    special = [(sign, 0.0) for sign in ("<s>", "<pad>", "</s>", "<unk>")]
    return Architecture(
        transformer=XLMRobertaModel,
        config=XLMRobertaConfig,
        tokenizer=XLMRobertaTokenizer(vocab=[*special, *_pieces(), ("<mask>", 0.0)]),
        max_length=PIECES_MAX_LENGTH,
        width=48,
        behind=[Pooling(48, "mean"), Dense(48, PIECES_DIM)],
    )


@pytest.fixture(scope="session")
def pieces_export(private_cache: Path, pieces_model: Path) -> Path:
    """The exported model of pieces."""
    return cached_export(resolve_model(str(pieces_model)), default_cache())


@pytest.fixture(scope="session")
def cased_export(private_cache: Path, cased_model: Path) -> Path:
    """The exported cased model."""
    return cached_export(resolve_model(str(cased_model)), default_cache())


def _saved(folder: Path, architecture: Callable[[], Architecture]) -> Path:
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _save(architecture(), folder, raw=folder.with_name("raw"))
    return folder


def _save(made: Architecture, folder: Path, *, raw: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Transformer

    torch.manual_seed(11)
    config = made.config(
        vocab_size=len(made.tokenizer),
        hidden_size=made.width,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=made.max_length + 2,
        pad_token_id=made.tokenizer.pad_token_id,
        initializer_range=0.3,
    )
    made.transformer(config).save_pretrained(raw)
    made.tokenizer.save_pretrained(raw)
    first = Transformer(str(raw), max_seq_length=made.max_length)
    SentenceTransformer(modules=[first, *made.behind], device="cpu").save(str(folder))


def _words() -> list[str]:
    """The words of the six books."""
    return list(dict.fromkeys(word for text in documents() for word in text.split()))


def _letters() -> list[str]:
    """The letters of the six books, and those of ASCII."""
    return sorted({*"".join(_words()), *string.ascii_letters, *string.digits, *string.punctuation})


def _pieces() -> list[tuple[str, float]]:
    """Whole words and letters, each with the logarithm of its chance: a word beats its letters."""
    words = dict.fromkeys(f"▁{word}" for word in _words())
    letters = dict.fromkeys(["▁", *_letters(), *(f"▁{letter}" for letter in _letters())])
    return [
        *((word, -5.0) for word in words),
        *((one, -9.0) for one in letters if one not in words),
    ]


def _word_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*_letters(), *(f"##{letter}" for letter in _letters())]
    vocabulary = dict.fromkeys([*special, *_words(), *letters])
    numbered = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbered, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
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
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
