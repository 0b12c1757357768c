"""Where bundles lie: a folder, or an address in an object store."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shortlist.errors import StoreError

SCHEMES = ("s3", "gs")
EXTRA = "shortlist[s3]"
NO_CHANGES = (
    "changes are taken over HTTP where bundles lie in a folder, not in an object store; publish"
    " them with `shortlist apply`"
)

_CREDENTIALS = {
    "s3": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE",),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
        ("AWS_METADATA_ENDPOINT",),
        ("AWS_SKIP_SIGNATURE",),
    ),
    "gs": (
        ("GOOGLE_APPLICATION_CREDENTIALS",),
        ("GOOGLE_SERVICE_ACCOUNT",),
        ("GOOGLE_SERVICE_ACCOUNT_KEY",),
        ("GOOGLE_SKIP_SIGNATURE",),
    ),
}
"""Without any of these the library would ask the metadata address of a cloud."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,3}(?!/)")
_PLACE = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}(/[A-Za-z0-9!_.*'()=+,@ -]+)*")


@dataclass(frozen=True)
class Address:
    """A place in an object store: `scheme://bucket/prefix`, without credentials."""

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


Location = Path | Address


def location_of(text: str | Path) -> Location:
    """The folder or address that a text names; `file://` names a folder.

    Raises StoreError for an address that is none, without quoting what may be a secret in it. No
    folder is ever named like one: a Path, which has lost a slash, is read as the text was.
    """
    found = _SCHEME.match(str(text))
    if found is None:
        return Path(text)
    scheme, rest = found[1].lower(), str(text)[found.end() :]
    if scheme == "file":
        return _folder(str(text))
    if scheme not in SCHEMES:
        raise StoreError(
            f"{scheme}:// is not known; bundles lie in a folder, or at an address that begins with"
            f" {', '.join(f'{one}://' for one in SCHEMES)} or file://"
        )
    place = rest.rstrip("/")
    if not _PLACE.fullmatch(place) or {".", ".."} & set(place.split("/")):
        raise StoreError(
            f"{scheme}://…: expected {scheme}://bucket/prefix of letters, digits and -_.; keys,"
            " passwords and options belong in the environment"
        )
    bucket, _, prefix = place.partition("/")
    return Address(scheme, bucket, prefix)


def _folder(text: str) -> Path:
    """The folder of a file:// address; a Path has one slash left of three."""
    url = urlsplit(re.sub(r"^([A-Za-z]+):/(?!/)", r"\1:///", text))
    path = unquote(url.path)
    if url.netloc not in {"", "localhost"} or not path.strip("/") or url.query or url.fragment:
        raise StoreError("file://…: expected file:///folder, a folder of this machine")
    return Path(path)


def require_usable(address: Address) -> None:
    """Raises StoreError where the library is not installed or no credentials are configured."""
    if find_spec("obstore") is None:
        raise StoreError(f"{address} needs obstore, which is not installed; install {EXTRA}")
    ways = _CREDENTIALS[address.scheme]
    if not any(all(os.environ.get(name) for name in way) for way in ways):
        others = ", ".join(name for way in ways[1:] for name in way)
        raise StoreError(
            f"{address}: the environment has no credentials; set {' and '.join(ways[0])}, or one of"
            f" {others}"
        )
