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


def ease_cost(n_users: int, n_items: int) -> tuple[float, float]:
    """Multiplications and bytes that EASE takes, of what grows fastest."""
    small = min(n_users, n_items)
    return float(small) * n_items * (small + n_items), 4.0 * small * n_items + 16.0 * small * small


def choose(model: Model, *, n_users: int, n_items: int) -> Model:
    """EASE or cosine for so many users and liked items, if it is left to us."""
    if model is not Model.AUTO:
        return model
    products, n_bytes = ease_cost(n_users, n_items)
    return Model.EASE if products <= MAX_PRODUCTS and n_bytes <= MAX_BYTES else Model.COSINE
