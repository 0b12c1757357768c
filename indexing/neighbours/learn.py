"""From likes to both kinds of neighbours, by the model that the catalogue is small enough for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from tqdm import tqdm

from indexing.neighbours.co_liked import co_liked
from indexing.neighbours.cosine import cosine_neighbours
from indexing.neighbours.ease import ease_blocks
from indexing.neighbours.likes import Likes
from indexing.neighbours.lists import as_lists, strongest
from indexing.neighbours.models import Model, choose
from shortlist.bundle.sections.neighbour_lists import Neighbours

COLLABORATIVE_PER_ITEM = 80
CO_LIKED_PER_ITEM = 70
"""Both together, at 6 bytes a neighbour and 16 an item: at most 916 bytes an item."""


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
    regularisation: float = 100.0,
    quiet: bool = False,
) -> Learnt | None:
    """Learn both kinds of neighbours; None where no two items are liked by the same user."""
    matrix = likes.matrix
    if model is Model.NONE or not _any_pair(matrix):
        return None
    chosen = choose(model, n_users=matrix.shape[0], n_items=matrix.shape[1])
    hidden = True if quiet else None  # None: hidden unless on a terminal
    if chosen is Model.EASE:
        blocks = ease_blocks(matrix, regularisation=regularisation)
        shown = _counted(blocks, n_items=matrix.shape[1], hidden=hidden)
        collaborative = strongest(shown, per_item=COLLABORATIVE_PER_ITEM)
    else:
        collaborative = cosine_neighbours(
            matrix, per_item=COLLABORATIVE_PER_ITEM, show_progress=not quiet and sys.stderr.isatty()
        ).astype(np.float32)
    with tqdm(total=matrix.shape[1], unit="item", desc="co-liked", disable=hidden) as bar:
        together = co_liked(matrix, per_item=CO_LIKED_PER_ITEM, on_progress=bar.update)
    return Learnt(
        Neighbours(
            collaborative=as_lists(collaborative, likes.rows, n_items=n_items),
            co_liked=as_lists(together, likes.rows, n_items=n_items),
        ),
        chosen,
    )


def _any_pair(matrix: sparse.csr_matrix) -> bool:
    return bool(np.any(np.diff(matrix.indptr) >= 2))


def _counted(
    blocks: Iterator[npt.NDArray[np.float32]], *, n_items: int, hidden: bool | None
) -> Iterator[npt.NDArray[np.float32]]:
    with tqdm(total=n_items, unit="item", desc="neighbours", disable=hidden) as bar:
        for block in blocks:
            yield block
            bar.update(len(block))
