"""Which model learns the collaborative weights."""

from __future__ import annotations

from enum import StrEnum

MAX_PRODUCTS = 4e12
MAX_BYTES = 2**31
"""What EASE may take: about two minutes on two cores, and 2 GiB."""


class Model(StrEnum):
    """What learns the collaborative weights; `auto` takes EASE as long as it is affordable."""

    AUTO = "auto"
    EASE = "ease"
    COSINE = "cosine"
    NONE = "none"


def choose(model: Model, *, n_users: int, n_items: int) -> Model:
    """EASE or cosine for so many users and liked items, if it is left to us."""
    if model is not Model.AUTO:
        return model
    small = min(n_users, n_items)  # what EASE takes, of what grows fastest
    products = float(small) * n_items * (small + n_items)
    n_bytes = 4.0 * small * n_items + 16.0 * small * small
    return Model.EASE if products <= MAX_PRODUCTS and n_bytes <= MAX_BYTES else Model.COSINE
