"""Fixtures that several folders of tests share."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import string
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from indexing.export import cached_export, default_cache
from indexing.job import build
from indexing.models import resolve_model
from service.app import create_app
from service.config import Settings
from shortlist.bundle.manifest import version_name
from shortlist.bundle.store import ArtifactStore
from shortlist.encoder.machine import Precision
from shortlist.engine.snapshot import LoadOptions, Snapshot, load_snapshot
from shortlist.errors import CatalogError, ShortlistError

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


Films = Callable[..., Path]


@pytest.fixture
def films(write_catalog: Callable[..., Path], tiny_model: Path, tiny_export: Path) -> Films:
    """Writes the catalogue of five films with the tiny model in f32.

    `films((old, new), ..., movies=..., tags=..., ratings=...)` replaces parts of catalog.toml's
    text, each of which must be there, and whole files.
    """

    def write(*edits: tuple[str, str], **files: str | bytes) -> Path:
        path = write_catalog(**files)
        text = path.read_text() + f'[encoder]\nmodel = "{tiny_model}"\nprecision = "f32"\n'
        for old, new in edits:
            assert old in text, f"catalog.toml holds no {old!r}"
            text = text.replace(old, new, 1)
        path.write_text(text)
        return path

    return write


TOYS = {
    "catalog.toml": """\
name = "tiny"
[items]
file = "movies.csv"
id = "movieId"
title = "title"
categories = { column = "genres" }
[items.attributes]
year = { column = "title", pattern = '\\((\\d{4})\\)$', type = "integer" }
[tags]
file = "tags.csv"
item = "movieId"
tag = "tag"
[ratings]
file = "ratings.csv"
item = "movieId"
value = "rating"
scale = [0.5, 5.0]
[document]
template = "{title} {genres} {tags}"
[encoder]
model = "MODEL"
precision = "f32"
""",
    "movies.csv": """\
movieId,title,genres
30,Toy Story (1995),Adventure|Animation|Children|Comedy|Fantasy
10,Jumanji (1995),Adventure|Children|Fantasy
20,"Kitchen, The",
""",
    "tags.csv": "movieId,tag\n30,pixar\n30,pixar\n10,game\n30,fun\n",
    "ratings.csv": "movieId,rating\n30,4\n30,5\n10,3\n",
}


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The catalog.toml of three films in the order 30, 10, 20; 20 is cold. Read it only."""
    folder = tmp_path_factory.mktemp("toys")
    for name, text in TOYS.items():
        (folder / name).write_text(text.replace("MODEL", str(tiny_model)))
    return folder / "catalog.toml"


@pytest.fixture(scope="session")
def toys_artifacts(tmp_path_factory: pytest.TempPathFactory, toys: Path, tiny_export: Path) -> Path:
    """An artifacts folder with the three films published. Read it, never write it."""
    folder = tmp_path_factory.mktemp("toys-artifacts")
    build(toys, folder)
    return folder


@pytest.fixture
def live(tmp_path: Path, toys_artifacts: Path) -> Path:
    """A copy of `toys_artifacts` to write to."""
    return Path(shutil.copytree(toys_artifacts, tmp_path / "live"))


@pytest.fixture
def live_folder(live: Path) -> Path:
    """The folder of the version that is live in `live`."""
    return ArtifactStore(live).live_folder()


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, live: Path) -> Refused:
    """Builds a catalogue that must be refused; returns the error's message.

    Asserts that every file below a live artifacts folder is what it was, and that an empty one
    gets no version, no CURRENT and no leftovers.
    """

    def refuse(catalog: Path, error: type[ShortlistError] = CatalogError) -> str:
        before, empty = _digests(live), tmp_path / "empty"
        with pytest.raises(error) as caught:
            build(catalog, live)
        assert _digests(live) == before
        with pytest.raises(error):
            build(catalog, empty)
        assert {path.name for path in empty.glob("*")} <= {".lock"}
        assert ArtifactStore(empty).versions() == []
        assert ArtifactStore(empty).current() is None
        return str(caught.value)

    return refuse


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


OPTIONS = LoadOptions(precision=Precision.F32)
Change = Callable[[dict[str, Any]], object]


