"""Reading catalog.toml, and explaining what is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from indexing.catalog.config import CatalogConfig
from shortlist.engine.query import fields_at
from shortlist.errors import CatalogError


def read_catalog_config(path: Path) -> CatalogConfig:
    """The validated settings in a catalog.toml.

    Raises CatalogError for a missing file, bad TOML (line and column), an unknown key (the
    nearest known one is named) or a value out of range.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise CatalogError(f"{path}: no such catalogue description; pass --catalog PATH") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogError(f"{path}: cannot be read as TOML: {error}") from error
    if "folder" in raw:
        raise CatalogError(f"{path}: unknown key 'folder'; paths start at the file's own folder")
    try:
        return CatalogConfig.model_validate({**raw, "folder": path.resolve().parent})
    except ValidationError as error:
        lines = [f"{path}: {_explain(dict(problem))}" for problem in error.errors()]
        raise CatalogError("\n".join(lines)) from error


def _explain(problem: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = sorted({*fields_at(CatalogConfig, problem["loc"][:-1])} - {"folder"})
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
        nearest = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key '{where}'; {nearest}"
    if problem["type"] == "missing":
        return f"missing key '{where}'"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}, found {problem['input']!r}" if where else message
