"""What a result shows of an item beside its title and attributes: texts and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute

from shortlist.bundle.arrays import TEXT
from shortlist.errors import BundleCorrupt

TEXTS, ADDRESSES = ("subtitle", "description"), ("image", "link")
DISPLAYED = (*TEXTS, *ADDRESSES)
PREFIX = "display."

_SIGN = r"[^\s\x00-\x1f\\]"
ADDRESS = (
    rf"^(?:(?i:https?)://{_SIGN}+|/(?:[^/\s\x00-\x1f\\]{_SIGN}*)?"
    rf"|[^:/?#\s\x00-\x1f\\]+(?:[/?#]{_SIGN}*)?)$"
)
"""An address of the web, or one below the host that shows it: no script, no other scheme."""

Display = dict[str, str | None]


def are_addresses(texts: pa.Array) -> pa.Array:
    """Which texts may stand in a link, null for none."""
    return pa.compute.match_substring_regex(texts, ADDRESS)


def display_of(display: Mapping[str, pa.Array], row: int) -> Display:
    """What is shown of one item, None for what its catalogue does not have."""
    if not display:
        return dict.fromkeys(DISPLAYED)
    return {name: display[name][row].as_py() if name in display else None for name in DISPLAYED}


def read_display(path: Path, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The columns of a mapped file that are shown. Raises BundleCorrupt for what must not be."""
    found = {}
    for name in DISPLAYED:
        values = columns.get(PREFIX + name)
        if values is None:
            continue
        if values.type not in TEXT:
            raise BundleCorrupt(f"{path.name}: column {PREFIX + name!r}: expected texts")
        if name in ADDRESSES and not pa.compute.all(are_addresses(values), min_count=0).as_py():
            raise BundleCorrupt(
                f"{path.name}: column {PREFIX + name!r}: expected addresses of http or https"
            )
        found[name] = values
    return found
