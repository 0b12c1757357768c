"""Reading catalog.toml, and explaining what is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from indexing.catalog.config import CatalogConfig
from indexing.catalog.quoting import quoted, shortened
from shortlist.engine.query_reading import fields_at
from shortlist.errors import CatalogError

MOST_BYTES = 1_000_000
MOST_EXPLAINED = 10


def read_catalog_config(path: Path) -> CatalogConfig:
    """The validated settings in a catalog.toml.

    Raises CatalogError for a missing file, bad TOML (line and column), an unknown key (the
    nearest known one is named) or a value out of range.
    """
    try:
        raw = tomllib.loads(_text_of(path))
    except FileNotFoundError as error:
        raise CatalogError(f"{path}: no such catalogue description; pass --catalog PATH") from error
    except RecursionError as error:
        raise CatalogError(f"{path}: cannot be read as TOML: nested too deeply") from error
    except (OSError, ValueError) as error:  # a number of too many digits is a ValueError
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
    if "folder" in raw:
        raise CatalogError(f"{path}: unknown key 'folder'; paths start at the file's own folder")
    try:
        return CatalogConfig.model_validate({**raw, "folder": path.resolve().parent})
    except ValidationError as error:
        shown = error.errors(include_url=False, include_context=False)[:MOST_EXPLAINED]
        lines = [f"{path}: {_explain(dict(problem))}" for problem in shown]
        more = error.error_count() - len(shown)
        lines += [f"{path}: {more} more problems"] if more else []
        raise CatalogError("\n".join(lines)) from error


def _text_of(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise CatalogError(f"{path}: expected at most {MOST_BYTES} bytes; is it a description?")
    return content.decode("utf-8-sig")


def _told(part: str) -> str:
    """A part of a place as a message has it; an address may hold a password."""
    return "***" if _may_be_secret(part) else shortened(part)


def _may_be_secret(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_may_be_secret, value))
    return isinstance(value, dict) or (isinstance(value, str) and "://" in value)


def _explain(problem: dict[str, Any]) -> str:
    where = ".".join(_told(str(part)) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = sorted({*fields_at(CatalogConfig, problem["loc"][:-1])} - {"folder"})
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        nearest = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key '{where}'; {nearest}"
    if problem["type"] == "missing":
        return f"missing key '{where}'"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["loc"][-1:] == ("url",) or _may_be_secret(problem["input"]):
        return f"{where}: {message}" if where else message  # it may hold a password
    return f"{where}: {message}, found {quoted(problem['input'])}" if where else message
