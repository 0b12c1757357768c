"""Signatures of versions: Ed25519 over the manifest, which covers every other file by checksum.

Only here, and only where a key is given, is `cryptography` imported.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shortlist.bundle import layout
from shortlist.errors import BundleUntrusted, SigningError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

    PrivateKey = Ed25519PrivateKey
    TrustedKeys = tuple[Ed25519PublicKey, ...]

SIGNATURE_BYTES = 64


def make_key(path: Path) -> Path:
    """Write a new private key, readable by its owner alone; returns the public key's path.

    That is the same with `.pub` behind it; both are PEM files. Raises SigningError when one of
    them is there already or cannot be written.
    """
    with _explained(path):
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )
        public = key.public_key().public_bytes(
            form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo
        )
        _write_new(path, private, mode=0o600)
        return _write_new(path.with_name(f"{path.name}.pub"), public, mode=0o644)


def _write_new(path: Path, content: bytes, *, mode: int) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    return path


def read_private_key(path: Path) -> PrivateKey:
    """The key in a PEM file. Raises SigningError for anything but an Ed25519 private key."""
    with _explained(path):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningError(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
        return key


def sign(folder: Path, key: PrivateKey) -> None:
    """Write the signature of a sealed folder beside its manifest."""
    path = folder / layout.SIGNATURE
    path.write_bytes(key.sign((folder / layout.MANIFEST).read_bytes()))
    path.chmod(0o444)


def read_trusted_keys(texts: Iterable[str]) -> TrustedKeys:
    """Public keys, each a PEM file's path or what stands in such a file between its marks.

    Raises SigningError for one that is neither.
    """
    return tuple(_public_key(text) for text in texts)


def _public_key(text: str) -> Ed25519PublicKey:
    with _explained(text):
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import (
            load_der_public_key,
            load_pem_public_key,
        )

        path = Path(text)
        if path.is_file():
            key = load_pem_public_key(path.read_bytes())
        else:
            key = load_der_public_key(base64.b64decode(text, validate=True))
        if not isinstance(key, Ed25519PublicKey):
            raise SigningError(f"{text}: expected an Ed25519 key, found {type(key).__name__}")
        return key


def check_signature(folder: Path, manifest: bytes, keys: TrustedKeys) -> None:
    """Raises BundleUntrusted unless one of these keys signed the manifest's bytes."""
    from cryptography.exceptions import InvalidSignature

    try:
        with (folder / layout.SIGNATURE).open("rb") as stream:
            signature = stream.read(SIGNATURE_BYTES + 1)
    except OSError as error:
        raise BundleUntrusted(
            f"{layout.SIGNATURE}: {error.strerror}: the version is not signed, and only versions"
            " signed with a trusted key are taken; build with --sign"
        ) from error
    for key in keys:
        try:
            key.verify(signature, manifest)
        except InvalidSignature:
            continue
        return
    raise BundleUntrusted(f"{layout.SIGNATURE}: no trusted key has signed this version")


@contextmanager
def _explained(key: str | Path) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise SigningError(
            f"signatures need {error.name}, which is not installed; install shortlist[signing]"
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise SigningError(f"{key}: cannot be used as a key: {error}") from error