def app_over(artifacts: Path) -> Flask:
    """The service; its reloader looks at CURRENT only when asked to. Stop that in the end."""
    return create_app(Settings(artifacts=artifacts, precision=Precision.F32, poll_s=60))


@pytest.fixture(scope="session")
def sample_client(sample_artifacts: Path) -> Iterator[FlaskClient]:
    """The service over the bundled sample."""
    app = app_over(sample_artifacts)
    yield app.test_client()
    app.extensions["reloader"].stop()


@pytest.fixture(scope="session")
def sample_snapshot(sample_bundle: Path) -> Snapshot:
    """The bundled sample, loaded."""
    return load_snapshot(sample_bundle, OPTIONS)


@pytest.fixture(scope="session")
def once() -> Iterator[dict[str, Any]]:
    """What tests share although it is made from fixtures of a single test."""
    made: dict[str, Any] = {}
    yield made
    if "app" in made:
        made["app"].extensions["reloader"].stop()


@pytest.fixture
def tiny_artifacts(
    once: dict[str, Any],
    write_catalog: Callable[..., Path],
    minilm_export: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The five films, published once a run. Read it, never write it."""
    if "artifacts" not in once:
        folder = tmp_path_factory.mktemp("tiny-artifacts")
        build(write_catalog(), folder, precision=Precision.F32)
        once["artifacts"] = folder
    artifacts: Path = once["artifacts"]
    return artifacts


@pytest.fixture
def tiny_client(once: dict[str, Any], tiny_artifacts: Path) -> FlaskClient:
    """The service over the five films."""
    if "app" not in once:
        once["app"] = app_over(tiny_artifacts)
    client: FlaskClient = once["app"].test_client()
    return client


@pytest.fixture
def tiny_snapshot(once: dict[str, Any], tiny_artifacts: Path) -> Snapshot:
    """The five films, loaded."""
    if "snapshot" not in once:
        once["snapshot"] = load_snapshot(ArtifactStore(tiny_artifacts).live_folder(), OPTIONS)
    snapshot: Snapshot = once["snapshot"]
    return snapshot


@pytest.fixture
def client_of() -> Iterator[Callable[[Path], FlaskClient]]:
    """Starts the service over any artifacts folder; stopped at the end of the test."""
    apps: list[Flask] = []

    def start(artifacts: Path) -> FlaskClient:
        apps.append(app_over(artifacts))
        return apps[-1].test_client()

    yield start
    for app in apps:
        app.extensions["reloader"].stop()


class Publisher:
    """Writes altered copies of one sound version into an artifacts folder of its own.

    Unchanged files are hard links to the sound version's, which are read-only.
    """

    def __init__(self, sound: Path, root: Path) -> None:
        self.root = root
        self._sound = sound

    def publish(self, change: Change = lambda manifest: None, *, live: bool = True) -> str:
        """Publish a version whose manifest `change` has altered; returns its name."""
        manifest = json.loads((self._sound / "manifest.json").read_bytes())
        change(manifest)
        content = json.dumps(manifest, indent=1, sort_keys=True).encode()
        version = version_name(manifest["created_at"], content)
        shutil.copytree(self._sound, self.root / version, copy_function=os.link)
        self.replace(version, "manifest.json", content)
        if live:
            self.point_at(version)
        return version

    def point_at(self, text: str) -> None:
        """Put this text into CURRENT."""
        (self.root / "CURRENT").write_text(f"{text}\n")

    def replace(self, version: str, name: str, content: bytes) -> None:
        """Exchange one file of a version, whatever its manifest says."""
        path = self.root / version / name
        path.unlink()
        path.write_bytes(content)

    def flip_a_byte(self, version: str, name: str) -> None:
        """Damage one file of a version, its size unchanged."""
        content = bytearray((self.root / version / name).read_bytes())
        content[len(content) // 2] ^= 1
        self.replace(version, name, bytes(content))


@pytest.fixture
def publisher(tiny_artifacts: Path, tmp_path: Path) -> Publisher:
    """Publishes versions of the five films, sound or broken, into an empty folder."""
    root = tmp_path / "artifacts"
    root.mkdir()
    return Publisher(ArtifactStore(tiny_artifacts).live_folder(), root)
