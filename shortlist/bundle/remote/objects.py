"""The objects below one address: read, replaced on a condition, listed and removed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotModifiedError,
    PreconditionError,
)
from obstore.store import GCSStore, S3Store

from shortlist.errors import StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Config

    from shortlist.bundle.location import Address

PART_BYTES = 8 << 20
"""So much is sent and fetched at a time; what is cut off is asked for again from there."""

_PARTS_AT_A_TIME = 4
_DELETED_AT_A_TIME = 1000

_QUICK = {"timeout": "5s", "connect_timeout": "2s"}
_PATIENT = {"timeout": "30s", "connect_timeout": "5s"}

_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"), "gs": ()}

_STATUS = re.compile(r"status code: (\d{3}[A-Za-z ]*)")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_CAUSES = (
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
    ("Connection refused", "the connection is refused"),
    ("dns error", "its name is not known"),
    ("error sending request", "it cannot be reached"),
    ("body from connection", "the answer was cut off"),
    ("error decoding response body", "the answer was cut off"),
)


@dataclass(frozen=True)
class Tag:
    """Which content an object has: a replacement may depend on it."""

    e_tag: str | None
    version: str | None

    def condition(self) -> dict[str, str]:
        """What a store is asked to compare: most know objects by one of both."""
        both = {"e_tag": self.e_tag, "version": self.version}
        return {name: value for name, value in both.items() if value is not None}

    def of_another(self) -> Tag:
        """One of the same kind that no content has: an ETag of zeros, the version before all."""
        zeros, first = f'"{"0" * 32}"', "1"
        return Tag(self.e_tag and zeros, self.version and first)


@dataclass(frozen=True)
class Found:
    """What an object holds, and its tag."""

    content: bytes
    tag: Tag


UNCHANGED = object()
"""In the place of what an object holds that is as it was."""


class Objects:
    """The objects below an address. For many threads, but not across a fork.

    Whatever goes wrong is a StoreError, which names the object and the reason and nothing else of
    what the store or its library says: that may hold parts of credentials.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        # An attempt that hangs is given up soon where somebody looks again anyway.
        self._quick = _connected(address, _QUICK, retries=2, within_s=4)
        self._patient = _connected(address, _PATIENT, retries=6, within_s=25)

    def read(
        self,
        name: str,
        *,
        unlike: Tag | None = None,
        most_bytes: int = 16 << 20,
        quick: bool = False,
    ) -> Found | object | None:
        """What an object holds, None without it, UNCHANGED where it has the tag `unlike`."""
        options: Any = {} if unlike is None else {"if_none_match": unlike.e_tag}
        with self._explained(name):
            try:
                answer = obstore.get(self._quick if quick else self._patient, name, options=options)
                if answer.meta["size"] > most_bytes:
                    raise StoreError(f"{self.address}/{name}: more than {most_bytes} bytes")
                return Found(bytes(answer.bytes()), _tag(answer.meta))
            except NotModifiedError:
                return UNCHANGED
            except FileNotFoundError:
                return None

    def content(self, name: str, *, most_bytes: int = 16 << 20) -> Found | None:
        """What an object holds, None without it."""
        found = self.read(name, most_bytes=most_bytes)
        assert found is None or isinstance(found, Found)
        return found

    def create(self, name: str, content: bytes) -> Tag | None:
        """Write an object that is not there; None when it is."""
        return self._put(name, content, "create")

    def replace(self, name: str, content: bytes, tag: Tag) -> Tag | None:
        """Write an object that has this tag; None when it has another, or is gone."""
        return self._put(name, content, tag.condition())

    def write(self, name: str, content: bytes) -> None:
        """Write an object, whatever is there."""
        self._put(name, content, "overwrite")

    def _put(self, name: str, content: bytes, mode: Any) -> Tag | None:

        with self._explained(name):
            try:
                return _tag(obstore.put(self._patient, name, content, mode=mode))
            except (AlreadyExistsError, PreconditionError):
                return None
            except FileNotFoundError:
                if isinstance(mode, dict):
                    return None
                raise

    def upload(self, name: str, path: Path) -> None:
        """Write an object from a file, in parts; nobody sees it before it is whole."""
        with self._explained(name):
            obstore.put(
                self._patient,
                name,
                path,
                chunk_size=PART_BYTES,
                max_concurrency=_PARTS_AT_A_TIME,
            )

    def size(self, name: str) -> int | None:
        """The bytes of an object, None without it; asked for by name, so never out of date."""
        with self._explained(name):
            try:
                return int(obstore.head(self._patient, name)["size"])
            except FileNotFoundError:
                return None

    def part(self, name: str, start: int, length: int) -> bytes | None:
        """So many bytes of an object from there on, None without it."""
        with self._explained(name):
            try:
                return bytes(obstore.get_range(self._patient, name, start=start, length=length))
            except FileNotFoundError:
                return None

    def remove(self, names: Iterable[str], *, before_each: Callable[[], None]) -> None:
        """Remove objects; `before_each` request it may be stopped by an error."""
        waiting = list(names)
        for begin in range(0, len(waiting), _DELETED_AT_A_TIME):
            before_each()
            some = waiting[begin : begin + _DELETED_AT_A_TIME]
            with self._explained(some[0]):
                obstore.delete(self._patient, some)

    def names(self, below: str) -> Iterator[str]:
        """The names of the objects below a folder, as the store lists them."""
        with self._explained(below):
            for batch in obstore.list(self._patient, below, chunk_size=1000):
                yield from (one["path"] for one in batch)

    def folders(self) -> list[str]:
        """The folders at the top, as the store lists them."""
        with self._explained(""):
            found = obstore.list_with_delimiter(self._patient)
        return [one.rstrip("/").rpartition("/")[2] for one in found["common_prefixes"]]

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:

        try:
            yield
        except (BaseError, OSError) as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # a file of this machine
            where = f"{self.address}/{name}".rstrip("/")
            raise StoreError(f"{where}: {_reason(error)}") from None


def endpoint_of(address: Address) -> str:
    """Where the store is reached, empty for the cloud's own."""
    named = (os.environ.get(name, "") for name in _ENDPOINTS[address.scheme])
    return next(filter(None, named), "")


def _connected(
    address: Address, limits: dict[str, str], *, retries: int, within_s: float
) -> ObjectStore:
    """A client; it connects when it is first asked."""
    endpoint = endpoint_of(address)
    config: S3Config = {"endpoint": endpoint} if endpoint else {}
    how: Any = {
        "prefix": address.prefix or None,
        "client_options": {**limits, "allow_http": endpoint.startswith("http://")},
        "retry_config": {
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=within_s),
            "backoff": {"max_backoff": timedelta(seconds=2)},
        },
    }
    try:
        if address.scheme == "gs":
            return GCSStore(address.bucket, **how)
        config["checksum_algorithm"] = "SHA256"
        return S3Store(address.bucket, config=config, **how)
    except Exception as error:
        raise StoreError(
            f"{address}: what the environment says of the store and its credentials cannot be used"
            f" ({type(error).__name__})"
        ) from None


def _tag(said: Any) -> Tag:
    return Tag(said.get("e_tag"), said.get("version"))


def _reason(error: Exception) -> str:
    """Why the store did not do what was asked, of what is safe to say."""
    text = str(error)
    found = [match[1].strip() for one in (_STATUS, _CODE) if (match := one.search(text))]
    if found:
        return f"the store answers {': '.join(found)}"
    told = next((told for sign, told in _CAUSES if sign in text), type(error).__name__)
    return f"the store cannot be asked: {told}"
