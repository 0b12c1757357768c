"""The settings that a version was built with, as changes to it need them."""

from __future__ import annotations

import json
from pathlib import Path

from indexing.catalog.config import CatalogConfig
from shortlist.bundle import layout
from shortlist.errors import BundleCorrupt

_PLACES = ("file", "query", "url", "delimiter", "quote", "encoding")
"""Where records come from and how a file of them is written: no change needs it, some is secret."""

_ELSEWHERE = {"folder", "source", "build"}
"""What says where something is and nothing of what comes of it: equal builds write the same."""

_CHANGES = "changes"


def write_settings(folder: Path, config: CatalogConfig) -> None:
    """Write what `read_settings` reads: no path, no address of a database, no secret."""
    plain = config.model_dump(mode="json", exclude=_ELSEWHERE, exclude_unset=True)
    for table in ("items", "tags", "ratings"):
        if plain.get(table) is not None:
            kept = {key: one for key, one in plain[table].items() if key not in _PLACES}
            plain[table] = {**kept, "file": _CHANGES}
    if plain.get("events") is not None:
        plain["events"] = {**plain["events"], "url": _CHANGES, "user_key": ""}
    text = json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / layout.SETTINGS).write_text(f"{text}\n", encoding="utf-8")


def read_settings(folder: Path) -> CatalogConfig:
    """The settings of a bundle's catalogue. Raises BundleCorrupt for what is none."""
    path = folder / layout.SETTINGS
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return CatalogConfig.model_validate({**plain, "folder": folder})
    except (OSError, ValueError, TypeError) as error:
        raise BundleCorrupt(f"{layout.SETTINGS}: no catalogue's settings: {error}") from error
