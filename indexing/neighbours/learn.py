"""From likes to both kinds of neighbours, by the model that the catalogue is small enough for."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from tqdm import tqdm

from indexing.neighbours.co_liked import co_liked
from indexing.neighbours.ease import Ease
from indexing.neighbours.likes import Likes
from indexing.neighbours.lists import as_lists, strongest
from indexing.neighbours.models import Model, choose
from shortlist.bundle.arrays import Vectors
from shortlist.bundle.sections.neighbour_lists import Neighbours
from shortlist.encoder.machine import available_cores

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
    # one after the other: of a million items either takes a gigabyte before it is lists
    collaborative = as_lists(
        _collaborative(matrix, chosen, settings, quiet=quiet), likes.rows, n_items=n_items
    )
    hidden = True if quiet else None  # None: hidden unless on a terminal
    with tqdm(total=matrix.shape[1], unit="item", desc="co-liked", disable=hidden) as bar:
        together = co_liked(likes.liked, per_item=CO_LIKED_PER_ITEM, on_progress=bar.update)
    return Learnt(
        Neighbours(collaborative, as_lists(together, likes.rows, n_items=n_items)), chosen
    )


def _collaborative(
    matrix: sparse.csr_matrix, model: Model, settings: Settings, *, quiet: bool
) -> sparse.csr_matrix:
    """The weights that the model finds, float32 [items, items]."""
    if model is Model.EASE:
        fitted = Ease(matrix, regularisation=settings.regularisation)
        hidden = True if quiet else None
        shown = _counted(fitted.blocks(), n_items=matrix.shape[1], hidden=hidden)
        return strongest(shown, per_item=settings.per_item)
    return cosine_neighbours(
        matrix, per_item=settings.per_item, show_progress=not quiet and sys.stderr.isatty()
    ).astype(np.float32)


def _counted(blocks: Iterator[Vectors], *, n_items: int, hidden: bool | None) -> Iterator[Vectors]:
    with tqdm(total=n_items, unit="item", desc="neighbours", disable=hidden) as bar:
        for block in blocks:
            yield block
            bar.update(len(block))


def cosine_neighbours(
    likes: sparse.csr_matrix, *, per_item: int, show_progress: bool = False
) -> sparse.csr_matrix:
    """The `per_item` items of largest cosine to each item's likes, float64 in (0, 1].

    Source: Deshpande and Karypis 2004; the computation is implicit's.
    """
    from implicit.nearest_neighbours import CosineRecommender

    model = CosineRecommender(K=per_item + 1, num_threads=available_cores())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a conversion that it does itself
        model.fit(likes.astype(np.float64), show_progress=show_progress)
    found = model.similarity.tocsr()
    found.setdiag(0.0)
    found.eliminate_zeros()
    found.sort_indices()
    return found
