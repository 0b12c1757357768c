"""Where a store of events is, by its url."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from shortlist.errors import EventStoreError

_SQLITE, _POSTGRESQL = "sqlite:///", "postgresql://"


@dataclass(frozen=True)
class Address:
    """A store: the file of an embedded one, or the url of a server."""

    url: str = field(repr=False)
    path: Path | None

    def __str__(self) -> str:
        return f"SQLite file {self.path}" if self.path is not None else "PostgreSQL database"


def address_of(url: str) -> Address:
    """The store at a url. Raises EventStoreError, which shows nothing of the url."""
    if url.startswith(_SQLITE):
        path = unquote(url.removeprefix(_SQLITE))
        if not path or path == ":memory:" or "\0" in path or "?" in path:
            raise EventStoreError("expected sqlite:///file or sqlite:////folder/file")
        return Address(url, Path(path))
    if not url.startswith(_POSTGRESQL):
        raise EventStoreError("expected sqlite:///file or postgresql://user:password@host/name")
    _check_authority(url.removeprefix(_POSTGRESQL))
    return Address(url, None)


def _check_authority(rest: str) -> None:
    """What would be taken for a host's name could be told in a message: no part of a password."""
    where = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if rest.count("@") > where.count("@") or where.count("@") > 1 or "#" in rest:
        raise EventStoreError(
            "a user or password holds one of @ / ? #; write it as %40, %2F, %3F, %23"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})|[\x00-\x20]", rest):
        raise EventStoreError("a blank, or a % that is no code; write % as %25")
    if not re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::[0-9]+)?", where.rpartition("@")[2]):
        raise EventStoreError("expected user:password@host, or host:port with a number as port")
