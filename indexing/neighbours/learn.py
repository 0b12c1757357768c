"""From likes to both kinds of neighbours, by the model that the catalogue is small enough for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from tqdm import tqdm

from indexing.neighbours.co_liked import co_liked
from indexing.neighbours.cosine import cosine
from indexing.neighbours.ease import Ease
from indexing.neighbours.likes import Likes
from indexing.neighbours.lists import as_lists, strongest
from indexing.neighbours.models import Model, choose
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.sections.neighbour_lists import Neighbours

CO_LIKED_PER_ITEM = 70


@dataclass(frozen=True)
class Settings:
    """How neighbours are learnt.

    `regularisation` is EASE's, `unliked` what a rating below a like counts beside 1 for a like,
    `per_item` how many collaborative neighbours an item has on average: with those of `co_liked`,
    at 6 bytes a neighbour and 16 an item, 916 bytes an item.
    """

    regularisation: float = 100.0
    unliked: float = 0.0
    per_item: int = 80


@dataclass(frozen=True)
class Learnt:
    """Neighbours of every item, and the model that `auto` came to."""

    neighbours: Neighbours
    model: Model


def learn_neighbours(
    likes: Likes,
    *,
    n_items: int,
    model: Model = Model.AUTO,
    settings: Settings | None = None,
    quiet: bool = False,
) -> Learnt | None:
    """Learn both kinds of neighbours; None where no two items are liked by the same user."""
    matrix, settings = likes.matrix, settings or Settings()
    if model is Model.NONE or not np.any(np.diff(likes.liked.indptr) >= 2):
        return None
    chosen = choose(model, n_users=matrix.shape[0], n_items=matrix.shape[1])
    collaborative = as_lists(
        _collaborative(matrix, chosen, settings, quiet=quiet), likes.rows, n_items=n_items
    )
    with _bar("co-liked", matrix.shape[1], quiet=quiet) as bar:
        together = as_lists(
            co_liked(likes.liked, per_item=CO_LIKED_PER_ITEM, on_progress=bar.update),
            likes.rows,
            n_items=n_items,
        )
    return Learnt(Neighbours(collaborative, together), chosen)


def _collaborative(
    matrix: sparse.csr_matrix, model: Model, settings: Settings, *, quiet: bool
) -> Iterator[sparse.csr_matrix]:
    """The weights that the model finds, float32 [items, items] in blocks of rows."""
    n_items = matrix.shape[1]
    if model is Model.EASE:
        fitted = Ease(matrix, regularisation=settings.regularisation)
        with _bar("neighbours", n_items, quiet=quiet) as bar:
            shown = _counted(fitted.blocks(), bar)
            yield strongest(shown, per_item=settings.per_item)
        return
    with _bar("neighbours", n_items, quiet=quiet) as bar:
        yield from cosine(matrix, per_item=settings.per_item, on_progress=bar.update)


def _counted(blocks: Iterator[Vectors], bar: tqdm[Any]) -> Iterator[Vectors]:
    for block in blocks:
        yield block
        bar.update(len(block))


def _bar(what: str, n_items: int, *, quiet: bool) -> tqdm[Any]:
    hidden = True if quiet else None  # None: hidden unless on a terminal
    return tqdm(total=n_items, unit="item", desc=what, disable=hidden)
