"""Where a database is, and what of that is nobody else's business."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from shortlist.errors import CatalogError

POSTGRESQL, SQLITE = "postgresql", "sqlite"

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SQLITE_URL = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://")
_CONNECTION = {"connect_timeout": "10", "client_encoding": "utf8"}
"""What is asked of PostgreSQL unless the url does: seconds to wait for it, and UTF-8."""

_HIDDEN = {"user", "password", "sslpassword", "passfile"}
"""What a url may say behind the question mark that is not to be told."""

_HOST = r"(?:\[[^\]]*\]|[^:,\[\]]*)(?::[0-9]*)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*")

_SHORT = 3
"""What is shorter is hidden only where it stands alone, lest a message lose every such letter."""


@dataclass(frozen=True)
class Address:
    """A database: its kind, the URI that its driver takes, what messages leave out, its file."""

    kind: str
    uri: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    path: Path | None = field(default=None, repr=False)

    def scrubbed(self, text: str) -> str:
        """The text without users, passwords and the values of variables."""
        for secret in sorted({*self.secrets, *map(unquote, self.secrets)}, key=len, reverse=True):
            whole = re.escape(secret)
            pattern = whole if len(secret) >= _SHORT else rf"(?<!\w){whole}(?!\w)"
            text = re.sub(pattern, "***", text) if secret else text
        return text


def address_of(url: str, folder: Path, environment: Mapping[str, str]) -> Address:
    """The database at `url`, `${NAME}` in it replaced by the environment's NAME.

    A relative path of SQLite starts at `folder`. Raises CatalogError, which shows nothing of the
    url, for a variable that is not set and for what is no url of a database.
    """
    whole = expanded(url, environment)
    values = tuple(environment[name] for name in _VARIABLE.findall(url))
    if whole.startswith(SQLITE_URL):
        path = folder / whole.removeprefix(SQLITE_URL)
        return Address(SQLITE, f"file:{quote(str(path))}?mode=ro", (whole, *values), path)
    if whole.startswith(_POSTGRESQL):
        return _postgresql(whole, values)
    raise CatalogError("url: expected postgresql://user:password@host/name or sqlite:///file")


def expanded(text: str, environment: Mapping[str, str]) -> str:
    """The text with `${NAME}` replaced by the environment's NAME.

    Raises CatalogError, which shows nothing of it, for a variable that is not set.
    """
    names = _VARIABLE.findall(text)
    unset = next((name for name in names if not environment.get(name)), None)
    if unset is not None:
        raise CatalogError(f"url: the environment has no {unset}; set it")
    return _VARIABLE.sub(lambda found: environment[found[1]], text)


def _postgresql(url: str, values: tuple[str, ...]) -> Address:
    parts = _parts(url)
    asked = [(unquote(name), value) for name, value in map(_option, filter(None, parts[1]))]
    user, _, password = parts[0].rpartition("@")[0].partition(":")
    hidden = (user, password, *(value for name, value in asked if name in _HIDDEN))
    given = {name for name, _ in asked}
    more = "&".join(f"{name}={one}" for name, one in _CONNECTION.items() if name not in given)
    return Address(
        POSTGRESQL,
        f"{url}{'&' if any(parts[1]) else '?'}{more}",
        (url, *values, *filter(None, hidden)),
    )


def _option(text: str) -> tuple[str, str]:
    """The name and the value of an option, as they are written."""
    name, _, value = text.partition("=")
    if text.count("=") != 1 or "%00" in text:
        raise CatalogError(
            "url: behind the ? expected name=value, parted by &; write & and = in a value as %26"
            " and %3D"
        )
    return name, value


def _parts(url: str) -> tuple[str, list[str]]:
    """Who and where, and the options behind the question mark.

    What libpq would take for something else than was meant it may show in a message: a password's
    part for a host's name.
    """
    rest = url.partition("://")[2]
    where = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if rest.count("@") > where.count("@") or where.count("@") > 1 or "#" in rest:
        raise CatalogError(
            "url: a user or password holds one of @ / ? #; write it as %40, %2F, %3F, %23"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})|[\x00-\x20]", rest):
        raise CatalogError("url: a blank, or a % that is no code; write % as %25")
    if not _HOSTS.fullmatch(where.rpartition("@")[2]):
        raise CatalogError("url: expected user:password@host, or host:port with a number as port")
    return where, rest.partition("?")[2].split("&")
