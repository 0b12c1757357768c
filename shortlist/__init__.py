"""Shortlist: two-stage search and recommendation over a published catalogue.

    import shortlist
    catalog = shortlist.open("data/artifacts")
    catalog.search("a robot left alone on earth", k=5)

`open` gives an `OpenCatalog`; what goes wrong is a `ShortlistError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shortlist.errors import ShortlistError

if TYPE_CHECKING:
    from shortlist.opened import OpenCatalog, open  # noqa: A004  # read as shortlist.open

__all__ = ["OpenCatalog", "ShortlistError", "open"]


def __getattr__(name: str) -> Any:
    """The engine is loaded when it is first asked for: other parts of the package stay light."""
    if name in __all__:
        return getattr(import_module("shortlist.opened"), name)
    raise AttributeError(f"module 'shortlist' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
